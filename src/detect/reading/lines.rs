// SPDX-License-Identifier: EUPL-1.2
//! The lines of a text.

/// The same as [`str::lines`], which looks for line ends a few bytes at a time; every text is gone over so several times.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
    let mut from = 0;
    std::iter::from_fn(move || {
        let line = match ends.next() {
            Some(end) => {
                let line = &text[from..end];
                from = end + 1;
                line.strip_suffix('\r').unwrap_or(line)
            }
            // What follows the last line end, a lone CR at its end included.
            None => {
                let line = text.get(from..).filter(|rest| !rest.is_empty())?;
                from = text.len();
                line
            }
        };
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_are_those_of_the_standard_library() {
        let texts = ["", "\n", "a", "a\n", "a\r\nb", "a\r", "\r\n\r\n", "a\n\nb\r\r\n", "é\n", "a\rb\n", "\na"];
        for text in texts {
            assert!(lines(text).eq(text.lines()), "{text:?}");
            let mut ended = lines(text);
            ended.by_ref().for_each(drop);
            assert_eq!(ended.next(), None, "{text:?}");
        }
    }
}
