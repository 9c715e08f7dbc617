// SPDX-License-Identifier: EUPL-1.2
//! Letters that are shown in another order than they are sent (Unicode UAX 9, §2.2: explicit overrides).

use std::borrow::Cow;

const OVERRIDE: char = '\u{202e}';
const POP: char = '\u{202c}';

/// The text as it stands on the screen, from left to right: what RIGHT-TO-LEFT OVERRIDE turns around is turned here.
/// An override ends with its line. Runs of right-to-left letters read the same either way and stay.
pub fn as_displayed(text: &str) -> Cow<'_, str> {
    if !text.contains(OVERRIDE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(OVERRIDE) {
            out.push_str(before);
            let end = after.find([POP, '\u{2069}', '\r', '\n']).unwrap_or(after.len());
            let (run, next) = after.split_at(end);
            if run.chars().any(is_rtl) {
                out.push_str(run);
            } else {
                out.extend(run.chars().rev().filter(|c| *c != OVERRIDE));
            }
            rest = next.strip_prefix(POP).unwrap_or(next);
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

/// Hebrew, Arabic and what is written like them.
fn is_rtl(c: char) -> bool {
    matches!(u32::from(c), 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_turns_its_run_and_no_more() {
        let rows = [
            ("plain", "plain"),
            ("a \u{202e}TERCES\u{202c} b", "a SECRET b"),
            ("\u{202e}TERCES\nnext", "SECRET\nnext"),
            ("\u{202e}سري\u{202c} x", "سري x"),
            ("\u{202e}\u{202e}BA\u{202c}\u{202c}", "AB\u{202c}"),
        ];
        for (sent, seen) in rows {
            assert_eq!(as_displayed(sent), seen);
        }
    }
}
