// SPDX-License-Identifier: EUPL-1.2
//! Finds the known word nearest to an unknown one.

/// The known word to suggest for a wrong one: at most half of its letters differ. Case, and `-` for `_`, count for
/// nothing.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(wrong, (wrong.chars().count() / 2).max(2), known)
}

/// The known word that a wrong one is but for a slip of the keyboard: at most a third of its letters differ. For where
/// nearness alone makes something an error.
pub fn slip_of<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(wrong, (wrong.chars().count() / 3).max(1), known)
}

fn within<'a>(wrong: &str, limit: usize, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = folded(wrong);
    known
        .into_iter()
        .map(|word| (distance(&wrong, &folded(word)), word))
        .filter(|(distance, word)| *distance <= limit && *distance < word.chars().count())
        .min()
        .map(|(_, word)| word)
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Letters to insert, delete, replace or exchange with their neighbour.
pub fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(a, b)
}

/// `a, b or c`.
pub fn listing<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_strangers_are_not() {
        let known = ["listen", "upstream", "clients", "max_size", "own-domains"];
        assert_eq!(nearest("upstraem", known), Some("upstream"));
        assert_eq!(nearest("max-size", known), Some("max_size"));
        assert_eq!(nearest("own_domains", known), Some("own-domains"));
        assert_eq!(nearest("Listen", known), Some("listen"));
        assert_eq!(nearest("quarantine", known), None);
        assert_eq!(nearest("", ["on"]), None);
        assert_eq!(nearest("rule", ["rules", "domains"]), Some("rules"));
        assert_eq!(nearest("notes", ["notices"]), Some("notices"));
        assert_eq!(slip_of("notes", ["notices"]), None);
        assert_eq!(slip_of("notcies", ["notices"]), Some("notices"));
    }

    #[test]
    fn a_listing_reads_aloud() {
        assert_eq!(listing(["a", "b", "c"]), "a, b or c");
        assert_eq!(listing(["a"]), "a");
    }
}
