// SPDX-License-Identifier: EUPL-1.2
//! Tells whether quoted lines are the recipient's own words: what came from him cannot leak to him (decisions D35, D36).

use std::cell::OnceCell;

use crate::detect::reading::expressions::split;
use crate::detect::reading::inspection::Inspection;
use crate::directory::Class;
use crate::mail::Mailbox;

/// Bytes of a line that names an author.
const LONGEST: usize = 400;
/// Bytes of To and Cc that are looked at for his name.
const HEADER: usize = 20_000;
/// First lines of a quote that may name its author.
const FIRST: usize = 3;
/// Letters of a word that is part of a name.
const NAME: usize = 2;

/// The one recipient outside the house, to whom his own words may go back. Where there are several, a fact of the whole
/// mail cannot tell them apart, and quotes count for all.
pub(super) struct Returned<'a> {
    inspection: &'a Inspection<'a>,
    recipient: Option<&'a Mailbox>,
    /// The words of the name that the mail shows for him.
    name: OnceCell<Vec<String>>,
}

impl<'a> Returned<'a> {
    pub(super) fn new(inspection: &'a Inspection<'a>) -> Returned<'a> {
        let recipients = inspection.evidence.recipients.iter();
        let mut outside = recipients.filter(|r| !matches!(r.class, Class::Own | Class::Partner));
        let only = outside.next().filter(|_| outside.next().is_none());
        Returned { inspection, recipient: only.and_then(|r| r.mailbox.as_ref()), name: OnceCell::new() }
    }

    /// How many filled lines of this text, from the first on, he has written.
    pub(super) fn lines(&self, index: usize) -> usize {
        let texts = self.inspection.evidence.texts;
        let Some(text) = texts.get(index).filter(|text| text.place == "body#quoted") else { return 0 };
        let Some(recipient) = self.recipient else { return 0 };
        let mut quoted = text.original.lines().filter(|line| !line.trim().is_empty()).map(bare).enumerate();
        // The line that names the author stands above lines with angles, and is the first one of a quote without.
        let above = index.checked_sub(1).and_then(|before| texts.get(before)).filter(|text| text.place == "body");
        let author = above.and_then(|text| attribution(&text.original)).or_else(|| {
            let (_, line) = quoted.clone().take(FIRST).find(|(_, line)| line.contains(':'))?;
            Some(line.to_owned())
        });
        let is_his = match author {
            Some(author) => self.names(recipient, &author),
            None => self.inspection.header("In-Reply-To").is_some_and(|id| comes_from(id, recipient)),
        };
        if !is_his {
            return 0;
        }
        // Below the next line that names an author somebody else speaks.
        quoted.by_ref().take(FIRST).for_each(drop);
        quoted.find(|(_, line)| names_an_author(line)).map_or(usize::MAX, |(nth, _)| nth)
    }

    /// By his address, else by every word of the name that the mail's own To shows for it.
    fn names(&self, recipient: &Mailbox, line: &str) -> bool {
        let line = head(line, LONGEST * 2).to_lowercase();
        let address = recipient.to_string().to_lowercase();
        if line.contains('@') {
            return line.contains(&address);
        }
        let words = split(&line);
        let name = self.name.get_or_init(|| {
            let shown = |value: &str| -> Option<Vec<String>> {
                let value = head(value, HEADER).to_lowercase();
                let before = value[..value.find(&address)?].trim_end_matches(['<', ' ']);
                let name = before.rsplit(['>', ';', '\n']).next().unwrap_or(before);
                Some(split(name).into_iter().filter(|word| word.chars().count() >= NAME).collect())
            };
            ["To", "Cc"]
                .into_iter()
                .flat_map(|field| self.inspection.headers(field))
                .find_map(shown)
                .unwrap_or_default()
        });
        name.len() >= 2 && name.iter().all(|word| words.contains(word))
    }
}

/// At most so many bytes, cut at a character.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
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

/// Whether a message with this identifier was written at the recipient's provider.
fn comes_from(id: &str, recipient: &Mailbox) -> bool {
    let host = id.trim().trim_end_matches('>').rsplit('@').next().unwrap_or("").to_lowercase();
    let domain = recipient.domain().as_str().to_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|left| left.ends_with('.'))
}

/// "Le 3 mai 2026, X a écrit :", "De : X <x@y>", "-----Message d'origine-----".
fn names_an_author(line: &str) -> bool {
    let line = bare(line);
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    let header = line.split_once(':').is_some_and(|(name, rest)| name.len() <= 20 && rest.contains('@'));
    line.len() <= LONGEST && (line.ends_with(':') && digits >= 4 || header || line.starts_with("-----"))
}
