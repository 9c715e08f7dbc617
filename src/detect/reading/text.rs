// SPDX-License-Identifier: EUPL-1.2
//! Every readable text of a mail, with its place and its normal form, collected once for all detectors.

use std::borrow::Cow;

use memchr::memmem;

use super::lines::lines;
use super::normal::normalise;
use super::opened::Opened;
use super::words::Words;
use super::zones;
use crate::document::Extract;
use crate::mime::html::{self, Shown};
use crate::mime::{Body, Message, Part, Stop, TIME, card, charset};

/// Longest text read from one place, in bytes: what `document` keeps of one attachment. More is a finding.
const LONGEST: usize = 20 << 20;
/// All texts of one mail together, in bytes: more than a lawful mail of 50 MB holds. More is a finding.
const MOST: usize = 64 << 20;
/// Bytes gone over to tell what the HTML says beyond the plain text; what is not looked up counts as more.
const MOST_COMPARED: usize = 256 << 20;

/// A text that detectors read: part of the message or of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The contract's place: `subject`, `body`, `body#quoted`, `body#html`, `attachment:a.zip/b.docx#footer`.
    pub place: String,
    /// As decoded; HTML already turned to visible text.
    pub original: String,
    /// NFKC, zero-width characters removed, confusables folded, lower case, accents stripped.
    pub normal: String,
}

impl Text {
    pub fn new(place: impl Into<String>, original: impl Into<String>) -> Text {
        let mut original = original.into();
        if original.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|at| original.is_char_boundary(*at)).unwrap_or(0);
            original.truncate(end);
        }
        let normal = normalise(&original);
        Text { place: place.into(), original, normal }
    }
}

/// All texts: subject, body by zones, nested messages, text attachments, and what documents gave.
pub fn gather(message: &Message, opened: &[Opened], words: &Words) -> Vec<Text> {
    gather_until(message, opened, words, &Bounds { stop: &Stop::never(), most: MOST }).0
}

/// Where gathering ends.
pub struct Bounds<'a> {
    pub stop: &'a Stop<'a>,
    /// All texts together, in bytes.
    pub most: usize,
}

/// The same, but ends when told to; beside the texts, what ended the reading early: the time, or too much text.
pub fn gather_until(
    message: &Message,
    opened: &[Opened],
    words: &Words,
    bounds: &Bounds<'_>,
) -> (Vec<Text>, Option<&'static str>) {
    let mut texts = Vec::new();
    let mut tally = Tally { bounds, seen: 0, kept: 0 };
    for header in message.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("subject")) {
        texts.push(Text::new("subject", header.value.as_str()));
    }
    let replied = texts.first().is_some_and(|subject: &Text| words.subject(&subject.original).replied);
    for (index, part) in message.parts.iter().enumerate() {
        if let Some(ended) = tally.ended(&texts) {
            return (texts, Some(ended));
        }
        match &part.body {
            Body::Text { html, text } if part.depth == 0 => own_body(*html, text, replied, words, &mut texts),
            Body::Text { html, text } => {
                let place = message.place(index);
                let Shown { shown, hidden } = visible(*html, text);
                texts.push(Text::new(place.as_str(), shown));
                push_hidden(&place, hidden, &mut texts);
            }
            Body::Message(headers) => {
                let subject = headers.iter().find(|h| h.name.eq_ignore_ascii_case("subject"));
                if let Some(subject) = subject {
                    texts.push(Text::new(format!("{}/subject", message.place(index)), subject.value.as_str()));
                }
            }
            Body::Attachment(bytes) => {
                for name in part.name.iter().chain(&part.other_name()) {
                    let words = name.replace(['_', '.'], " ");
                    texts.push(Text::new(format!("{}#name", message.place(index)), words));
                }
                if !opened.iter().any(|o| o.part == index) {
                    attached_text(message.place(index), bytes, part, &mut texts);
                }
            }
            Body::Multipart => {}
        }
    }
    for document in opened {
        if let Some(ended) = tally.ended(&texts) {
            return (texts, Some(ended));
        }
        of_extract(&document.place, &document.extract, &mut texts);
    }
    let ended = tally.ended(&texts);
    (texts, ended)
}

/// What reading has come to so far.
struct Tally<'a> {
    bounds: &'a Bounds<'a>,
    seen: usize,
    kept: usize,
}

impl Tally<'_> {
    fn ended(&mut self, texts: &[Text]) -> Option<&'static str> {
        // A text that was cut ends within a character of the limit.
        let mut cut = false;
        for text in &texts[self.seen..] {
            self.kept += text.original.len();
            cut |= text.original.len() + 4 > LONGEST;
        }
        self.seen = texts.len();
        if self.bounds.stop.now() { Some(TIME) } else { (cut || self.kept > self.bounds.most).then_some("text") }
    }
}

/// The body by zones; of a second version (HTML beside plain) only what it says more.
fn own_body(html: bool, text: &str, replied: bool, words: &Words, texts: &mut Vec<Text>) {
    let Shown { shown: original, hidden } = visible(html, text);
    let is_body = |t: &&Text| t.place.starts_with("body");
    if html && texts.iter().any(|t| is_body(&t)) {
        let known: String = texts.iter().filter(is_body).map(|t| solid(&t.original)).collect();
        let (mut left, mut at) = (MOST_COMPARED, 0);
        let mut is_known = |line: &str| {
            let line = solid(line);
            // Two versions of one text go line by line beside each other: only where they part is searched.
            let found = if known[at..].starts_with(&line) {
                Some(at)
            } else {
                let affordable = left >= known.len();
                left = left.saturating_sub(known.len());
                if affordable { memmem::find(known.as_bytes(), line.as_bytes()) } else { None }
            };
            at = found.map_or(at, |from| from + line.len());
            found.is_some()
        };
        let extra: Vec<&str> = original.lines().filter(|line| !is_known(line)).collect();
        if !extra.is_empty() {
            texts.push(Text::new("body#html", extra.join("\n")));
        }
        let hidden: Vec<&str> = hidden.lines().filter(|line| !is_known(line)).collect();
        return push_hidden("body", hidden.join("\n"), texts);
    }
    push_hidden("body", hidden, texts);
    let whole = Text::new("body", original);
    let pairs = paired(&whole);
    let runs = zones::split(&pairs, replied, &words.normal);
    match runs.as_slice() {
        [] => texts.push(whole),
        [(zone, _)] => texts.push(Text { place: zone.place().into(), ..whole }),
        runs => {
            for (zone, range) in runs {
                let of = |pick: fn(&(&str, &str)) -> usize| pairs[range.clone()].iter().map(pick).sum::<usize>();
                let mut original = String::with_capacity(of(|l| l.0.len() + 1));
                let mut normal = String::with_capacity(of(|l| l.1.len() + 1));
                for (line, folded) in &pairs[range.clone()] {
                    original.push_str(line);
                    original.push('\n');
                    normal.push_str(folded);
                    normal.push('\n');
                }
                if !normal.trim().is_empty() {
                    texts.push(Text { place: zone.place().into(), original, normal });
                }
            }
        }
    }
}

/// The lines as written, each with its normal form.
fn paired(text: &Text) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let (mut written, mut folded) = (lines(&text.original), lines(&text.normal));
    loop {
        match (written.next(), folded.next()) {
            (Some(line), Some(normal)) => pairs.push((line, normal)),
            (None, None) => return pairs,
            // A separator of another script: one zone rather than wrong ones.
            _ => return Vec::new(),
        }
    }
}

/// Without blanks: the same text, however it is wrapped.
fn solid(text: &str) -> String {
    let mut solid = String::with_capacity(text.len());
    text.split_whitespace().for_each(|word| solid.push_str(word));
    solid
}

/// What nobody sees is evidence all the same, at a place of its own.
fn push_hidden(place: &str, hidden: String, texts: &mut Vec<Text>) {
    if !hidden.trim().is_empty() {
        texts.push(Text::new(format!("{place}#hidden"), hidden));
    }
}

fn visible(html: bool, text: &str) -> Shown {
    if html {
        return html::text(text);
    }
    let text = line_ends(text);
    match html::as_displayed(&text) {
        Cow::Borrowed(_) => Shown { shown: text, hidden: String::new() },
        // Turned around on the screen: what was sent is read as well.
        Cow::Owned(shown) => Shown { shown, hidden: text },
    }
}

fn line_ends(text: &str) -> String {
    let bare = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if memchr::memchr_iter(b'\r', text.as_bytes()).any(bare) {
        // A CR alone ends a line to some readers' eyes; decision D5 speaks of the wire only.
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    }
}

/// Text and HTML files stay in this process; everything else is opened by a worker.
fn attached_text(place: String, bytes: &[u8], part: &Part, texts: &mut Vec<Text>) {
    let declared = part.charset();
    let declared = declared.as_deref();
    match part.extension.as_str() {
        "ics" | "vcf" => texts.push(Text::new(place, card::read(bytes, declared).text)),
        "txt" | "csv" => texts.push(Text::new(place, charset::decode(bytes, declared))),
        "xml" => texts.push(Text::new(place, charset::decode_markup(bytes, declared))),
        "html" => {
            let Shown { shown, hidden } = html::text(&charset::decode_markup(bytes, declared));
            texts.push(Text::new(place.as_str(), shown));
            push_hidden(&place, hidden, texts);
        }
        _ => {}
    }
}

fn of_extract(place: &str, extract: &Extract, texts: &mut Vec<Text>) {
    for segment in &extract.segments {
        texts.push(Text::new(format!("{place}{}", segment.place), segment.text.as_str()));
    }
    for child in &extract.children {
        let inner = format!("{place}/{}", child.name);
        texts.push(Text::new(format!("{inner}#name"), child.name.replace(['_', '.'], " ")));
        of_extract(&inner, child, texts);
    }
}

/// Whether a part's content stays in this process instead of going to a worker.
pub fn is_plain(extension: &str) -> bool {
    matches!(extension, "txt" | "csv" | "ics" | "vcf" | "html")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::{ParseBudget, parse};

    fn places(raw: &str) -> Vec<(String, String)> {
        let message = parse(raw.replace('\n', "\r\n").as_bytes(), &ParseBudget::default());
        gather(&message, &[], &Words::shipped()).into_iter().map(|t| (t.place, t.normal)).collect()
    }

    #[test]
    fn both_versions_are_read_and_only_the_difference_twice() {
        let mail = |html: &str| {
            format!(
                "Subject: Été\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nBonjour à tous\n--a\nContent-Type: text/html; charset=utf-8\n\n<p>{html}</p>\n--a--\n"
            )
        };
        let same: Vec<String> = places(&mail("Bonjour à tous")).into_iter().map(|(p, _)| p).collect();
        assert_eq!(same, ["subject", "body"]);
        let more = places(&mail("Bonjour à tous</p><p style=\"display:none\">SECRET"));
        assert_eq!(more[2], ("body#hidden".into(), "secret".into()));
        let more = places(&mail("Bonjour à tous</p><p>SECRET"));
        assert_eq!(more[2], ("body#html".into(), "secret".into()));
    }

    #[test]
    fn letters_turned_around_are_read_as_shown_and_as_sent() {
        let got = places("Content-Type: text/plain; charset=utf-8\n\n\u{202e}TERCES\u{202c}\n");
        let read: Vec<&str> = got.iter().map(|(_, text)| text.trim()).collect();
        assert!(read.contains(&"secret") && read.contains(&"terces"), "{got:?}");
    }

    fn until<'a>(stop: &'a Stop<'a>) -> Bounds<'a> {
        Bounds { stop, most: MOST }
    }

    #[test]
    fn reading_ends_when_told_to_and_where_there_is_too_much() {
        let many = "--a\n\nx\n".repeat(50);
        let raw = format!("Subject: s\nContent-Type: multipart/mixed; boundary=a\n\n{many}--a--\n");
        let message = parse(raw.replace('\n', "\r\n").as_bytes(), &ParseBudget::default());
        let asked = std::cell::Cell::new(0);
        let tenth = || {
            asked.set(asked.get() + 1);
            asked.get() >= 10
        };
        let (texts, ended) = gather_until(&message, &[], &Words::default(), &until(&Stop::when(&tenth)));
        assert_eq!((texts.len(), ended), (9, Some(TIME)));
        let long = parse(format!("X: {}", "x".repeat(LONGEST + 1)).as_bytes(), &ParseBudget::default());
        assert_eq!(gather_until(&long, &[], &Words::default(), &until(&Stop::never())).1, None, "one header");
        let long = parse(format!("\r\n{}", "x".repeat(LONGEST + 1)).as_bytes(), &ParseBudget::default());
        assert_eq!(gather_until(&long, &[], &Words::default(), &until(&Stop::never())).1, Some("text"));
    }

    #[test]
    fn attached_texts_and_names_have_their_place() {
        let got = places(
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nvoir\n--a\nContent-Type: text/csv; name=liste_1.csv\n\na;b\n--a--\n",
        );
        assert_eq!(got[1], ("attachment:liste_1.csv#name".into(), "liste 1 csv".into()));
        assert_eq!(got[2], ("attachment:liste_1.csv".into(), "a;b".into()));
    }
}
