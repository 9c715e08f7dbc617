// SPDX-License-Identifier: EUPL-1.2
//! Detects markings of classification and protection, at places where markings stand.

mod author;
mod claim;
mod lines;
mod returned;
mod rows;
mod surroundings;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{self, Inspection, file_of};
use crate::detect::reading::stance::{self, Line, LinePlacement, Mark};
use crate::detect::reading::text::Text;
use crate::directory::fold::fold;
use claim::Claims;
use returned::{Author, Returned};
use surroundings::Found;

/// Header fields in which people or programs write a marking as free text.
const HEADERS: &[&str] = &["Keywords", "Comments", "X-Marking", "X-Classification-Marking"];
/// Texts and their first bytes in which an abbreviation may be confirmed.
const WITNESSES: usize = 64;
const WITNESS: usize = 20_000;

/// The marks of one place, and the text that says whose they are.
struct Place<'t> {
    text: Cow<'t, Text>,
    /// The recipient outside who wrote them himself.
    author: Author<'t>,
    found: Vec<Found>,
}

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let returned = Returned::new(inspection);
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut push = |text, author, found: Vec<Found>| {
        if !found.is_empty() {
            places.push(Place { text, author, found });
        }
    };
    for (index, text) in inspection.texts().enumerate() {
        if text.place == "subject" {
            let bare = inspection.split_subject(&text.normal).bare;
            let original = inspection.split_subject(&text.original).bare;
            push(Cow::Borrowed(text), None, one_line(inspection, bare, original, LinePlacement::Subject));
            continue;
        }
        let found = lines::in_text(inspection, index, text);
        let authors = if found.is_empty() { Vec::new() } else { returned.authors(index) };
        for (author, found) in by_author(found, &authors) {
            // What came from the only one outside cannot leak at all.
            if author.is_none() || author != returned.only() {
                push(Cow::Borrowed(text), author, found);
            }
        }
    }
    for (place, name) in names(inspection) {
        // An extension is not a word of the name; underscores and dots part words.
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).replace('_', " ");
        let normal = fold(&stem);
        let found = one_line(inspection, &normal, &stem, LinePlacement::Margin);
        push(Cow::Owned(Text { place: format!("{place}#name"), original: name, normal }), None, found);
    }
    for name in HEADERS {
        for value in inspection.headers(name) {
            let normal = fold(value);
            let found = one_line(inspection, &normal, value, LinePlacement::Margin);
            let text = Text { place: format!("header:{name}"), original: value.to_owned(), normal };
            push(Cow::Owned(text), None, found);
        }
    }
    without_unconfirmed(inspection, &mut places);
    let (lapsed, claims) = (lapsed(&places), Claims::new(inspection));
    for place in &places {
        report(&claims, inspection, place, &lapsed, findings);
    }
}

/// Marks of one text, those of each author apart.
fn by_author<'a>(found: Vec<Found>, authors: &[(usize, Author<'a>)]) -> Vec<(Author<'a>, Vec<Found>)> {
    let mut parted: Vec<(Author<'a>, Vec<Found>)> = Vec::new();
    for found in found {
        let run = authors.partition_point(|(first, _)| *first <= found.nth);
        let author = run.checked_sub(1).and_then(|run| authors[run].1);
        match parted.iter_mut().find(|(known, _)| *known == author) {
            Some((_, same)) => same.push(found),
            None => parted.push((author, vec![found])),
        }
    }
    parted
}

/// The marks of a subject, a name or a field.
fn one_line(inspection: &Inspection<'_>, normal: &str, original: &str, zone: LinePlacement) -> Vec<Found> {
    let line = Line { normal, original: Some(original), zone, edge: true };
    let said = stance::read(&inspection.tables.markings, &line);
    let found = |mark| Found { nth: 0, mark, levels: 1, line: original.to_owned(), cell: None, lapsed: false };
    said.marks.into_iter().map(found).collect()
}

/// The files of the mail that have a name, with their place.
fn names(inspection: &Inspection<'_>) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for part in &inspection.evidence.message.parts {
        if let Some(name) = part.name.as_ref().filter(|name| name.len() <= 255) {
            names.push((format!("attachment:{name}"), name.clone()));
        }
    }
    for (place, extract) in inspection.files() {
        if !extract.name.is_empty() && extract.name.len() <= 255 {
            let name = extract.name.rsplit('/').next().unwrap_or(&extract.name);
            names.push((place, name.to_owned()));
        }
    }
    names
}

/// Takes out abbreviations that nothing confirms: another marking of their vocabulary, its law, a second paragraph that
/// begins so.
fn without_unconfirmed(inspection: &Inspection<'_>, places: &mut Vec<Place<'_>>) {
    let markings = &inspection.tables.markings;
    let scheme =
        |mark: &Mark| mark.phrases.first().map(|&phrase| markings.levels[markings.phrases[phrase].level].scheme);
    if !places.iter().flat_map(|place| &place.found).any(|found| found.mark.unsure) {
        return;
    }
    let sure = places.iter().flat_map(|place| &place.found).filter(|found| !found.mark.unsure);
    let mut confirmed: BTreeSet<usize> = sure.filter_map(|found| scheme(&found.mark)).collect();
    for text in inspection.texts().take(WITNESSES) {
        let mut end = text.normal.len().min(WITNESS);
        while !text.normal.is_char_boundary(end) {
            end -= 1;
        }
        let cites = |words: &String| text.normal[..end].contains(words.as_str());
        let cited = markings.schemes.iter().enumerate().filter(|(_, scheme)| scheme.evidence.iter().any(cites));
        confirmed.extend(cited.map(|(at, _)| at));
    }
    for place in places.iter_mut() {
        // Paragraphs that each begin with their own mark confirm each other.
        let mut paragraphs: BTreeMap<Option<usize>, BTreeSet<usize>> = BTreeMap::new();
        for found in place.found.iter().filter(|found| found.mark.unsure && found.cell.is_none()) {
            paragraphs.entry(scheme(&found.mark)).or_default().insert(found.nth);
        }
        place.found.retain(|found| {
            let scheme = scheme(&found.mark);
            let several = paragraphs.get(&scheme).is_some_and(|lines| lines.len() >= 2);
            !found.mark.unsure || several || scheme.is_some_and(|scheme| confirmed.contains(&scheme))
        });
    }
    places.retain(|place| !place.found.is_empty());
}

/// The levels that have lapsed, a file each: a stamp on every page, and one decision on the first.
fn lapsed(places: &[Place<'_>]) -> BTreeSet<(String, usize)> {
    let mut lapsed = BTreeSet::new();
    for place in places {
        for found in place.found.iter().filter(|found| found.lapsed) {
            lapsed.extend(found.mark.phrases.iter().map(|&phrase| (file_of(&place.text.place).to_owned(), phrase)));
        }
    }
    lapsed
}

/// One finding a level and place. Rank 0 restricts nothing and is not worth a word.
fn report(
    claims: &Claims<'_>,
    inspection: &Inspection<'_>,
    place: &Place<'_>,
    lapsed: &BTreeSet<(String, usize)>,
    findings: &mut Vec<Finding>,
) {
    let markings = &inspection.tables.markings;
    let mut levels: BTreeMap<usize, String> = BTreeMap::new();
    // A text repeats few wordings many times; whose they are is asked once.
    let mut asked: BTreeSet<&[usize]> = BTreeSet::new();
    let file = file_of(&place.text.place);
    let holds = |found: &&Found| !found.mark.phrases.iter().any(|&phrase| lapsed.contains(&(file.to_owned(), phrase)));
    for found in place.found.iter().filter(|found| asked.insert(&found.mark.phrases)).filter(holds) {
        let level = claims.level(&place.text, &found.mark.phrases);
        levels.entry(level).or_insert_with(|| inspection::excerpt(&found.line));
    }
    for (level, line) in levels {
        let level = &markings.levels[level];
        let known = |finding: &Finding| {
            finding.kind == FindingKind::Marking
                && finding.value.as_deref() == Some(&level.value)
                && finding.place == place.text.place
                && (finding.author.is_none() || finding.author.as_ref() == place.author)
        };
        // A file's name is read with the texts, with the parts and with what was opened: that is one place.
        if level.rank > 0 && !findings.iter().any(known) {
            let finding = Finding::new(FindingKind::Marking, place.text.place.as_str());
            let finding = finding.value(level.value.as_str()).rank(level.rank).excerpt(line);
            findings.push(Finding { author: place.author.cloned(), ..finding });
        }
    }
}
