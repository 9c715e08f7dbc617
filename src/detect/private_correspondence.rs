// SPDX-License-Identifier: EUPL-1.2
//! Detects mail marked personal: a mark in the subject or on the first line, or the Sensitivity header.
//!
//! Case law asks for an obvious mark (`docs/field.md`: Nikon and later cases). "Personnel" is also the French word for
//! staff, so the word counts only as a mark: in brackets, before a separator, or alone. The words of each language stand
//! in `policies/words/`.

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::words::Words;
use crate::directory::fold::fold;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let words = &inspection.tables.words;
    // RFC 4021 §2.1.55.
    for value in inspection.headers("Sensitivity") {
        let value = value.trim();
        if value.eq_ignore_ascii_case("personal") || value.eq_ignore_ascii_case("private") {
            findings.push(Finding::new(FindingKind::PrivateCorrespondence, "header:Sensitivity"));
        }
    }
    for text in inspection.evidence.texts.iter().filter(|text| text.place == "subject") {
        if is_mark(words.subject(&text.normal).bare, words) || opens(words.subject(&text.original).bare, words) {
            findings.push(Finding::new(FindingKind::PrivateCorrespondence, "subject"));
            return;
        }
    }
    for (_, text) in inspection.body_texts().filter(|(_, text)| text.place == "body") {
        let first = text.normal.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
        if is_first_line(first, words) {
            findings.push(Finding::new(FindingKind::PrivateCorrespondence, "body"));
            return;
        }
    }
}

/// Whether a subject carries the mark.
fn is_mark(subject: &str, words: &Words) -> bool {
    let is_word = |text: &str| is_word(text, words);
    let subject = fold(subject);
    let subject = subject.trim();
    if subject.len() > 400 {
        return false;
    }
    if is_word(subject) || bracketed(subject, words) {
        return true;
    }
    // "Perso : clés", "privé - anniversaire", "PERSONAL – dog", "Personnel / billets".
    let separator = subject.char_indices().find(|&(at, c)| {
        matches!(c, ':' | '：' | '|' | '–' | '—' | '/' | '_')
            || c == '-' && (subject[..at].ends_with(' ') || subject[at + 1..].starts_with(' '))
            || c == '.' && subject[at + 1..].starts_with(' ')
    });
    if let Some((at, c)) = separator {
        let (mark, rest) = (&subject[..at], subject[at + c.len_utf8()..].trim());
        let next = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        // "privé/public" opposes, it does not mark.
        let opposes = c == '/' && !subject[..at].ends_with(' ');
        if is_word(mark) && !opposes && !words.staff.contains(next) {
            return true;
        }
    }
    // "Clés de la maison - perso", "Vacances (privé)" are marks at the end.
    let last = subject.rsplit(['-', '–', '—', ':', '|']).next().unwrap_or("");
    last.len() < subject.len()
        && (subject.contains(" - ") || subject.contains(" – ") || subject.contains(" : "))
        && is_word(last)
        && last.trim() != "personnel"
        && last.trim() != "prive"
}

/// A mark that no separator parts from the matter: "PERSONNEL bail appartement" in capitals, "Privé bail" where the word
/// means nothing else.
fn opens(subject: &str, words: &Words) -> bool {
    let Some((first, rest)) = subject.trim().split_once(' ') else { return false };
    let (mark, next) =
        (fold(first), fold(rest.split(|c: char| !c.is_alphanumeric()).find(|w| !w.is_empty()).unwrap_or("")));
    let capitals = |text: &str| text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase);
    let stands_out = capitals(first) && mark.chars().count() >= 5 && !capitals(rest) && words.marks.contains(&mark);
    let other = words.staff.contains(&next) || words.no_mark_before.contains(&next);
    !next.is_empty() && !other && (stands_out || words.opening_marks.contains(&mark))
}

/// A mark in brackets at the head or the foot of a subject.
fn bracketed(subject: &str, words: &Words) -> bool {
    let is_word = |text: &str| is_word(text, words);
    [('[', ']'), ('(', ')'), ('{', '}'), ('<', '>'), ('*', '*'), ('#', ' ')].into_iter().any(|(open, close)| {
        let head = subject.strip_prefix(open).and_then(|rest| rest.split(close).next()).is_some_and(is_word);
        let foot = subject
            .strip_suffix(close)
            .and_then(|rest| rest.rsplit(open).next().filter(|inner| inner.len() < rest.len()))
            .is_some_and(is_word);
        head || foot && close != ' '
    })
}

/// The first line of a body marks where it is nothing but the mark.
fn is_first_line(line: &str, words: &Words) -> bool {
    let line = fold(line);
    let line = line.trim();
    let bare = line.trim_matches(|c: char| !c.is_alphanumeric());
    // "Privé" alone may be a heading; a bracket or two words are meant as a mark.
    is_word(bare, words) && line.len() < 60 && (bracketed(line, words) || bare.contains(' '))
}

fn is_word(text: &str, words: &Words) -> bool {
    words.marks.contains(text.trim_matches(|c: char| !c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_told_from_the_staff() {
        let words = Words::shipped();
        let is_mark = |subject| is_mark(subject, &words);
        for subject in [
            "[PERSONNEL] Rendez-vous",
            "Personnel - billets",
            "Perso : clés",
            "privé - anniversaire",
            "PRIVÉ: oma",
            "Persoonlijk: fiets",
            "Personal: school run",
            "prive",
            "Privat – Geburtstag",
            "شخصي: موعد",
            "Clés (perso)",
            "Clés - perso",
        ] {
            assert!(is_mark(subject), "{subject}");
        }
        for subject in ["PERSONNEL bail appartement", "Privé bail", "PRIVATE lease", "perso clés", "PRIVAT Mietvertrag"]
        {
            assert!(opens(subject, &words), "{subject}");
        }
        for subject in
            ["PERSONNEL soignant", "PERSONNEL SOIGNANT", "Privé et public", "PRIVATE sector", "Personnel bail"]
        {
            assert!(!opens(subject, &words), "{subject}");
        }
        for subject in [
            "Dossier du personnel",
            "Direction du personnel : note",
            "Personnel : effectifs 2026",
            "Privé/public : le débat",
            "Partenariat public-privé",
            "Personal data request",
            "Secteur privé",
            "Service du personnel",
            "Perspective",
            "Plan de formation - personnel",
            "Private sector meeting",
        ] {
            assert!(!is_mark(subject), "{subject}");
        }
    }

    #[test]
    fn a_first_line_marks_only_alone() {
        let words = Words::shipped();
        let is_first_line = |line| is_first_line(line, &words);
        assert!(is_first_line("[Personnel]"));
        assert!(is_first_line("PERSONNEL ET CONFIDENTIEL"));
        assert!(!is_first_line("Personnel"));
        assert!(!is_first_line("Le personnel est informé."));
    }
}
