// SPDX-License-Identifier: EUPL-1.2
//! Text whose lines were broken to be joined again (RFC 3676).

use super::{Header, header};

/// The text as it is shown where `DelSp=yes` says that the blank before a soft break is none of the author's: else a
/// word cut there would stay in two. Without it a break falls between words, and the lines may stay.
pub(super) fn joined(text: String, headers: &[Header]) -> String {
    let says = |name: &str, word: &str| {
        let value = header::first(headers, "Content-Type")?;
        header::parameter(value, name).filter(|value| value.eq_ignore_ascii_case(word))
    };
    if says("format", "flowed").is_none() || says("delsp", "yes").is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    // The depth of quotation of a paragraph that goes on.
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let depth = line.bytes().take_while(|b| *b == b'>').count();
        let rest = line.get(depth..).unwrap_or_default();
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if open != Some(depth) {
            if !out.is_empty() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n('>', depth));
        }
        // §4.3: the line before a signature is fixed.
        match rest.strip_suffix(' ').filter(|_| rest != "-- ") {
            Some(soft) => {
                out.push_str(soft);
                open = Some(depth);
            }
            None => {
                out.push_str(rest);
                open = None;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_breaks_are_undone_with_their_blank() {
        let header = |value: &str| vec![header::read("Content-Type", value.as_bytes())];
        let flowed = header("text/plain; format=flowed; delsp=yes");
        let text = "DIFFUSION RES \r\nTREINTE\r\n> a \r\n> b\r\n-- \r\nc".to_owned();
        assert_eq!(joined(text.clone(), &flowed), "DIFFUSION RESTREINTE\n>ab\n-- \nc");
        assert_eq!(joined(text.clone(), &header("text/plain; format=flowed")), text);
    }
}
