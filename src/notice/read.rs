// SPDX-License-Identifier: EUPL-1.2
//! Reads one text: title, passages, places; reports each error with its place and remedy.

use std::ops::Range;

use super::digest::{self, DigestFigure, DigestList};
use super::text::{LONGEST, PLACES, Passage, Piece, Placeholder, Text};
use crate::diagnostic::{PolicyError, Source};

/// Reads one file.
pub(super) struct Reader<'f> {
    pub source: Source,
    /// A digest has other places than a notice about a mail.
    pub digest: bool,
    pub faults: &'f mut Vec<PolicyError>,
}

impl Reader<'_> {
    pub fn text(self) -> Text {
        let mut text = Text { title: String::new(), passages: Vec::new() };
        let (source, faults, known) = (self.source, self.faults, Known { digest: self.digest });
        let whole = source.inner().as_str();
        if whole.len() > LONGEST {
            faults.push(PolicyError::of_file(source.name(), format!("is longer than {LONGEST} bytes")));
            return text;
        }
        let mut open = false; // whether the next line may go on with the passage before it
        for (at, line) in lines(whole) {
            if text.title.is_empty() {
                match line.strip_prefix("# ").map(str::trim) {
                    Some(title) if !title.is_empty() && !title.contains('{') => text.title = title.to_owned(),
                    Some(title) if title.contains('{') => {
                        let message = "a title cannot contain places: everybody sees it in the list of mails";
                        faults.push(
                            PolicyError::at(&source, at..at + line.len(), message).help("write only the subject"),
                        );
                        text.title = title.to_owned();
                    }
                    _ if line.is_empty() => {}
                    _ => {
                        let message = "the notice has no title";
                        faults.push(
                            PolicyError::at(&source, at..at + line.len(), message)
                                .help("write `# ` and the subject of the mail as first line"),
                        );
                        return text;
                    }
                }
                continue;
            }
            let (item, words) = line.strip_prefix("- ").map_or((false, line), |words| (true, words.trim()));
            if line.is_empty() {
                open = false;
            } else if line == "{outcome}" && !known.digest {
                text.passages.push(Passage::NoticeOutcome);
                open = false;
            } else if let Some(list) = known.list(line) {
                text.passages.push(Passage::List(list));
                open = false;
            } else if let Some((label, place)) = known.labelled(line) {
                text.passages.push(Passage::Labelled(label, place));
                open = false;
            } else {
                let more = known.pieces(words, at + line.len() - words.len(), &source, faults);
                match text.passages.last_mut() {
                    Some(Passage::Paragraph(known) | Passage::Item(known)) if open && !item => {
                        known.push(Piece::Words(" ".into()));
                        known.extend(more);
                    }
                    _ if item => text.passages.push(Passage::Item(more)),
                    _ => text.passages.push(Passage::Paragraph(more)),
                }
                open = true;
            }
        }
        if text.title.is_empty() {
            let fault = PolicyError::of_file(source.name(), "the notice is empty");
            faults.push(fault.help("write `# ` and the subject of the mail as first line"));
        }
        text
    }

    /// Paragraphs without title or places.
    pub fn outcome(self) -> Vec<String> {
        let whole = self.source.inner().as_str();
        if let Some(at) = whole.find('{') {
            let message = "the text of an outcome cannot contain places";
            self.faults.push(
                PolicyError::at(&self.source, at..at + 1, message).help("the texts that use it contain the places"),
            );
        }
        let mut paragraphs: Vec<String> = Vec::new();
        let mut open = false;
        for (_, line) in lines(whole) {
            match paragraphs.last_mut() {
                _ if line.is_empty() => {}
                Some(paragraph) if open => {
                    paragraph.push(' ');
                    paragraph.push_str(line);
                }
                _ => paragraphs.push(line.to_owned()),
            }
            open = !line.is_empty();
        }
        if paragraphs.is_empty() {
            self.faults.push(PolicyError::of_file(self.source.name(), "is empty").help("say what became of the mail"));
        }
        paragraphs
    }
}

/// Trimmed lines with the byte at which each begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at + (line.len() - line.trim_start().len()).min(line.trim_end().len());
        at += line.len();
        (start, line.trim())
    })
}

/// Which places may be named.
#[derive(Clone, Copy)]
struct Known {
    digest: bool,
}

impl Known {
    /// A line that is a label, its colon and one place: it does not flow together with others.
    fn labelled(self, line: &str) -> Option<(String, Placeholder)> {
        let (label, place) = line.strip_suffix('}')?.rsplit_once('{')?;
        let label = label.trim_end();
        (label.ends_with(':') && !label.contains(['{', '}'])).then_some((label.to_owned(), self.place(place)?))
    }

    /// A line that is one list.
    fn list(self, line: &str) -> Option<DigestList> {
        DigestList::named(line.strip_prefix('{')?.strip_suffix('}')?).filter(|_| self.digest)
    }

    fn place(self, name: &str) -> Option<Placeholder> {
        match name {
            "date" => Some(Placeholder::Date),
            "charter" => Some(Placeholder::Charter),
            "recipient" if !self.digest => Some(Placeholder::Recipient),
            "reference" if !self.digest => Some(Placeholder::Reference),
            name if self.digest => DigestFigure::named(name).map(Placeholder::DigestFigure),
            _ => None,
        }
    }

    fn names(self) -> Vec<&'static str> {
        if self.digest { digest::places().collect() } else { PLACES.to_vec() }
    }

    /// What to write instead of a place there is not.
    fn help(self) -> String {
        format!(
            "the places are {}",
            self.names().iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
        )
    }

    /// Words and places of one line that begins at byte `at`.
    fn pieces(self, line: &str, at: usize, source: &Source, faults: &mut Vec<PolicyError>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = line;
        let place_at = |rest: &str, len: usize| -> Range<usize> {
            let start = at + line.len() - rest.len();
            start..start + len
        };
        while let Some(open) = rest.find('{') {
            let (words, tail) = rest.split_at(open);
            pieces.push(Piece::Words(words.to_owned()));
            let Some(close) = tail.find('}') else {
                faults
                    .push(PolicyError::at(source, place_at(tail, 1), "the closing brace is missing").help(self.help()));
                return pieces;
            };
            // Both braces are one byte, so these are boundaries.
            let name = &tail[1..close];
            match self.place(name) {
                Some(place) => pieces.push(Piece::Placeholder(place)),
                None => faults
                    .push(self.no_place(name, |message| PolicyError::at(source, place_at(tail, close + 1), message))),
            }
            rest = &tail[close + 1..];
        }
        pieces.push(Piece::Words(rest.to_owned()));
        pieces
    }

    fn no_place(self, name: &str, say: impl FnOnce(String) -> PolicyError) -> PolicyError {
        if name == "outcome" && !self.digest {
            return say("`{outcome}` becomes whole sentences".into()).help("write it alone on its line");
        }
        if self.digest && DigestList::named(name).is_some() {
            return say(format!("`{{{name}}}` becomes a list")).help("write it alone on its line");
        }
        say(format!("`{{{name}}}` is not a place")).help(self.help()).nearest(name, self.names())
    }
}
