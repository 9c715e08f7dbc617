// SPDX-License-Identifier: EUPL-1.2
//! Detects identification numbers of persons in texts and documents, and counts distinct valid values in each file.
//!
//! A strong check digit and a special form prove a number (NIR, IBAN, a national number with dots). A weak check digit
//! (BSN: one number in eleven is valid by chance) needs the name of the number nearby, or a column of numbers that are
//! all valid.

mod identifiers;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{Inspection, file_of};
use crate::detect::reading::triggers::Topic;
use identifiers as check;

/// Distinct values kept per kind and file: beyond it the exact number changes nothing.
const MOST: usize = 200_000;
/// How far before a number its name may stand, in bytes.
const NEAR: usize = 80;
/// A column of numbers: so many that all pass a weak check that chance is out of the question.
const COLUMN: usize = 8;
/// Of so many groups of figures that have the form of a number at least one is valid, where they are numbers.
const FIGURES: usize = 4;
/// Digits that a text with an account number has, whose account may hold letters.
const RIB: usize = 13;
/// Groups into which a NIR is split where each stands in a column.
const GROUPS: usize = 6;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let mut values: BTreeMap<(&str, &'static str), BTreeSet<String>> = BTreeMap::new();
    for (index, text) in inspection.texts().enumerate() {
        let least = if inspection.has_hit(index, Topic::Identity) { 5 } else { 8 };
        // A machine-readable zone has its digits among letters, and fillers.
        if !holds_a_number(&text.normal, least) && !text.original.contains("<<") {
            continue;
        }
        let mut add = |kind: &'static str, value: String| {
            let known = values.entry((file_of(&text.place), kind)).or_default();
            if known.len() < MOST {
                known.insert(value);
            }
        };
        in_text(&text.normal, &mut add);
        if text.original.contains("<<") {
            for line in text.original.lines().map(str::trim).filter(|line| check::is_mrz(line)) {
                add("mrz", line.to_owned());
            }
        }
    }
    for ((place, kind), values) in values {
        // The cap above keeps the count far below u32's.
        findings.push(Finding::new(FindingKind::PersonalData, place).value(kind).count(values.len() as u32));
    }
}

/// Whether digits stand together, blanks and punctuation between them apart, that could be somebody's number: a
/// telephone has eight, a Moroccan CIN, which is always named, five. Most texts have dates and amounts only, and are done with.
fn holds_a_number(text: &str, least: u32) -> bool {
    let (mut digits, mut gap) = (0, 0);
    // Without branches, so that a stretch is looked at in one go; most hold no digit, which ends any number.
    let has_digit = |stretch: &[u8]| stretch.iter().fold(false, |found, b| found | b.is_ascii_digit());
    for stretch in text.as_bytes().chunks(32) {
        if !has_digit(stretch) {
            (digits, gap) = (0, 0);
            continue;
        }
        for byte in stretch {
            match byte {
                b'0'..=b'9' => {
                    (digits, gap) = (digits + 1, 0);
                    if digits >= least {
                        return true;
                    }
                }
                b' ' | b'.' | b'-' | b'/' | b'(' | b')' | b'\t' if digits > 0 && gap < 3 => gap += 1,
                b'a' | b'b' if digits > 0 && gap == 0 => {} // Corsica: 2A, 2B
                _ if digits > 0 => (digits, gap) = (0, 0),
                _ => {}
            }
        }
    }
    false
}

struct Patterns {
    nir: Regex,
    nir_short: Regex,
    bsn: Regex,
    nrn_dotted: Regex,
    nrn_plain: Regex,
    cin: Regex,
    iban: Regex,
    rib: Regex,
    card: Regex,
    phone: Regex,
}

/// Expressions written by us compile, as the test below shows; one that did not would find nothing.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    // ASCII digits only: the check digits are computed on them, and a match then begins on one byte.
    let build = |pattern: &str| Regex::new(&pattern.replace(r"\d", "[0-9]")).ok();
    Some(Patterns {
        nir: build(
            r"[1-478][ .\t-]?\d\d[ .\t-]?\d\d[ .\t-]?(?:\d\d|2[ab])[ .\t-]?\d{3}[ .\t-]?\d{3}[ ./|\t-]{0,3}\d\d",
        )?,
        nir_short: build(r"[12][ .-]?\d\d[ .-]?\d\d[ .-]?(?:\d\d|2[ab])[ .-]?\d{3}[ .-]?\d{3}")?,
        bsn: build(r"\d{9}|\d{4}[. ]\d\d[. ]\d{3}|\d{3}[. -]\d{3}[. -]\d{3}")?,
        nrn_dotted: build(r"\d\d[. /]\d\d[. /]\d\d ?[- ./] ?\d{3} ?[. -] ?\d\d")?,
        nrn_plain: build(r"\d{11}|\d{6}[- ]\d{3}[- .]?\d\d")?,
        cin: build(r"[a-z]{1,2} ?\d{5,7}")?,
        iban: build(r"[a-z]{2}\d\d(?:[ .-]?[a-z0-9]{1,4}){3,8}")?,
        rib: build(r"\d{5}[ .;|\t-]{0,3}\d{5}[ .;|\t-]{0,3}[0-9a-z]{11}[ .;|\t-]{0,3}\d\d")?,
        card: build(r"\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}|\d{4}[ -]\d{6}[ -]\d{5}|\d{15,16}")?,
        phone: build(concat!(
            // +33 6 39 98 00 00, 0033…, 06.39.98.00.00, (0)
            r"(?:\+33|0033) ?(?:\(0\) ?)?[1-9](?:[ ./-]?\d\d){4}|0[1-9](?:[ ./-]?\d\d){4}",
            // Belgium, the Netherlands, Morocco and neighbours, internationally written
            r"|(?:\+|00)(?:32|31|212|49|41|352|44|213|216)[ ./-]?(?:\(0\) ?)?[1-9](?:[ ./-]?\d){7,10}",
            // Belgium: 0470 12 34 56, 02 123 45 67, 081/12 34 56
            r"|04[5-9]\d[ ./-]?\d\d[ ./-]?\d\d[ ./-]?\d\d|0[2-9]\d?[ ./-]\d{2,3}[ ./-]\d\d[ ./-]\d\d",
            // the Netherlands: 06-12345678, 070 123 45 67, 0222-123456
            r"|06[ -]?\d{8}|06[ -]\d{4}[ -]?\d{4}|06[ -]\d\d[ -]\d\d[ -]\d\d[ -]\d\d|0\d{2}[ -]\d{7}|0\d{3}[ -]\d{6}|0\d\d[ -]\d{3}[ -]\d\d[ -]\d\d",
            // Morocco: 0661-23 45 67
            r"|0[5-8]\d\d[ .-]\d\d[ .-]?\d\d[ .-]?\d\d",
            // United Kingdom: 07700 900123, 020 7946 0958, 01632 960001
            r"|07\d{3} ?\d{3} ?\d{3}|0\d{4} \d{3} ?\d{3}|02\d \d{4} ?\d{4}|01\d{2} \d{3} ?\d{4}"
        ))?,
    })
});

const BSN: &[&str] =
    &["bsn", "burgerservicenummer", "burger service nummer", "sofinummer", "sofi-nummer", "sofi nr", "burgerservicenr"];
#[rustfmt::skip]
const NRN: &[&str] = &[
    "registre national", "rijksregister", "nationaal nummer", "numero national", "niss", "insz", "nrn",
    "rrn", "rijksreg", "nationalregister", "n. nat", "no national",
];
const NIR: &[&str] = &["nir", "securite sociale", "n° ss", "no ss", "num secu", "numero secu", "insee", "assure"];
/// What a line calls a number of trade. "dossier" is none: files of persons go by their own number.
#[rustfmt::skip]
const REFERENCES: &[&str] = &[
    "facture", "commande", "colis", "suivi", "siret", "mandat", "bordereau", "invoice", "order", "tracking", "factuur",
    "bestelling", "bestelnummer",
];
/// Names of the Moroccan identity card, in normal form.
pub(super) const CIN: &[&str] = &[
    "cin",
    "cnie",
    "cine",
    "carte nationale",
    "carte d'identite",
    "البطاقة الوطنية",
    "البطاقه الوطنيه",
    "بطاقة التعريف",
    "بطاقه التعريف",
    "رقم البطاقة",
    "رقم البطاقه",
    "ب.ت.و",
    "ب و ت",
];
const CARD: &[&str] = &[
    "carte bancaire",
    "carte bleue",
    "carte de credit",
    "visa",
    "mastercard",
    "credit card",
    "debit card",
    "creditcard",
    "kreditkarte",
    "bankkaart",
    "cb :",
    "n° de carte",
    "pan",
];

/// Adds every valid identifier of one normalised text.
fn in_text(text: &str, add: &mut impl FnMut(&'static str, String)) {
    let Some(patterns) = PATTERNS.as_ref() else { return };
    let mut taken = Taken::default();
    let mut at = 0;
    while let Some(range) = patterns.iban.find_at(text, at).map(|found| found.range()) {
        // "ab238388 ma12 …": what is not an account number may hide the beginning of one.
        at = next_start(text, range.start);
        let before = text[..range.start].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric())
            && let Some(found) = iban(text, range)
        {
            at = found.end;
            add("iban", compact(&text[found.clone()]));
            taken.add(found);
        }
    }
    let may_hold = text.bytes().filter(u8::is_ascii_digit).count() >= RIB;
    let ribs = may_hold.then(|| each(&patterns.rib, text, &taken).collect::<Vec<_>>());
    for range in ribs.into_iter().flatten() {
        if check::is_rib(&text[range.clone()]) {
            add("fr-rib", compact(&text[range.clone()]));
            taken.add(range);
        }
    }
    let (mut at, mut split, mut tried) = (0, Vec::new(), 0);
    while let Some(range) = patterns.nir.find_at(text, at).map(|found| found.range()) {
        at = next_start(text, range.start);
        if taken.holds(&range) || !whole(text, &range) || is_reference(text, &range) {
            continue;
        }
        let groups = text[range.clone()].split([' ', '.', '-', '\t']).count();
        tried += usize::from(groups >= GROUPS);
        if check::is_nir(&text[range.clone()]) {
            at = range.end;
            if groups >= GROUPS {
                split.push(range);
                continue;
            }
            add("fr-nir", compact(&text[range.clone()]).chars().take(13).collect());
            taken.add(range);
        }
    }
    // Columns of figures hold a valid number in a hundred by chance; columns of a number are all valid.
    let chance = split.len() * FIGURES < tried;
    for range in split.into_iter().filter(|_| !chance) {
        add("fr-nir", compact(&text[range.clone()]).chars().take(13).collect());
        taken.add(range);
    }
    let short =
        each(&patterns.nir_short, text, &taken).filter(|range| whole(text, range) && named(text, range.start, NIR));
    for range in short.collect::<Vec<_>>() {
        let head = compact(&text[range.clone()]);
        if head.get(3..5).and_then(|month| month.parse::<u8>().ok()).is_some_and(|month| (1..=12).contains(&month)) {
            add("fr-nir", head);
            taken.add(range);
        }
    }
    for (pattern, strong) in [(&patterns.nrn_dotted, true), (&patterns.nrn_plain, false)] {
        let found: Vec<_> = each(pattern, text, &taken).filter(|range| whole(text, range)).collect();
        let valid: Vec<_> = found.iter().filter(|range| check::is_nrn(&text[(*range).clone()])).cloned().collect();
        let column = valid.len() >= COLUMN && valid.len() * 10 >= found.len() * 9;
        for range in valid {
            if strong || column || named(text, range.start, NRN) {
                add("be-nrn", compact(&text[range.clone()]));
                taken.add(range);
            }
        }
    }
    let found: Vec<_> = each(&patterns.bsn, text, &taken).filter(|range| whole(text, range)).collect();
    let valid: Vec<_> = found.iter().filter(|range| check::is_bsn(&text[(*range).clone()])).cloned().collect();
    let column = valid.len() >= COLUMN && valid.len() * 10 >= found.len() * 9;
    let headed = in_heading(text, BSN);
    for range in valid {
        if column || headed || named(text, range.start, BSN) {
            add("nl-bsn", compact(&text[range.clone()]));
            taken.add(range);
        }
    }
    let found: Vec<_> = each(&patterns.card, text, &taken).filter(|range| whole(text, range)).collect();
    let valid: Vec<_> = found.iter().filter(|range| check::is_card(&text[(*range).clone()])).cloned().collect();
    let chance = valid.len() * FIGURES < found.len();
    for range in valid {
        let grouped = text[range.clone()].contains([' ', '-']) && !chance;
        if grouped || named(text, range.start, CARD) {
            add("card", compact(&text[range.clone()]));
            taken.add(range);
        }
    }
    if CIN.iter().any(|name| text.contains(name)) {
        let headed = in_heading(text, CIN);
        for range in each(&patterns.cin, text, &taken).filter(|range| whole(text, range)).collect::<Vec<_>>() {
            if headed || named(text, range.start, CIN) {
                add("ma-cin", compact(&text[range.clone()]));
                taken.add(range);
            }
        }
    }
    let phones = each(&patterns.phone, text, &taken).filter(|range| whole(text, range) && !is_date(text, range));
    for range in phones.collect::<Vec<_>>() {
        add("phone", phone(&text[range]));
    }
}

/// Where the next number may begin behind one that began at `start`: nowhere in the same run of letters and digits,
/// however long that is.
fn next_start(text: &str, start: usize) -> usize {
    let run = text.as_bytes()[start..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    // Patterns begin with an ASCII character, so the next byte is a boundary.
    start + run.max(1)
}

/// Stretches already recognised, in which no other kind is looked for: end by start.
#[derive(Default)]
struct Taken(BTreeMap<usize, usize>);

impl Taken {
    fn add(&mut self, range: Range<usize>) {
        self.0.insert(range.start, range.end);
    }

    fn holds(&self, range: &Range<usize>) -> bool {
        self.0.range(..range.end).next_back().is_some_and(|(_, end)| *end > range.start)
    }
}

/// Matches outside what is taken. A match that ends in the middle of a longer number is looked at again from its
/// second character, so that "12 1 89 09 35 …" does not hide the number behind a stray group.
fn each<'a>(pattern: &'a Regex, text: &'a str, taken: &Taken) -> impl Iterator<Item = Range<usize>> + 'a {
    let taken = Taken(taken.0.clone());
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found = pattern.find_at(text, at)?.range();
            if taken.holds(&found) || !whole(text, &found) {
                at = next_start(text, found.start);
                continue;
            }
            at = found.end;
            return Some(found);
        }
    })
}

/// Neither digit nor letter touches the number, and it is not part of a longer run of groups.
fn whole(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '@'));
    let mut ahead = text[range.end..].chars();
    let point = matches!((ahead.next(), ahead.next()), (Some('.' | ','), Some(c)) if c.is_ascii_digit());
    let mut behind = text[..range.start].chars().rev();
    let fraction =
        matches!((behind.next(), behind.next()), (Some('.' | ',' | '-' | '/'), Some(c)) if c.is_ascii_alphanumeric());
    let path = before == Some('/') && text[..range.start].ends_with("//");
    free(before) && free(after) && !point && !fraction && !path
}

/// `03/03/2026 09:14`, `03-03-26 09.14`: a day, a month, a year and an hour.
fn is_date(text: &str, range: &Range<usize>) -> bool {
    let bytes = &text.as_bytes()[range.clone()];
    let (Some(first), Some(second)) = (bytes.get(2), bytes.get(5)) else { return false };
    let apart = first == second && matches!(first, b'/' | b'-' | b'.');
    let digits = |from: usize| bytes.get(from..from + 2).and_then(|d| std::str::from_utf8(d).ok()?.parse::<u8>().ok());
    let day = matches!((digits(0), digits(3)), (Some(1..=31), Some(1..=12)));
    // A telephone number keeps its separators; after a date the hour follows a blank.
    let year =
        digits(6).is_some() && (bytes.get(8) == Some(&b' ') || bytes.get(8..10).is_some_and(|d| d[0].is_ascii_digit()));
    apart && day && year
}

/// The identifier's name stands on the line before the number, or shortly before it.
fn named(text: &str, at: usize, names: &[&str]) -> bool {
    let mut from = at.saturating_sub(NEAR);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let before = &text[from..at];
    names.iter().any(|name| contains_word(before, name))
}

/// Fifteen digits in one run that the line calls an order's or a bill's: one number in 97 has the right check digits.
fn is_reference(text: &str, range: &Range<usize>) -> bool {
    let run = text[range.clone()].bytes().all(|b| b.is_ascii_alphanumeric());
    if !run || named(text, range.start, NIR) {
        return false;
    }
    let mut from = range.start.saturating_sub(NEAR / 3);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let before = text[from..range.start].rsplit(['\n', ';', ',', '|', '\t']).next().unwrap_or("");
    REFERENCES.iter().any(|name| contains_word(before, name))
}

/// The name stands in a row of headings: one of the first lines, short cells.
fn in_heading(text: &str, names: &[&str]) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(6);
    lines
        .filter(|line| line.contains(['\t', ';', ',', '|']) || line.len() < 40)
        .any(|line| names.iter().any(|name| contains_word(line, name)))
}

fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let free = |c: Option<char>| c.is_none_or(|c| !c.is_alphabetic());
        free(text[..at].chars().next_back()) && free(text[at + word.len()..].chars().next())
    })
}

/// The part of a candidate that is a whole IBAN: groups after it may have been swallowed.
fn iban(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let country = text.get(range.start..range.start + 2)?;
    let length = check::iban_length(country)?;
    let mut taken = String::with_capacity(length);
    for (at, c) in text[range.start..].char_indices().take(64) {
        if c.is_ascii_alphanumeric() {
            taken.push(c);
        } else if !matches!(c, ' ' | '.' | '-') {
            return None;
        }
        if taken.len() == length {
            let end = range.start + at + 1;
            let free = text[end..].chars().next().is_none_or(|c| !c.is_alphanumeric());
            return (free && check::is_iban(&taken)).then_some(range.start..end);
        }
    }
    None
}

fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// One form for one number: the country's prefix becomes the national 0.
fn phone(text: &str) -> String {
    let digits: String = text.replace("(0)", "").chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let digits = digits.strip_prefix("00").map(|rest| format!("+{rest}")).unwrap_or(digits);
    for country in ["+33", "+32", "+31", "+212", "+44", "+49"] {
        if let Some(rest) = digits.strip_prefix(country) {
            return format!("0{rest}");
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        in_text(text, &mut |kind, value| all.push((kind, value)));
        all.sort();
        all
    }

    fn kinds(text: &str) -> Vec<&'static str> {
        found(text).into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn the_patterns_compile() {
        assert!(PATTERNS.is_some());
    }

    #[test]
    fn numbers_beside_each_other_are_each_found() {
        assert_eq!(kinds("aurele 2 75 11 75 038 164 56 06 39 98 77 48"), ["fr-nir", "phone"]);
        assert_eq!(kinds("registre national : 77.04.24-588.46 pour la paie"), ["be-nrn"]);
        assert_eq!(kinds("iban gb82 west 1234 5698 7654 32 merci"), ["iban"]);
        assert_eq!(kinds("uw burgerservicenummer 926936748 staat op de aanslag"), ["nl-bsn"]);
        assert_eq!(kinds("cin: jc252167"), ["ma-cin"]);
        // A word before it that begins like an account number hides nothing.
        assert_eq!(kinds("ab238388 gb82 west 1234 5698 7654 32"), ["iban"]);
    }

    #[test]
    fn what_only_looks_alike_is_left_alone() {
        for text in [
            "dossiers: 102297803, 148770300, 137805711, 529896853. graag voor vrijdag.",
            "siret 999 123 456 00017, tva fr 40 999123456, code ape 1812z, marche 2026-dae-000218",
            "colis n° 175028309328711, reference fr7899061765521883481748659, isbn 978-2-07-036822-8",
            "numero d'entreprise be 0999.888.777, dossier 70.07.02-288.08",
            "accuse n° 2026-55120938 du 18/03/2026, 1 240,50 euros, mandat 2026 00 118 4432",
            "inkoopnummer 1123456789, kenmerk 123456781, ordernummer 400012345",
            "bon de commande 185057800608491, facture n° 185057800608491",
            "https://zoom.us/j/98765432100 et ticket 88213",
            "le 03/03/2026 09:14 puis 03/03/26 09:14 et 03-03-2026 09.14",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn one_phone_written_twice_is_one() {
        let phones: BTreeSet<_> = found("06 39 98 77 48, +33 6 39 98 77 48, 06.39.98.77.48").into_iter().collect();
        assert_eq!(phones.len(), 1);
        assert_eq!(kinds("0470 12 34 56 / 02 123 45 67 / 06-12345678 / 07700 900123 / 0661-234567"), ["phone"; 5]);
    }

    #[test]
    fn a_number_begins_where_a_run_of_letters_and_digits_begins() {
        assert_eq!(next_start("1234 5", 0), 4);
        assert_eq!(next_start("+33 6", 0), 1);
        let mut taken = Taken::default();
        taken.add(10..20);
        taken.add(2..5);
        assert!(taken.holds(&(19..21)) && taken.holds(&(4..6)) && !taken.holds(&(5..10)) && !taken.holds(&(20..30)));
    }
}
