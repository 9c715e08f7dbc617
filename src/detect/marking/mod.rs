// SPDX-License-Identifier: EUPL-1.2
//! Detects markings of classification and protection, at places where markings stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{self, Inspection, is_body};
use crate::detect::reading::stance::{self, Line, LinePlacement, Mark};
use crate::detect::reading::text::Text;
use crate::detect::reading::triggers::Topic;
use crate::detect::reading::vocabulary::{Markings, Strength, split};
use crate::directory::fold::fold;

/// Lines at the head and at the foot of a text where a mark is at home.
const EDGE: usize = 5;
/// Bytes of a line that is short enough to be nothing but a mark.
const SHORT: usize = 48;
/// Distinct levels in one text beyond which it is about classification.
const ABOUT: usize = 3;
/// Header fields in which people or programs write a marking as free text.
const HEADERS: &[&str] = &["Keywords", "Comments", "X-Marking", "X-Classification-Marking"];

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let markings = &inspection.tables.markings;
    for (index, text) in inspection.texts().enumerate() {
        if text.place == "subject" {
            let bare = inspection.split_subject(&text.normal).bare;
            let original = inspection.split_subject(&text.original).bare;
            let line = Line { normal: bare, original: Some(original), zone: LinePlacement::Subject, edge: true };
            let marks = stance::marks(markings, &line).into_iter().map(|mark| (mark, original.to_owned())).collect();
            report(inspection, text, marks, findings);
        } else {
            let marks = in_text(inspection, index, text);
            report(inspection, text, marks, findings);
        }
    }
    for (place, name) in names(inspection) {
        // An extension is not a word of the name; underscores and dots part words.
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).replace('_', " ");
        let normal = fold(&stem);
        let line = Line { normal: &normal, original: Some(&stem), zone: LinePlacement::Margin, edge: true };
        let marks = stance::marks(markings, &line).into_iter().map(|mark| (mark, name.clone())).collect();
        let text = Text { place: format!("{place}#name"), original: stem.clone(), normal: normal.clone() };
        report(inspection, &text, marks, findings);
    }
    for name in HEADERS {
        for value in inspection.headers(name) {
            let normal = fold(value);
            let line = Line { normal: &normal, original: Some(value), zone: LinePlacement::Margin, edge: true };
            let marks = stance::marks(markings, &line).into_iter().map(|mark| (mark, value.to_owned())).collect();
            let text = Text { place: format!("header:{name}"), original: value.to_owned(), normal };
            report(inspection, &text, marks, findings);
        }
    }
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

/// The marks of one text, each with its line as written.
fn in_text(inspection: &Inspection<'_>, index: usize, text: &Text) -> Vec<(Mark, String)> {
    let markings = &inspection.tables.markings;
    let zone = zone(&text.place);
    let triggered = inspection.has_hit(index, Topic::Marking) || inspection.has_hit(index, Topic::PlainMarking);
    if !triggered && zone != LinePlacement::Margin && !may_be_disguised(text) {
        return Vec::new();
    }
    let normal: Vec<&str> = text.normal.lines().collect();
    let original: Vec<&str> = text.original.lines().collect();
    let paired = normal.len() == original.len();
    let filled: Vec<usize> = (0..normal.len()).filter(|&i| !normal[i].trim().is_empty()).collect();
    let mut lines = text_lines(inspection, index, Topic::Marking, &text.normal);
    let plain = text_lines(inspection, index, Topic::PlainMarking, &text.normal);
    lines.extend(plain.into_iter().filter(|&i| !paired || may_mark_plainly(original[i])));
    let mut marks = Vec::new();
    let mut skip = None;
    for (nth, &i) in filled.iter().enumerate() {
        if skip.take() == Some(i) {
            continue;
        }
        // A mark may be broken over two lines, or have its letters apart; short lines are looked at for that.
        let near = lines.contains(&i) || nth + 1 < filled.len() && lines.contains(&filled[nth + 1]);
        let short = normal[i].len() < SHORT && (!lines.is_empty() || paired && is_capitals(original[i]));
        let worth = near || short || zone == LinePlacement::Margin || stance::may_be_spaced_out(normal[i]);
        if !worth {
            continue;
        }
        let edge = zone == LinePlacement::Margin || nth < EDGE || nth + EDGE >= filled.len();
        let written = if paired { Some(original[i]) } else { None };
        let found = cells(normal[i], written)
            .into_iter()
            .flat_map(|(normal, original)| {
                let line = Line { normal, original, zone, edge };
                stance::marks(markings, &line)
                    .into_iter()
                    .map(move |mark| (mark, original.unwrap_or(normal).to_owned()))
            })
            .collect::<Vec<_>>();
        // A wording over two lines is more than the ordinary word that ends it.
        let plain = |(mark, _): &(Mark, String)| {
            mark.phrases.iter().all(|&phrase| markings.phrases[phrase].strength == Strength::Plain)
        };
        if nth + 1 < filled.len() && found.iter().all(plain) {
            let whole = over_two_lines(markings, &normal, &original, paired, (i, filled[nth + 1]), zone);
            if !whole.is_empty() {
                skip = Some(filled[nth + 1]);
                marks.extend(whole);
                continue;
            }
        }
        marks.extend(found);
    }
    without_definitions(inspection, text, zone, marks)
}

/// Whether the text has a line that may be a mark although no word of it is known: letters apart, or words cut.
fn may_be_disguised(text: &Text) -> bool {
    text.normal.lines().any(stance::may_be_spaced_out)
        || text.original.lines().any(|line| line.len() < SHORT * 2 && is_capitals(line))
}

/// Six letters at least, and none of them small.
fn is_capitals(line: &str) -> bool {
    let (mut capitals, mut small) = (0u32, 0u32);
    for b in line.bytes() {
        capitals += u32::from(b.is_ascii_uppercase());
        small += u32::from(b.is_ascii_lowercase());
    }
    small == 0 && capitals >= 6 && !line.chars().any(char::is_lowercase)
}

/// Whether an ordinary word on this line may be a mark: some word stands in capitals, or after a label.
fn may_mark_plainly(line: &str) -> bool {
    let capital = |c: char| c.is_alphabetic() && !c.is_lowercase();
    line.contains([':', '=', '：', '\t', '|'])
        || line.bytes().zip(line.bytes().skip(1)).any(|(a, b)| a.is_ascii_uppercase() && b.is_ascii_uppercase())
        || !line.is_ascii() && line.chars().zip(line.chars().skip(1)).any(|(a, b)| capital(a) && capital(b))
}

/// The lines on which hits end.
fn text_lines(inspection: &Inspection<'_>, index: usize, topic: Topic, normal: &str) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    let (mut line, mut at) = (0, 0);
    for hit in inspection.hits(index, topic) {
        // A hit ends behind its last letter; the letter itself names the line.
        let end = hit.saturating_sub(1).max(at).min(normal.len());
        line += memchr::memchr_iter(b'\n', &normal.as_bytes()[at..end]).count();
        at = end;
        lines.insert(line);
    }
    lines
}

/// A row of a table is as many lines as it has cells.
fn cells<'a>(normal: &'a str, original: Option<&'a str>) -> Vec<(&'a str, Option<&'a str>)> {
    let parts: Vec<&str> = normal.split('\t').collect();
    if parts.len() < 2 {
        return vec![(normal, original)];
    }
    let written: Option<Vec<&str>> =
        original.map(|line| line.split('\t').collect()).filter(|w: &Vec<&str>| w.len() == parts.len());
    // The whole row as well: "Classification <tab> SECRET" is a label and its value.
    let mut all = vec![(normal, original)];
    all.extend(parts.iter().enumerate().map(|(i, part)| (*part, written.as_ref().map(|w| w[i]))));
    all
}

/// `DIFFUSION` above `RESTREINTE`: two short lines that only together are a mark.
fn over_two_lines(
    markings: &Markings,
    normal: &[&str],
    original: &[&str],
    paired: bool,
    lines: (usize, usize),
    zone: LinePlacement,
) -> Vec<(Mark, String)> {
    let (first, second) = lines;
    if normal[first].len() + normal[second].len() > 64 || second - first > 2 {
        return Vec::new();
    }
    let joined = format!("{} {}", normal[first].trim(), normal[second].trim());
    let written = paired.then(|| format!("{} {}", original[first].trim(), original[second].trim()));
    let line = Line { normal: &joined, original: written.as_deref(), zone, edge: false };
    let excerpt = written.clone().unwrap_or_else(|| joined.clone());
    // Only a specific wording that spans the break is news: what one line holds alone is judged alone.
    let here = stance::marks(markings, &line).into_iter();
    let upper = split(normal[first]);
    let spans = |mark: &Mark| {
        mark.alone
            && mark.phrases.iter().map(|&phrase| &markings.phrases[phrase]).any(|phrase| {
                phrase.strength == Strength::Specific
                    && phrase.words.len() > upper.len()
                    && phrase.words.first().is_some_and(|word| upper.contains(word))
            })
    };
    here.filter(spans).map(|mark| (mark, excerpt.clone())).collect()
}

fn zone(place: &str) -> LinePlacement {
    if is_body(place) {
        return LinePlacement::Body;
    }
    let Some((_, tail)) = place.split_once('#') else { return LinePlacement::Body };
    let margin = ["header", "footer", "watermark", "textbox", "metadata", "label", "name", "comment", "property"];
    if margin.iter().any(|word| tail.contains(word)) { LinePlacement::Margin } else { LinePlacement::Body }
}

/// A text that explains three levels is about classification: then only a mark in the margin, or alone at the very
/// head or foot of the text, counts. Lists of two levels are definitions too.
fn without_definitions(
    inspection: &Inspection<'_>,
    text: &Text,
    zone: LinePlacement,
    marks: Vec<(Mark, String)>,
) -> Vec<(Mark, String)> {
    if marks.is_empty() || zone == LinePlacement::Margin {
        return marks;
    }
    let markings = &inspection.tables.markings;
    let level = |mark: &Mark| mark.phrases.first().map(|&phrase| markings.phrases[phrase].level);
    let listed: BTreeSet<_> =
        marks.iter().filter(|(mark, _)| mark.bullet).filter_map(|(mark, _)| level(mark)).collect();
    let about = mentioned(markings, &text.normal).len() >= ABOUT;
    let (head, foot) = (first_line(&text.original), last_line(&text.original));
    marks
        .into_iter()
        .filter(|(mark, line)| {
            let at_end = line.trim() == head || line.trim() == foot;
            !(mark.bullet && listed.len() >= 2) && (!about || mark.alone && at_end)
        })
        .collect()
}

/// The levels whose specific wordings the text holds anywhere, in prose or as marks; languages of one level and
/// caveats are not told apart from it.
fn mentioned(markings: &Markings, normal: &str) -> BTreeSet<(usize, u8, usize)> {
    let words = split(normal);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut levels = BTreeSet::new();
    let mut at = 0;
    while at < words.len() && levels.len() < ABOUT {
        let Some((length, phrases)) = markings.at(&words[at..], |_, _| true) else {
            at += 1;
            continue;
        };
        at += length;
        let phrase =
            phrases.iter().map(|&phrase| &markings.phrases[phrase]).find(|phrase| phrase.strength != Strength::Short);
        if let Some(level) = phrase.map(|phrase| phrase.level)
            && !markings.levels[level].caveat
            && markings.levels[level].rank >= 2
        {
            levels.insert((markings.levels[level].scheme, markings.levels[level].rank, level));
        }
    }
    levels
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("")
}

fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("")
}

/// One finding a level and place. Rank 0 restricts nothing and is not worth a word.
fn report(inspection: &Inspection<'_>, text: &Text, marks: Vec<(Mark, String)>, findings: &mut Vec<Finding>) {
    if marks.is_empty() {
        return;
    }
    let markings = &inspection.tables.markings;
    let mut levels: BTreeMap<usize, String> = BTreeMap::new();
    // A text repeats few wordings many times; whose they are is asked once.
    let mut asked: BTreeSet<&[usize]> = BTreeSet::new();
    for (mark, line) in marks.iter().filter(|(mark, _)| asked.insert(&mark.phrases)) {
        levels.entry(claim(inspection, text, &mark.phrases)).or_insert_with(|| inspection::excerpt(line));
    }
    for (level, line) in levels {
        let level = &markings.levels[level];
        if level.rank > 0 {
            findings.push(
                Finding::new(FindingKind::Marking, text.place.as_str())
                    .value(level.value.as_str())
                    .rank(level.rank)
                    .excerpt(line),
            );
        }
    }
}

/// Which of several vocabularies a shared word belongs to: the one the text names, else the sender's own, else the
/// first as the files are ordered.
fn claim(inspection: &Inspection<'_>, text: &Text, phrases: &[usize]) -> usize {
    let markings = &inspection.tables.markings;
    let level = |phrase: usize| markings.phrases[phrase].level;
    let first = phrases.first().copied().map_or(0, level);
    if phrases.len() < 2 {
        return first;
    }
    let scheme = |phrase: usize| &markings.schemes[markings.levels[level(phrase)].scheme];
    let mut specific =
        phrases.iter().copied().filter(|&phrase| markings.phrases[phrase].strength == Strength::Specific);
    let cited = phrases
        .iter()
        .copied()
        .find(|&phrase| scheme(phrase).evidence.iter().any(|words| text.normal.contains(words.as_str())));
    let sender = inspection.evidence.sender.mailbox.as_ref().map(|mailbox| mailbox.domain().as_str().to_owned());
    let labels: Vec<&str> = sender.as_deref().unwrap_or("").split('.').collect();
    let home = phrases
        .iter()
        .copied()
        .filter_map(|phrase| {
            // The nearer to the root of the domain name, the stronger the claim.
            let at = labels.iter().rposition(|label| scheme(phrase).home.iter().any(|home| home == label))?;
            Some((at, phrase))
        })
        .max_by_key(|(at, _)| *at)
        .map(|(_, phrase)| phrase);
    // A vocabulary without a home is usage: whose word it is by law nobody can tell.
    let usage = phrases.iter().copied().find(|&phrase| scheme(phrase).home.is_empty());
    cited.or(home).or(specific.next()).or(usage).map_or(first, level)
}
