// SPDX-License-Identifier: EUPL-1.2
//! Tells which recipient outside wrote which quoted lines: what came from him cannot leak to him, and to nobody else does
//! that make a difference (decisions D35, D36).
//!
//! Where he is the only one outside, the line above the quote suffices. Where there are several, the wrong name would
//! free the wrong copy: the line must be one that mail programs write, name one person, and the mail must be an answer
//! that nobody else's message can have asked for.

use std::cell::OnceCell;

use super::author::{addresses, comes_from, is_written_by, shown_names};
use crate::detect::reading::expressions::split;
use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::quotations::Quotation;
use crate::detect::reading::text::Text;
use crate::directory::Class;
use crate::mail::{Identity, Mailbox};

/// Bytes of a line that names an author.
const LONGEST: usize = 400;
/// First lines of a quote that may name its author.
const FIRST: usize = 3;
/// Runs of one text; beyond them nobody is taken for the author.
const RUNS: usize = 10_000;
/// Answers written between the lines of one quote that are looked over for its beginning.
const BETWEEN: usize = 20;

/// Who wrote lines: a recipient outside, or somebody else.
pub(super) type Author<'a> = Option<&'a Mailbox>;

/// Who wrote the lines of each depth of quoting, the outermost first.
type Speakers<'a> = Vec<(usize, Author<'a>)>;

/// Where a quote begins.
struct Begin<'a> {
    speakers: Speakers<'a>,
    /// The filled lines from which on heads of other messages, and lines that look like one, end what they say.
    heads_from: usize,
    lines_from: usize,
}

/// The recipients outside the house, to whom their own words may go back.
pub(super) struct Returned<'a> {
    inspection: &'a Inspection<'a>,
    outside: Vec<(Identity, &'a Mailbox)>,
    /// The names that the mail shows, of everybody.
    names: OnceCell<Vec<(Identity, Vec<String>)>>,
}

impl<'a> Returned<'a> {
    pub(super) fn new(inspection: &'a Inspection<'a>) -> Returned<'a> {
        let recipients = inspection.evidence.recipients.iter();
        let outside = recipients.filter(|r| !matches!(r.class, Class::Own | Class::Partner));
        let outside = outside.filter_map(|r| r.mailbox.as_ref()).map(|mailbox| (mailbox.identity(), mailbox));
        Returned { inspection, outside: outside.collect(), names: OnceCell::new() }
    }

    /// The one recipient outside, where there is one.
    pub(super) fn only(&self) -> Author<'a> {
        let [(_, only)] = self.outside.as_slice() else { return None };
        Some(only)
    }

    /// The authors of a text's filled lines: each run by the number of its first.
    pub(super) fn authors(&self, index: usize) -> Vec<(usize, Author<'a>)> {
        let mut runs = Vec::new();
        if !self.outside.is_empty() && self.quoted(index).is_some() {
            self.walk(index, BETWEEN, &mut runs);
        }
        runs
    }

    fn quoted(&self, index: usize) -> Option<&'a Text> {
        self.inspection.evidence.texts.get(index).filter(|text| text.place == "body#quoted")
    }

    /// Goes over the lines of a quote, and tells who was speaking at its end.
    fn walk(&self, index: usize, between: usize, runs: &mut Vec<(usize, Author<'a>)>) -> Speakers<'a> {
        let Some(text) = self.quoted(index) else { return Vec::new() };
        let heads = self.heads(index);
        let Begin { mut speakers, heads_from, lines_from } = self.begin(text, index, between, &heads);
        let mut lines = filled(text).enumerate().peekable();
        while let Some((nth, (at, line))) = lines.next() {
            let depth = depth(line);
            speakers.retain(|(of, _)| *of <= depth);
            match heads.iter().find(|head| head.lines.contains(&at)) {
                Some(head) if head.lines.start == at && nth >= heads_from => {
                    let below = filled(text).find(|(below, _)| *below >= head.lines.end);
                    let below = below.map_or(depth, |(_, line)| self::depth(line));
                    let author = self.author(head, speakers.is_empty());
                    speak(&mut speakers, below.max(depth), author);
                }
                None if nth >= lines_from && names_an_author(line) => {
                    let below = lines.peek().map_or(depth, |(_, (_, line))| self::depth(line));
                    speak(&mut speakers, below.max(depth), None);
                }
                _ => {}
            }
            let author = speakers.last().and_then(|(_, author)| *author).filter(|_| runs.len() < RUNS);
            if runs.last().is_none_or(|(_, last)| *last != author) {
                runs.push((nth, author));
            }
        }
        speakers
    }

    /// Who speaks where a quote begins. The line that names the author stands above lines with angles, and is one of the
    /// first of a quote without.
    fn begin(&self, text: &Text, index: usize, between: usize, heads: &[&Quotation]) -> Begin<'a> {
        let texts = self.inspection.evidence.texts;
        let above = index.checked_sub(1).filter(|&above| texts[above].place == "body");
        let line_above = above.and_then(|above| attribution(&texts[above].original));
        let first: Vec<(usize, &str)> = filled(text).take(FIRST).collect();
        let depth = first.first().map_or(0, |(_, line)| depth(line));
        let spoken_by = |author| Begin { speakers: vec![(depth, author)], heads_from: 0, lines_from: FIRST };
        let line_inside = first.iter().map(|(_, line)| *line).find(|line| line.contains(':'));
        if let Some(only) = self.only() {
            let is_above = line_above.is_some();
            let is_his = match line_above.as_deref().or(line_inside) {
                Some(line) => self.is_named(only, line),
                None => self.asked_by(only),
            };
            if is_his {
                return Begin { heads_from: if is_above { 0 } else { FIRST }, ..spoken_by(Some(only)) };
            }
        }
        if let Some(head) = above.and_then(|above| self.head_at_end(above)) {
            return spoken_by(self.author(head, true));
        }
        let unknown = Begin { speakers: Vec::new(), heads_from: 0, lines_from: 0 };
        if line_above.is_some() || heads.iter().any(|head| first.iter().any(|(at, _)| *at == head.lines.start)) {
            return unknown;
        }
        // An answer between the lines: the quote goes on where it stopped.
        if let Some(before) = above.and_then(|above| above.checked_sub(1)).filter(|_| between > 0)
            && self.quoted(before).is_some()
        {
            let mut speakers = self.walk(before, between - 1, &mut Vec::new());
            speakers.retain(|(of, _)| *of <= depth);
            return Begin { speakers, ..unknown };
        }
        match self.asker().filter(|_| line_inside.is_none()) {
            Some(asker) => spoken_by(Some(asker)),
            None => unknown,
        }
    }

    /// The heads of quoted messages in this text.
    fn heads(&self, index: usize) -> Vec<&'a Quotation> {
        let quotations = self.inspection.quotations().iter();
        quotations.filter(|quotation| quotation.text == index && !quotation.lines.is_empty()).collect()
    }

    /// The head with which this text ends.
    fn head_at_end(&self, index: usize) -> Option<&'a Quotation> {
        let head = self.heads(index).pop()?;
        let mut below = self.inspection.evidence.texts[index].original.lines().skip(head.lines.end);
        below.all(|line| line.trim().is_empty()).then_some(head)
    }

    /// The recipient outside whom a head names.
    fn author(&self, head: &Quotation, is_outermost: bool) -> Author<'a> {
        let found = match head.authors().next() {
            Some(address) => self.outside(&address.identity()),
            None if head.author.contains('@') => None,
            None => self.named(&split(&head.author)),
        }?;
        let alone = self.only().is_some();
        (alone || self.answers() && !(is_outermost && self.asked_by_another(found))).then_some(found)
    }

    fn outside(&self, identity: &Identity) -> Author<'a> {
        self.outside.iter().find(|(known, _)| known == identity).map(|(_, mailbox)| *mailbox)
    }

    /// By every word of the name that the mail's own header shows; of several the one with the most words. Two that are
    /// alike are none, one of them a colleague or not.
    fn named(&self, words: &[String]) -> Author<'a> {
        let names = self.names.get_or_init(|| shown_names(self.inspection));
        let fitting = || names.iter().filter(|(_, name)| is_written_by(words, name));
        let most = fitting().map(|(_, name)| name.len()).max()?;
        let mut best = fitting().filter(|(_, name)| name.len() == most).map(|(identity, _)| identity);
        let first = best.next()?;
        best.all(|other| other == first).then(|| self.outside(first)).flatten()
    }

    /// Whether a line names the only one outside: by his address, else by his name.
    fn is_named(&self, only: &'a Mailbox, line: &str) -> bool {
        let line = &line[..line.floor_char_boundary(LONGEST * 2)];
        if line.contains('@') {
            return addresses(line).any(|address| address.identity() == only.identity());
        }
        self.named(&split(line)) == Some(only)
    }

    /// Whether the mail is an answer.
    fn answers(&self) -> bool {
        let named = |field| self.inspection.header(field).is_some_and(|ids| !ids.trim().is_empty());
        named("In-Reply-To") || named("References") || self.inspection.subject().replied
    }

    fn asked_by(&self, recipient: &Mailbox) -> bool {
        self.inspection.header("In-Reply-To").is_some_and(|id| comes_from(id, recipient.domain().as_str()))
    }

    /// Whether what the mail answers was written in the house, or at the provider of another recipient alone.
    fn asked_by_another(&self, author: &Mailbox) -> bool {
        let Some(id) = self.inspection.header("In-Reply-To").filter(|_| !self.asked_by(author)) else { return false };
        let recipients = self.inspection.evidence.recipients.iter().filter_map(|r| r.mailbox.as_ref());
        let own = self.inspection.tables.own.iter().map(String::as_str);
        own.chain(recipients.map(|mailbox| mailbox.domain().as_str())).any(|domain| comes_from(id, domain))
    }

    /// The only recipient at whose provider the message was written that the mail answers, where he is the first of To.
    fn asker(&self) -> Author<'a> {
        let first = self.inspection.headers("To").flat_map(addresses).next()?.identity();
        let recipients = self.inspection.evidence.recipients.iter().filter_map(|r| r.mailbox.as_ref());
        let mut asking = recipients.filter(|mailbox| self.asked_by(mailbox));
        let asker = asking.next().filter(|_| asking.next().is_none())?;
        self.outside(&asker.identity()).filter(|_| asker.identity() == first)
    }
}

/// The lines that hold something, with their numbers.
fn filled(text: &Text) -> impl Iterator<Item = (usize, &str)> {
    text.original.lines().enumerate().filter(|(_, line)| !line.trim().is_empty())
}

/// From here on somebody speaks at this depth.
fn speak<'a>(speakers: &mut Speakers<'a>, depth: usize, author: Author<'a>) {
    speakers.retain(|(of, _)| *of < depth);
    speakers.push((depth, author));
}

/// How many signs of quoting a line has.
fn depth(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, '>' | ' ' | '|' | '\u{a0}' | '\t')).filter(|c| *c == '>').count()
}

/// Without the signs of quoting.
fn bare(line: &str) -> &str {
    line.trim_start_matches(['>', ' ', '|', '\u{a0}', '\t']).trim_end()
}

/// The last lines above a quote, where they end with a colon: some programs break this line in two.
fn attribution(above: &str) -> Option<String> {
    let mut lines = above.lines().rev().filter(|line| !line.trim().is_empty());
    let last = lines.next().filter(|line| line.trim_end().ends_with(':') && line.len() <= LONGEST)?;
    let before = lines.next().filter(|line| line.len() <= LONGEST).unwrap_or("");
    Some(format!("{before} {last}"))
}

/// "Le 3 mai 2026, X a écrit :", "De : X <x@y>", "-----Message d'origine-----".
fn names_an_author(line: &str) -> bool {
    let line = bare(line);
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    let header = line.split_once(':').is_some_and(|(name, rest)| name.len() <= 20 && rest.contains('@'));
    line.len() <= LONGEST && (line.ends_with(':') && digits >= 4 || header || line.starts_with("-----"))
}
