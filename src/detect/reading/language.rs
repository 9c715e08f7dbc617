// SPDX-License-Identifier: EUPL-1.2
//! Guesses the language of a text from its small words: good enough to choose the language of a notice.

/// Words looked at, at most: a letter says its language in its first lines.
const MOST_WORDS: usize = 2_000;
/// Votes below which nothing is said.
const FEWEST: usize = 3;

/// Small words that are common in one language and rare in the others.
const SMALL_WORDS: [(&str, &[&str]); 4] = [
    (
        "fr",
        &[
            "le",
            "la",
            "les",
            "une",
            "du",
            "est",
            "et",
            "dans",
            "pour",
            "vous",
            "nous",
            "avec",
            "que",
            "qui",
            "sur",
            "pas",
            "ce",
            "cette",
            "votre",
            "vos",
            "je",
            "il",
            "ci",
            "bonjour",
            "merci",
            "cordialement",
            "au",
            "aux",
        ],
    ),
    (
        "nl",
        &[
            "het",
            "een",
            "van",
            "voor",
            "met",
            "niet",
            "zijn",
            "aan",
            "ook",
            "wordt",
            "deze",
            "naar",
            "uw",
            "bij",
            "dat",
            "ik",
            "wij",
            "maar",
            "graag",
            "groeten",
            "bedankt",
            "goedendag",
            "heb",
            "hebben",
            "hierbij",
        ],
    ),
    (
        "en",
        &[
            "the", "and", "of", "to", "for", "with", "you", "this", "that", "have", "are", "your", "please", "we",
            "from", "be", "will", "not", "hello", "dear", "regards", "thanks", "it",
        ],
    ),
    (
        "de",
        &[
            "der", "das", "und", "ist", "nicht", "mit", "für", "ein", "eine", "ich", "sie", "wir", "auf", "den", "dem",
            "zu", "von", "bitte", "guten", "grüße", "grüßen", "anbei", "im", "ihnen",
        ],
    ),
];

/// `fr`, `nl`, `en`, `de` or `ar`; `None` where the text says too little or speaks two languages alike.
pub fn guess(text: &str) -> Option<&'static str> {
    let mut votes = [0usize; SMALL_WORDS.len()];
    let mut arabic = 0;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words.take(MOST_WORDS) {
        // The Arabic block; one word is one vote.
        if word.chars().any(|c| ('\u{0621}'..='\u{064a}').contains(&c)) {
            arabic += 1;
            continue;
        }
        // The longest of our small words has a dozen letters.
        if word.len() > 16 {
            continue;
        }
        let word = word.to_lowercase();
        for (at, (_, small)) in SMALL_WORDS.iter().enumerate() {
            votes[at] += usize::from(small.contains(&word.as_str())); // `at` counts the same table
        }
    }
    let mut ranked: Vec<(usize, &'static str)> =
        votes.iter().zip(SMALL_WORDS).map(|(votes, (language, _))| (*votes, language)).collect();
    ranked.push((arabic, "ar"));
    ranked.sort_by_key(|(votes, _)| std::cmp::Reverse(*votes));
    match ranked.as_slice() {
        [(most, language), (next, _), ..] if *most >= FEWEST && most > next => Some(language),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_say_their_language() {
        for (language, text) in [
            (Some("fr"), "Bonjour Paul, les photos du chantier sont dans le dossier ci-dessous. Merci, Jeanne"),
            (Some("nl"), "Goedendag Piet, hierbij de foto's van het project. Wilt u ze bekijken? Met groeten, Jeanne"),
            (Some("en"), "Dear Paul, please find the photos of the site with this message. Thanks, Jeanne"),
            (Some("de"), "Guten Tag, anbei sind die Bilder für den Bericht, bitte nicht weiterleiten. Mit Grüßen"),
            (Some("ar"), "السلام عليكم، تجدون رفقته صور الورش. شكرا"),
            (None, "https://we.tl/t-Ab12Cd34Ef"),
            (None, "ok"),
            (None, "le la les the and of"),
        ] {
            assert_eq!(guess(text), language, "{text}");
        }
    }
}
