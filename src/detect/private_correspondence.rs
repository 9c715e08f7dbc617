// SPDX-License-Identifier: EUPL-1.2
//! Detects mail marked personal: a mark in the subject or on the first line, or the Sensitivity header.
//!
//! Case law asks for an obvious mark (`docs/field.md`: Nikon and later cases). "Personnel" is also the French word for
//! staff, so the word counts only as a mark: in brackets, before a separator, or alone.

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{self, Inspection};
use crate::directory::fold::fold;

/// The mark, folded: fr, nl, en, de, ar.
const MARKS: &[&str] = &[
    "personnel",
    "personnelle",
    "perso",
    "prive",
    "privee",
    "strictement personnel",
    "strictement prive",
    "personnel et confidentiel",
    "personnel et prive",
    "prive et confidentiel",
    "message personnel",
    "courrier personnel",
    "mail personnel",
    "mail perso",
    "message prive",
    "message perso",
    "correspondance privee",
    "correspondance personnelle",
    "a titre personnel",
    "a titre prive",
    "vie privee",
    "strictement personnelle",
    "persoonlijk",
    "prive bericht",
    "priveaangelegenheid",
    "strikt persoonlijk",
    "strikt prive",
    "persoonlijk en vertrouwelijk",
    "prive en vertrouwelijk",
    "prive mail",
    "personal",
    "private",
    "private and confidential",
    "personal and confidential",
    "strictly personal",
    "strictly private",
    "private message",
    "personal message",
    "private & confidential",
    "privat",
    "personlich",
    "streng personlich",
    "personlich und vertraulich",
    "privatsache",
    "private nachricht",
    "شخصي",
    "خاص",
    "خصوصي",
    "شخصي وسري",
    "رساله شخصيه",
    "رساله خاصه",
    "مراسله خاصه",
    "شخصيه",
];
/// Words that follow "Personnel :" where the staff is meant.
const STAFF: &[&str] = &[
    "effectif",
    "effectifs",
    "agents",
    "recrutement",
    "recrutements",
    "tableau",
    "liste",
    "budget",
    "masse",
    "plan",
    "mouvement",
    "mouvements",
    "gestion",
    "direction",
    "service",
    "bureau",
    "vacance",
    "vacances de poste",
    "postes",
    "mutation",
    "mutations",
    "formation",
    "statut",
    "elections",
    "syndicats",
    "remplacement",
    "planning",
    "depenses",
    "soignant",
    "enseignant",
    "administratif",
    "technique",
    "contractuel",
    "titulaire",
    "navigant",
    "staff",
    "starters",
    "vacancies",
    "headcount",
    "training",
    "security",
    "public",
    "sector",
    "secteur",
    "ecole",
    "ecoles",
    "sector",
    "eigendom",
    "members",
    "member",
    "bill",
    "office",
    "partij",
    "sekretariat",
    "krankenversicherung",
];

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    // RFC 4021 §2.1.55.
    for value in inspection.headers("Sensitivity") {
        let value = value.trim();
        if value.eq_ignore_ascii_case("personal") || value.eq_ignore_ascii_case("private") {
            findings.push(Finding::new(FindingKind::PrivateCorrespondence, "header:Sensitivity"));
        }
    }
    for text in inspection.evidence.texts.iter().filter(|text| text.place == "subject") {
        if is_mark(inspection::subject(&text.normal).bare) {
            findings.push(Finding::new(FindingKind::PrivateCorrespondence, "subject"));
            return;
        }
    }
    for (_, text) in inspection.body_texts().filter(|(_, text)| text.place == "body") {
        let first = text.normal.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
        if is_first_line(first) {
            findings.push(Finding::new(FindingKind::PrivateCorrespondence, "body"));
            return;
        }
    }
}

/// Whether a subject carries the mark.
fn is_mark(subject: &str) -> bool {
    let subject = fold(subject);
    let subject = subject.trim();
    if subject.len() > 400 {
        return false;
    }
    if is_word(subject) || bracketed(subject) {
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
        if is_word(mark) && !opposes && !STAFF.contains(&next) {
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

/// A mark in brackets at the head or the foot of a subject.
fn bracketed(subject: &str) -> bool {
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
fn is_first_line(line: &str) -> bool {
    let line = fold(line);
    let line = line.trim();
    let bare = line.trim_matches(|c: char| !c.is_alphanumeric());
    // "Privé" alone may be a heading; a bracket or two words are meant as a mark.
    is_word(bare) && line.len() < 60 && (bracketed(line) || bare.contains(' '))
}

fn is_word(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    MARKS.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_told_from_the_staff() {
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
        assert!(is_first_line("[Personnel]"));
        assert!(is_first_line("PERSONNEL ET CONFIDENTIEL"));
        assert!(!is_first_line("Personnel"));
        assert!(!is_first_line("Le personnel est informé."));
    }
}
