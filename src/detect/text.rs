// SPDX-License-Identifier: EUPL-1.2
//! Every readable text of a mail, with its place and its normal form, gathered once for all detectors.

use super::evidence::Opened;
use super::normal::normalise;
use super::zones;
use crate::document::Extract;
use crate::mime::{Body, Message};

/// Longest text read from one place, in bytes; a marking beyond the first megabytes of one text is not looked for.
const LONGEST: usize = 4 << 20;

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
pub fn gather(message: &Message, opened: &[Opened]) -> Vec<Text> {
    let mut texts = Vec::new();
    for header in message.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("subject")) {
        texts.push(Text::new("subject", header.value.as_str()));
    }
    let replied = texts.first().is_some_and(|subject: &Text| is_answer(&subject.normal));
    for (index, part) in message.parts.iter().enumerate() {
        match &part.body {
            Body::Text { html, text } if part.depth == 0 => own_body(*html, text, replied, &mut texts),
            Body::Text { html, text } => texts.push(Text::new(message.place(index), visible(*html, text))),
            Body::Message(headers) => {
                let subject = headers.iter().find(|h| h.name.eq_ignore_ascii_case("subject"));
                if let Some(subject) = subject {
                    texts.push(Text::new(format!("{}/subject", message.place(index)), subject.value.as_str()));
                }
            }
            Body::Attachment(bytes) => {
                if let Some(name) = &part.name {
                    let words = name.replace(['_', '.'], " ");
                    texts.push(Text::new(format!("{}#name", message.place(index)), words));
                }
                if !opened.iter().any(|o| o.part == index) {
                    attached_text(message.place(index), bytes, &part.extension, &mut texts);
                }
            }
            Body::Multipart => {}
        }
    }
    for document in opened {
        of_extract(&document.place, &document.extract, &mut texts);
    }
    texts
}

fn is_answer(subject: &str) -> bool {
    ["re:", "re :", "aw:", "antw:", "antw :", "rep:", "sv:", "رد:", "رد :"].iter().any(|p| subject.starts_with(p))
}

/// The body by zones; of a second version (HTML beside plain) only what it says more.
fn own_body(html: bool, text: &str, replied: bool, texts: &mut Vec<Text>) {
    let original = visible(html, text);
    let is_body = |t: &&Text| t.place.starts_with("body");
    if html && texts.iter().any(|t| is_body(&t)) {
        let known: String = texts.iter().filter(is_body).map(|t| solid(&t.original)).collect();
        let extra: Vec<&str> = original.lines().filter(|line| !known.contains(&solid(line))).collect();
        if !extra.is_empty() {
            texts.push(Text::new("body#html", extra.join("\n")));
        }
        return;
    }
    let whole = Text::new("body", original);
    let (mut written, mut folded) = (whole.original.lines(), whole.normal.lines());
    let mut lines: Vec<(&str, &str)> = Vec::new();
    loop {
        match (written.next(), folded.next()) {
            (Some(line), Some(normal)) => lines.push((line, normal)),
            (None, None) => break,
            _ => {
                lines.clear(); // a separator of another script: one zone rather than wrong ones
                break;
            }
        }
    }
    let runs = zones::split(&lines, replied);
    match runs.as_slice() {
        [] => texts.push(whole),
        [(zone, _)] => texts.push(Text { place: zone.place().into(), ..whole }),
        runs => {
            for (zone, range) in runs {
                let of = |pick: fn(&(&str, &str)) -> usize| lines[range.clone()].iter().map(pick).sum::<usize>();
                let mut original = String::with_capacity(of(|l| l.0.len() + 1));
                let mut normal = String::with_capacity(of(|l| l.1.len() + 1));
                for (line, folded) in &lines[range.clone()] {
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

/// Without blanks: the same text, however it is wrapped.
fn solid(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn visible(html: bool, text: &str) -> String {
    let bare = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if html {
        nanohtml2text::html2text(text)
    } else if memchr::memchr_iter(b'\r', text.as_bytes()).any(bare) {
        // A CR alone ends a line to some readers' eyes; decision D5 speaks of the wire only.
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    }
}

/// Text and HTML files stay in this process; everything else is opened by a worker.
fn attached_text(place: String, bytes: &[u8], extension: &str, texts: &mut Vec<Text>) {
    match extension {
        "ics" | "vcf" => texts.push(Text::new(place, values(&decode(bytes)))),
        "txt" | "csv" | "xml" => texts.push(Text::new(place, decode(bytes))),
        "html" => texts.push(Text::new(place, visible(true, &decode(bytes)))),
        _ => {}
    }
}

/// What a calendar or a card says, a line each, without the names of its properties (RFC 5545 §3.1, §3.3.11).
fn values(text: &str) -> String {
    let unfolded = text.replace("\r\n ", "").replace("\r\n\t", "").replace("\n ", "");
    let value = |line: &str| {
        let value = line.split_once(':').map_or(line, |(_, value)| value);
        value.replace("\\n", "\n").replace("\\N", "\n").replace("\\,", ",").replace("\\;", ";")
    };
    unfolded.lines().map(value).collect::<Vec<_>>().join("\n")
}

/// UTF-16 by its mark, UTF-8 where it is, windows-1252 else.
fn decode(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0.into_owned(),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
        },
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
    use crate::mime::{Budget, parse};

    fn places(raw: &str) -> Vec<(String, String)> {
        let message = parse(raw.replace('\n', "\r\n").as_bytes(), &Budget::default());
        gather(&message, &[]).into_iter().map(|t| (t.place, t.normal)).collect()
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
        assert_eq!(more[2].0, "body#html");
        assert!(more[2].1.contains("secret"));
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
