// SPDX-License-Identifier: EUPL-1.2
//! Whether the words of a line are written in capitals.

/// Whether words of the line are written in capitals; scripts without case count as capitals.
pub(super) struct Capitals(Vec<Case>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// Every letter is a capital.
    pub all: bool,
    /// Some word begins with a capital.
    pub some: bool,
}

impl Capitals {
    /// `expected`: how many words the normal form of the line has; `original` is `None` where lines do not correspond.
    pub(super) fn of(original: Option<&str>, expected: usize) -> Capitals {
        let Some(original) = original else { return Capitals(vec![Case { all: true, some: true }; expected]) };
        let mut cases = Vec::with_capacity(expected);
        let mut word: Option<Case> = None;
        for c in original.trim().chars().chain([' ']) {
            let mark = unicode_normalization::char::is_combining_mark(c)
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || c == '\u{640}'
                || c == '\u{ad}';
            if c.is_alphanumeric() {
                let small = c.is_lowercase();
                match &mut word {
                    None => word = Some(Case { all: !small, some: !small }),
                    Some(case) => case.all &= !small,
                }
            } else if !mark && let Some(case) = word.take() {
                cases.push(case);
            }
        }
        if cases.len() == expected {
            return Capitals(cases);
        }
        // The words do not correspond (ligatures, homoglyphs, tags inside a word): ask the whole line.
        let all = !original.chars().any(char::is_lowercase);
        Capitals(vec![Case { all, some: all || original.chars().any(char::is_uppercase) }; expected])
    }

    pub(super) fn in_range(&self, from: usize, to: usize) -> Case {
        let cases = self.0.get(from..to).unwrap_or(&[]);
        Case { all: cases.iter().all(|case| case.all), some: cases.iter().any(|case| case.some) }
    }
}
