// SPDX-License-Identifier: EUPL-1.2
//! Reads one text: title, passages, places; reports each error with its place and remedy.

use std::ops::Range;

use super::text::{LONGEST, Passage, Piece, Text, TextKind};
use crate::diagnostic::{Diagnostic, Source};

/// Reads one file.
pub(super) struct Reader<'f> {
    pub source: Source,
    pub kind: TextKind,
    pub faults: &'f mut Vec<Diagnostic>,
}

impl Reader<'_> {
    pub fn text(mut self) -> Text {
        let mut text = Text::default();
        let source = self.source.clone();
        let whole = source.text();
        if whole.len() > LONGEST {
            self.faults.push(Diagnostic::of_file(source.name(), format!("is longer than {LONGEST} bytes")));
            return text;
        }
        let mut open = false; // whether the next line may go on with the passage before it
        for (at, line) in lines(whole) {
            if text.title.is_empty() && self.kind.has_title() {
                match self.title(at, line) {
                    Some(title) => text.title = title,
                    None if line.is_empty() => {}
                    None => return text,
                }
                continue;
            }
            let (item, words) = line.strip_prefix("- ").map_or((false, line), |words| (true, words.trim()));
            if line.is_empty() {
                open = false;
            } else if let Some(alone) = self.alone(line) {
                text.passages.push(alone);
                open = false;
            } else {
                let more = self.pieces(words, at + line.len() - words.len());
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
        if text.title.is_empty() && self.kind.has_title() {
            let fault = Diagnostic::of_file(source.name(), "the notice is empty");
            self.faults.push(fault.help("write `# ` and the subject of the mail as first line"));
        } else if self.kind == TextKind::Outcome && text.passages.is_empty() {
            self.faults.push(Diagnostic::of_file(source.name(), "is empty").help("say what became of the mail"));
        }
        text
    }

    /// The title on a line; `None` where there is none.
    fn title(&mut self, at: usize, line: &str) -> Option<String> {
        match line.strip_prefix("# ").map(str::trim) {
            Some(title) if !title.is_empty() => {
                if title.contains('{') {
                    let message = "a title cannot contain places: everybody sees it in the list of mails";
                    self.fault(at..at + line.len(), message, "write only the subject");
                }
                Some(title.to_owned())
            }
            _ => {
                if !line.is_empty() {
                    let help = "write `# ` and the subject of the mail as first line";
                    self.fault(at..at + line.len(), "the notice has no title", help);
                }
                None
            }
        }
    }

    /// A line that is one place, or a label, its colon and one place: it does not flow together with others.
    fn alone(&self, line: &str) -> Option<Passage> {
        let (label, name) = line.strip_suffix('}')?.rsplit_once('{')?;
        if label.is_empty()
            && let Some(block) = self.kind.block(name)
        {
            return Some(block);
        }
        let (place, label) = (self.kind.place(name)?, label.trim_end());
        let sound = (label.is_empty() || label.ends_with(':')) && !label.contains(['{', '}']);
        (sound && self.kind != TextKind::Outcome).then(|| Passage::Labelled(label.to_owned(), place))
    }

    /// Words and places of one line that begins at byte `at`.
    fn pieces(&mut self, line: &str, at: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = line;
        while let Some(open) = rest.find('{') {
            let (words, tail) = rest.split_at(open);
            pieces.push(Piece::Words(words.to_owned()));
            let start = at + line.len() - tail.len();
            let Some(close) = tail.find('}') else {
                self.fault(start..start + 1, "the closing brace is missing", self.places());
                return pieces;
            };
            // Both braces are one byte, so these are boundaries.
            match self.place(&tail[1..close], start..start + close + 1) {
                Ok(piece) => pieces.push(piece),
                Err(fault) => self.faults.push(fault),
            }
            rest = &tail[close + 1..];
        }
        pieces.push(Piece::Words(rest.to_owned()));
        pieces
    }

    /// What stands between two braces: `place`, or `place:one|several`.
    fn place(&self, inside: &str, span: Range<usize>) -> Result<Piece, Diagnostic> {
        let error = |message: String| Diagnostic::at(&self.source, span, message);
        let (name, forms) = inside.split_once(':').map_or((inside, None), |(name, forms)| (name, Some(forms)));
        let Some(place) = self.kind.place(name) else { return Err(self.no_place(name, error)) };
        match forms.map(|forms| forms.split('|').collect::<Vec<_>>()).as_deref() {
            None if self.kind == TextKind::Outcome => {
                let help = "the texts that use it contain the places; {recipient:one|several} chooses by number";
                Err(error("the text of an outcome cannot contain places".into()).help(help))
            }
            None => Ok(Piece::Placeholder(place)),
            Some(_) if !place.is_number() => {
                Err(error(format!("`{{{name}:…}}` chooses by number, and `{name}` is no number"))
                    .help(format!("write {{{name}}}, or {{recipient:one|several}}")))
            }
            Some([one, several]) => Ok(Piece::Number(place, (*one).to_owned(), (*several).to_owned())),
            Some(_) => Err(error(format!("`{{{name}:…}}` has two forms: for one, and for several"))
                .help(format!("write {{{name}:one|several}}"))),
        }
    }

    fn no_place(&self, name: &str, error: impl FnOnce(String) -> Diagnostic) -> Diagnostic {
        match self.kind.block(name) {
            Some(Passage::Outcome) => {
                error("`{outcome}` becomes whole sentences".into()).help("write it alone on its line")
            }
            Some(_) => error(format!("`{{{name}}}` becomes a list")).help("write it alone on its line"),
            None => error(format!("`{{{name}}}` is not a place")).help(self.places()).nearest(name, self.kind.names()),
        }
    }

    /// What to write instead of a place there is not.
    fn places(&self) -> String {
        let names: Vec<String> = self.kind.names().iter().map(|name| format!("{{{name}}}")).collect();
        format!("the places are {}", names.join(", "))
    }

    fn fault(&mut self, span: Range<usize>, message: &str, help: impl Into<String>) {
        self.faults.push(Diagnostic::at(&self.source, span, message).help(help));
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
