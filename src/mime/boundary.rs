// SPDX-License-Identifier: EUPL-1.2
//! Boundaries at wrong places: a delimiter stands at the start of a line (RFC 2046 §5.1.1), but mail-parser 0.11
//! accepts it anywhere in a line and would cut the text there.

use aho_corasick::AhoCorasick;
use mail_parser::{Message, MimeHeaders};
use memchr::memmem;

/// With more boundaries than this an automaton is built for them.
const FEW: usize = 16;

/// Offsets in `raw` at which mail-parser sees a delimiter that is in the middle of a line.
pub(super) fn in_mid_line(parsed: &Message<'_>, raw: &[u8]) -> Vec<usize> {
    let mut delimiters: Vec<&[u8]> = Vec::new();
    for part in &parsed.parts {
        let declared = part.content_type().filter(|declared| declared.ctype().eq_ignore_ascii_case("multipart"));
        if let Some(boundary) = declared.and_then(|declared| declared.attribute("boundary"))
            && !boundary.is_empty()
            && !delimiters.contains(&boundary.as_bytes())
        {
            delimiters.push(boundary.as_bytes());
        }
    }
    let is_mid_line = |at: usize| at > 0 && raw[at - 1] != b'\n';
    if delimiters.is_empty() {
        return Vec::new();
    }
    if delimiters.len() <= FEW {
        let is_one = |at: &usize| delimiters.iter().any(|delimiter| raw[at + 2..].starts_with(delimiter));
        return dashes(raw).filter(|at| is_mid_line(*at)).filter(is_one).collect();
    }
    let patterns = delimiters.iter().map(|delimiter| [b"--", *delimiter].concat());
    // Too many and too long for an automaton: the budget of parts speaks then.
    let Ok(automaton) = AhoCorasick::new(patterns) else { return Vec::new() };
    automaton.find_overlapping_iter(raw).map(|found| found.start()).filter(|at| is_mid_line(*at)).collect()
}

/// Where two dashes stand, those of longer runs each.
fn dashes(raw: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + memmem::find(raw.get(from..)?, b"--")?;
        from = at + 1;
        Some(at)
    })
}
