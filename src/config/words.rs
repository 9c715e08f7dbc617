// SPDX-License-Identifier: EUPL-1.2
//! Finds the known word nearest to an unknown one.

/// The known word a wrong one was probably meant to be: half of its letters are in place.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    let allowed = (wrong.chars().count() / 2).max(2);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&wrong, word), word))
        .filter(|(distance, word)| *distance <= allowed && *distance < word.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
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
        let known = ["listen", "upstream", "clients", "max_size"];
        assert_eq!(nearest("upstraem", known), Some("upstream"));
        assert_eq!(nearest("max-size", known), Some("max_size"));
        assert_eq!(nearest("Listen", known), Some("listen"));
        assert_eq!(nearest("quarantine", known), None);
        assert_eq!(nearest("", ["on"]), None);
    }

    #[test]
    fn a_listing_reads_aloud() {
        assert_eq!(listing(["a", "b", "c"]), "a, b or c");
        assert_eq!(listing(["a"]), "a");
    }
}
