// SPDX-License-Identifier: EUPL-1.2
//! Addresses and names as a mail's own header shows them, to tell whom the line above a quote means.

use crate::detect::reading::inspection::Inspection;
use crate::directory::fold::words;
use crate::mail::{Identity, Mailbox};

/// Bytes of a header field that are looked at for names.
const HEADER: usize = 20_000;
/// Letters of a word that is part of a name, and words of a name that tells somebody.
const LETTERS: usize = 2;
const WORDS: usize = 2;

/// The addresses in a text, in order.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = Mailbox> {
    let words = text.split(|c: char| c.is_whitespace() || "<>()\"[],;:".contains(c)).filter(|word| word.contains('@'));
    words.filter_map(|word| Mailbox::parse(word).ok())
}

/// Everybody to whom From, To or Cc gives a name of several words, with these.
pub(super) fn shown_names(inspection: &Inspection<'_>) -> Vec<(Identity, Vec<String>)> {
    let mut names = Vec::new();
    for value in ["From", "To", "Cc"].into_iter().flat_map(|field| inspection.headers(field)) {
        let mut rest = &value[..value.floor_char_boundary(HEADER)];
        while let Some((before, after)) = rest.split_once('<') {
            let Some((address, tail)) = after.split_once('>') else { break };
            rest = tail;
            // A neighbour without a name of his own.
            let name = before
                .rsplit_once('@')
                .map_or(before, |(_, behind)| behind.split_once([',', ' ']).unwrap_or_default().1);
            let name: Vec<String> = words(name).into_iter().filter(|word| word.chars().count() >= LETTERS).collect();
            if let Ok(mailbox) = Mailbox::parse(address.trim())
                && name.len() >= WORDS
            {
                names.push((mailbox.identity(), name));
            }
        }
    }
    names
}

/// Whether these words hold all those of a name.
pub(super) fn is_written_by(words: &[String], name: &[String]) -> bool {
    name.iter().all(|word| words.contains(word))
}

/// Whether a message with this identifier was written at a domain.
pub(super) fn comes_from(id: &str, domain: &str) -> bool {
    let host = id.trim().trim_end_matches('>').rsplit('@').next().unwrap_or("").to_lowercase();
    let domain = domain.to_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|left| left.ends_with('.'))
}
