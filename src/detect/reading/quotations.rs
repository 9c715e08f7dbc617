// SPDX-License-Identifier: EUPL-1.2
//! Finds the messages that a body quotes, in whatever state of repair their headers are, and who wrote them.
//!
//! Programs put four to six lines over a quoted message, in one of two orders; people delete some, angle them, or paste
//! them into one line or a table. Who wrote it tells an answer from a thread that is passed on.

use std::ops::Range;

use super::text::Text;
use super::words::{HeaderName, Lines, Words};
use crate::directory::fold::{fold, letters};
use crate::mail::{Identity, Mailbox};

/// Lines of one text that are looked at.
const MOST_LINES: usize = 5_000;
/// Quotations kept: a thread of more turns says nothing new.
const MOST: usize = 50;
/// Bytes of a line that are read: a field of a header is short.
const FIELD: usize = 1_000;
/// Lines between two fields of one block: folded lists of addressees, empty lines.
const GAP: usize = 3;

/// One quoted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotation {
    /// The place of the text it stands in.
    pub place: String,
    /// The text, by its number, and the lines that its header takes there.
    pub text: usize,
    pub lines: Range<usize>,
    /// The first of them.
    pub line: String,
    /// Who wrote it, folded: a name, an address or both; empty where nothing says so.
    pub author: String,
    /// Whom it went to, folded.
    pub readers: String,
}

impl Quotation {
    /// Addresses in the author's field.
    pub fn authors(&self) -> impl Iterator<Item = Mailbox> {
        addresses(&self.author)
    }

    pub fn addressees(&self) -> impl Iterator<Item = Mailbox> {
        addresses(&self.readers)
    }

    /// Whether this mailbox wrote it: by address; where only a name stands there, by the name that To gives to it, or by its
    /// local part.
    pub fn is_by(&self, identity: &Identity, display: &str) -> bool {
        if self.author.contains('@') {
            return self.authors().any(|author| author.identity() == *identity);
        }
        let known = [letters(display), letters(identity.local())];
        let words = self.author.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() > 2);
        let words: Vec<&str> = words.collect();
        !words.is_empty() && known.iter().any(|known| words.iter().all(|word| known.contains(word)))
    }
}

/// The quotations of all body texts in order. Signatures and what nobody sees quote nothing.
pub fn find<'t>(texts: impl Iterator<Item = (usize, &'t Text)>, words: &Words) -> Vec<Quotation> {
    let mut found = Vec::new();
    for (number, text) in texts {
        if !matches!(text.place.as_str(), "body" | "body#quoted" | "body#forwarded" | "body#html" | "body#footer") {
            continue;
        }
        let mut reader = Reader { place: &text.place, number, words: &words.folded, open: None, found: &mut found };
        let mut previous = "";
        for (at, line) in text.original.lines().enumerate().take(MOST_LINES) {
            reader.line(at, line, previous);
            previous = line;
        }
        reader.close();
        if found.is_empty() && text.place == "body#quoted" && !text.normal.trim().is_empty() {
            let line = text.original.lines().next().unwrap_or("").to_owned();
            found.push(Quotation {
                place: text.place.clone(),
                text: number,
                lines: 0..0,
                line,
                author: String::new(),
                readers: String::new(),
            });
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

/// A header block that is being read.
#[derive(Default)]
struct Block {
    first: usize,
    last: usize,
    line: String,
    author: Option<String>,
    readers: String,
    seen: Vec<HeaderName>,
    /// Names that stand without a colon, as in a table: all must be there.
    weak: bool,
    /// A list of addressees may go on in the next line.
    listing: bool,
}

impl Block {
    fn has(&self, name: HeaderName) -> bool {
        self.seen.contains(&name)
    }

    /// An author and a subject or a date; without an author, all of the rest.
    fn is_sound(&self) -> bool {
        use HeaderName::{Cc, Date, From, Subject, To};
        let to = self.has(To) || self.has(Cc);
        let named = self.author.as_ref().is_some_and(|author| is_name(author));
        if self.weak {
            return self.has(From) && self.has(Subject) && (self.has(Date) || to);
        }
        self.has(From) && named && (self.has(Subject) || self.has(Date)) || self.has(Subject) && self.has(Date) && to
    }

    fn add(&mut self, name: HeaderName, value: &str, at: usize) {
        match name {
            HeaderName::From => _ = self.author.get_or_insert_with(|| value.to_owned()),
            HeaderName::To | HeaderName::Cc => {
                self.readers.push(' ');
                self.readers.push_str(value);
            }
            _ => {}
        }
        self.listing = matches!(name, HeaderName::To | HeaderName::Cc);
        self.seen.push(name);
        self.last = at;
    }
}

struct Reader<'a> {
    place: &'a str,
    number: usize,
    words: &'a Lines,
    open: Option<Block>,
    found: &'a mut Vec<Quotation>,
}

impl Reader<'_> {
    fn line(&mut self, at: usize, line: &str, previous: &str) {
        let bare = line.trim_start_matches(['>', ' ', '\t', '|', '*', '\u{a0}']).trim_end();
        let bare = &bare[..bare.floor_char_boundary(FIELD)];
        if bare.is_empty() {
            return;
        }
        let colon = bare.contains([':', '：']);
        let short = bare.len() <= 40 || bare.contains('\t');
        if !colon && !short && self.open.is_none() {
            return;
        }
        let folded = fold(bare);
        if let Some((name, value, weak)) = field(&folded, self.words) {
            let joins = self.open.as_ref().is_some_and(|open| {
                at - open.last <= GAP && open.weak == weak && !(name == HeaderName::From && open.has(HeaderName::From))
            });
            if !joins {
                self.close();
            }
            let fresh = || Block { first: at, line: line.to_owned(), weak, ..Block::default() };
            self.open.get_or_insert_with(fresh).add(name, value, at);
            if colon {
                self.flattened(at, line, &folded);
            }
            return;
        }
        // "De MARCHETOT Claire" among the lines of a block: somebody took the colon away.
        if let Some(open) = &mut self.open
            && at - open.last == 1
            && !open.weak
            && folded.len() <= 80
            && let Some((name, value)) = folded.split_once(' ')
            && let Some(name) = self.words.header(name)
            && !open.has(name)
        {
            open.add(name, value.trim(), at);
            return;
        }
        if let Some(open) = &mut self.open {
            // A value below its name, or a list of addressees that goes on.
            if open.weak
                && at - open.last == 1
                && open.seen.last() == Some(&HeaderName::From)
                && open.author.as_deref() == Some("")
            {
                open.author = Some(folded);
                return;
            }
            if open.listing && at - open.last <= GAP && folded.contains('@') {
                open.readers.push(' ');
                open.readers.push_str(&folded);
                open.last = at;
                return;
            }
            if at - open.last > GAP {
                self.close();
            }
        }
        if colon && !self.flattened(at, line, &folded) {
            self.attribution(at, line, &folded, previous);
        }
    }

    /// `De : X Envoyé : lundi À : Y Objet : Z`, all in one line.
    fn flattened(&mut self, at: usize, line: &str, folded: &str) -> bool {
        if folded.matches([':', '：']).take(3).count() < 3 {
            return false;
        }
        let mut names: Vec<(HeaderName, usize, usize)> = Vec::new();
        for (colon, c) in folded.char_indices().filter(|(_, c)| matches!(c, ':' | '：')).take(40) {
            let before = folded[..colon].trim_end();
            // Names have one to three words.
            let starts = before.rmatch_indices(' ').map(|(blank, _)| blank + 1).chain([0]).take(3);
            let name = starts.filter_map(|start| Some((self.words.header(before.get(start..)?)?, start))).last();
            if let Some((name, start)) = name {
                names.push((name, start, colon + c.len_utf8()));
            }
        }
        let mut block = Block { first: at, line: line.to_owned(), ..Block::default() };
        for (nth, (name, _, value)) in names.iter().enumerate() {
            let end = names.get(nth + 1).map_or(folded.len(), |(_, start, _)| *start);
            block.add(*name, folded.get(*value..end).unwrap_or("").trim(), at);
        }
        let distinct = [HeaderName::From, HeaderName::Subject, HeaderName::Date, HeaderName::To, HeaderName::Cc];
        let flat = distinct.iter().filter(|name| block.has(**name)).count() >= 3 && block.has(HeaderName::From);
        if flat {
            self.open = None;
            self.push(block);
        }
        flat
    }

    /// `Le 3 mai 2026 à 10:00, X a écrit :`; its first half may stand in the line before.
    fn attribution(&mut self, at: usize, line: &str, folded: &str, previous: &str) {
        if folded.len() > 400 || !folded.ends_with([':', '：']) {
            return;
        }
        let author = match self.words.before_wrote(folded) {
            Some(before) if before.len() < 6 || !before.contains(char::is_alphabetic) => fold(previous.trim()) + before,
            Some(before) => before.to_owned(),
            // "Am 26.11.2026 um 10:00 schrieb K. Lindqvist:", "Op … schreef Femke:": the name stands behind.
            None if self.words.begins_wrote(folded) => match self.words.after_wrote(folded) {
                Some(after) => after.trim_end_matches([':', ' ', '：']).to_owned(),
                None => return,
            },
            None => return,
        };
        let author = if author.contains('@') { author } else { self.behind_date(&author) };
        let block = Block { first: at, last: at, line: line.to_owned(), author: Some(author), ..Block::default() };
        self.push(block);
    }

    /// The name, which follows the date: behind the last comma and the last number, and "heeft" in Dutch.
    fn behind_date(&self, before: &str) -> String {
        let name = before.rsplit([',', '،']).next().unwrap_or("");
        let mut words: Vec<&str> = name.split_whitespace().collect();
        let dated = words.iter().rposition(|word| word.contains(|c: char| c.is_ascii_digit()));
        words.drain(..dated.map_or(0, |at| at + 1));
        words.into_iter().skip_while(|word| self.words.begins_wrote(&format!("{word} "))).collect::<Vec<_>>().join(" ")
    }

    fn close(&mut self) {
        if let Some(block) = self.open.take().filter(Block::is_sound) {
            self.push(block);
        }
    }

    fn push(&mut self, block: Block) {
        if self.found.len() < MOST {
            self.found.push(Quotation {
                place: self.place.to_owned(),
                text: self.number,
                lines: block.first..block.last + 1,
                line: block.line,
                author: block.author.unwrap_or_default(),
                readers: block.readers,
            });
        }
    }
}

/// A header line: its name, its value, and whether it has no colon (a cell of a table).
fn field<'t>(folded: &'t str, words: &Lines) -> Option<(HeaderName, &'t str, bool)> {
    let tidy = |name: &'t str| name.trim().trim_matches(['*', '_', '|', '"']).trim();
    if let Some((name, value)) = folded.split_once([':', '：'])
        && let Some(name) = (name.len() <= 60).then(|| words.header(tidy(name))).flatten()
    {
        return Some((name, value.trim_start_matches(['*', '_']).trim(), false));
    }
    if let Some((name, value)) = folded.split_once('\t')
        && let Some(name) = words.header(tidy(name))
    {
        return Some((name, value.trim(), true));
    }
    // Short words like "a" and "an" are names only beside a value.
    let alone = tidy(folded);
    Some((words.header(alone)?, "", true))
}

/// At least one word of three letters, or an address: "De : 14 h à 16 h" names nobody.
fn is_name(author: &str) -> bool {
    author.contains('@')
        || author.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().count() >= 3 || !word.is_ascii())
}

fn addresses(text: &str) -> impl Iterator<Item = Mailbox> {
    let words = text.split(|c: char| c.is_whitespace() || "<>()\"[],;".contains(c));
    let words = words.filter(|word| word.contains('@'));
    words.filter_map(|word| Mailbox::parse(word.trim_start_matches("mailto:")).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(body: &str) -> Vec<(String, String)> {
        let text = Text::new("body", body);
        let found = find([(0, &text)].into_iter(), &Words::shipped());
        found.into_iter().map(|quotation| (quotation.line, quotation.author)).collect()
    }

    fn author(body: &str) -> String {
        let found = quoted(body);
        assert_eq!(found.len(), 1, "{body}: {found:?}");
        found[0].1.clone()
    }

    #[test]
    fn header_blocks_are_read_in_any_order_and_state_of_repair() {
        let paul = "paul <paul@x.example>";
        for body in [
            "De : Paul <paul@x.example>\nEnvoyé : lundi\nÀ : Ève\nObjet : plan\n\ntexte",
            "Sujet : plan\nDate : lundi\nDe : Paul <paul@x.example>\nPour : Ève\n\ntexte",
            "De : Paul <paul@x.example> Envoyé : lundi À : Ève Objet : plan texte",
            "> *Van:* Paul <paul@x.example>\n> *Onderwerp:* plan\n\ntekst",
            "From: Paul <paul@x.example>\n\nSent: Monday\n\nSubject: plan",
            "De\tPaul <paul@x.example>\nEnvoyé\tlundi\nÀ\tÈve\nObjet\tplan",
            "De\nPaul <paul@x.example>\nEnvoyé\nlundi\nObjet\nplan",
            "Lähettäjä: Paul <paul@x.example>\nAihe: plan",
            "Objet : plan\nA : Ève\nEnvoyé lundi 18:52\nDe Paul <paul@x.example>\n\ntexte",
            "发件人: Paul <paul@x.example>\n主题: plan",
        ] {
            assert_eq!(author(body), paul, "{body}");
        }
        assert_eq!(author("Envoyé : lundi\nÀ : Ève\nObjet : plan"), "", "the author's line is gone");
    }

    #[test]
    fn lines_over_answers_name_their_author() {
        for (body, wanted) in [
            ("Le 3 mai 2026 à 10:00, Paul Petit a écrit :\n> x", "paul petit"),
            ("Op 26-11-2026 om 16:02 schreef Femke de Wal:\n> x", "femke de wal"),
            ("Am 26.11.2026 um 10:00 schrieb K. Lindqvist:\n> x", "k. lindqvist"),
            (
                "On Mon, 3 May 2026 at 10:00, Paul <paul@x.example> wrote:\n> x",
                "on mon, 3 may 2026 at 10:00, paul <paul@x.example> ",
            ),
        ] {
            assert_eq!(author(body), wanted, "{body}");
        }
    }

    #[test]
    fn prose_and_events_quote_nobody() {
        for body in [
            "Date : 12 mai\nDe : 14 h à 16 h\nObjet : réunion",
            "Objet : votre demande\n\nMadame,",
            "De plus : rien.\nA noter : le parking est fermé.",
            "À : Lyon\nDate : le 3 mai",
        ] {
            assert_eq!(quoted(body), [], "{body}");
        }
    }
}
