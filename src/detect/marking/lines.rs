// SPDX-License-Identifier: EUPL-1.2
//! Goes over the lines and cells of one text and finds the wordings that stand where marks stand.

use std::collections::BTreeSet;

use super::rows::{Row, cells};
use super::surroundings::{self, Cell, Found};
use crate::detect::reading::expressions::split;
use crate::detect::reading::inspection::{Inspection, file_of, is_body};
use crate::detect::reading::lines::lines;
use crate::detect::reading::stance::{self, EXPLANATION, Head, Line, LinePlacement, Mark};
use crate::detect::reading::text::Text;
use crate::detect::reading::triggers::Topic;
use crate::detect::reading::vocabulary::{Markings, Strength};

/// Lines at the head and at the foot of a text where a mark is at home.
const EDGE: usize = 5;
/// Bytes of a line that is short enough to be nothing but a mark.
const SHORT: usize = 48;
/// Marks of one text, beyond which no more are looked for: they differ in level at most.
const MOST: usize = 4_096;

/// The marks of one text.
pub(super) fn in_text(inspection: &Inspection<'_>, index: usize, text: &Text) -> Vec<Found> {
    let markings = &inspection.tables.markings;
    let zone = zone(&text.place);
    let triggered = inspection.has_hit(index, Topic::Marking) || inspection.has_hit(index, Topic::PlainMarking);
    let margin = zone == LinePlacement::Margin;
    if !triggered && !margin && !may_be_disguised(text) && !may_be_short(markings, text) {
        return Vec::new();
    }
    let normal: Vec<&str> = lines(&text.normal).collect();
    let original: Vec<&str> = lines(&text.original).collect();
    let paired = normal.len() == original.len();
    let filled: Vec<usize> = (0..normal.len()).filter(|&i| !normal[i].trim().is_empty()).collect();
    let rows: Vec<Row<'_>> =
        filled.iter().map(|&i| Row { normal: normal[i], written: paired.then(|| original[i]) }).collect();
    let mut lines = text_lines(inspection, index, Topic::Marking, &text.normal);
    let plain = text_lines(inspection, index, Topic::PlainMarking, &text.normal);
    lines.extend(plain.into_iter().filter(|&i| !paired || may_mark_plainly(original[i])));
    let separator = separator(text);
    let mut found: Vec<Found> = Vec::new();
    let mut heads = Vec::new();
    let mut skip = None;
    for (nth, &i) in filled.iter().enumerate() {
        if found.len() + heads.len() >= MOST {
            break;
        }
        if skip.take() == Some(i) {
            continue;
        }
        // A mark may be broken over two lines, or have its letters apart; short lines are looked at for that.
        let near = lines.contains(&i) || nth + 1 < filled.len() && lines.contains(&filled[nth + 1]);
        let short = normal[i].len() < SHORT && (!lines.is_empty() || paired && is_capitals(original[i]));
        let edge = margin || nth < EDGE || nth + EDGE >= filled.len();
        let bracket = edge && in_bracket(normal[i]).is_some();
        let worth = near || short || bracket || margin || stance::may_be_spaced_out(normal[i]);
        if !worth {
            continue;
        }
        let mut here: Vec<Found> = Vec::new();
        let row = rows[nth];
        let line = Line { normal: row.normal, original: row.written, zone, edge };
        let whole = stance::read(markings, &line);
        let cells = cells(row, separator);
        let head = match cells.split_first() {
            None => whole.head,
            // In a table the other cells explain the first.
            Some((first, rest)) => {
                let line = Line { normal: first.normal, original: first.written, zone, edge };
                let words = || rest.iter().flat_map(|cell| cell.normal.split_whitespace()).take(EXPLANATION).count();
                let explained = |head: Head| Head { explained: words() == EXPLANATION, ..head };
                stance::read(markings, &line).head.map(explained)
            }
        };
        heads.extend(head.map(|head| (nth, head)));
        // Of a row that has cells, only a label and its value, or a wording cut by a gap, is read across them.
        let counts = |mark: &Mark| cells.is_empty() || mark.alone || mark.announced;
        here.extend(whole.marks.into_iter().filter(counts).map(|mark| Found {
            nth,
            mark,
            levels: whole.levels,
            line: row.text().to_owned(),
            cell: None,
            lapsed: false,
        }));
        for (column, cell) in cells.iter().enumerate() {
            if here.len() >= MOST {
                break;
            }
            let line = Line { normal: cell.normal, original: cell.written, zone, edge };
            let said = stance::read(markings, &line);
            let left = column.checked_sub(1).map(|left| cells[left].normal.to_owned());
            here.extend(said.marks.into_iter().map(|mark| Found {
                nth,
                mark,
                levels: whole.levels.max(said.levels),
                line: cell.text().to_owned(),
                cell: Some(Cell { column, of: cells.len(), left: left.clone() }),
                lapsed: false,
            }));
        }
        // A wording over two lines is more than the ordinary word that ends it.
        let plain = |found: &Found| {
            found.mark.phrases.iter().all(|&phrase| markings.phrases[phrase].strength == Strength::Plain)
        };
        if nth + 1 < filled.len() && here.iter().all(plain) {
            let whole = over_two_lines(markings, &normal, &original, paired, (i, filled[nth + 1]), zone);
            if !whole.is_empty() {
                skip = Some(filled[nth + 1]);
                found.extend(whole.into_iter().map(|(mark, line)| Found {
                    nth,
                    mark,
                    levels: 1,
                    line,
                    cell: None,
                    lapsed: false,
                }));
                continue;
            }
        }
        found.extend(here);
    }
    surroundings::judge(markings, &rows, zone, EDGE, separator, found, &heads)
}

/// Whether the text has a line that may be a mark although no word of it is known: letters apart, or words cut.
fn may_be_disguised(text: &Text) -> bool {
    lines(&text.normal).any(stance::may_be_spaced_out)
        || lines(&text.original).any(|line| line.len() < SHORT * 2 && is_capitals(line))
}

/// Whether a paragraph begins with an abbreviation in brackets that marks: only the first and last lines are asked.
fn may_be_short(markings: &Markings, text: &Text) -> bool {
    let begins = |line: &str| in_bracket(line).is_some_and(|word| markings.may_begin(word));
    lines(&text.normal).filter(|line| !line.is_empty()).take(EDGE).any(begins)
}

/// "(DR) …", "2. [NS] …": the first word of a bracket that opens a paragraph, behind its number.
fn in_bracket(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let behind = line.split_once([' ', '\t']).filter(|(number, _)| {
        number.len() <= 4 && number.starts_with(char::is_alphanumeric) && number.ends_with(['.', ')'])
    });
    let inside = behind.map_or(line, |(_, rest)| rest).strip_prefix(['(', '['])?;
    let end = inside.char_indices().take(8).find(|(_, c)| !c.is_alphanumeric())?.0;
    Some(&inside[..end])
}

/// Six letters at least, and none of them small.
fn is_capitals(line: &str) -> bool {
    let mut capitals = 0;
    for b in line.bytes() {
        // Of nearly every line the second letter is small.
        if b.is_ascii_lowercase() {
            return false;
        }
        capitals += u32::from(b.is_ascii_uppercase());
    }
    capitals >= 6 && !line.chars().any(char::is_lowercase)
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

/// What parts the columns of a file of comma-separated values: the sign its first line has most of.
fn separator(text: &Text) -> Option<char> {
    if !file_of(&text.place).ends_with(".csv") {
        return None;
    }
    let first = text.original.lines().find(|line| !line.trim().is_empty())?;
    [';', ','].into_iter().max_by_key(|sign| first.matches(*sign).count()).filter(|sign| first.contains(*sign))
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
    // Where the upper line is a row of cells, its last one goes on in the only one of the lower row.
    let parts = |lines: &[&'_ str]| -> (String, String) {
        let filled = |line: &str| -> Vec<String> {
            line.split('\t').map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
        };
        match (filled(lines[first]).as_slice(), filled(lines[second]).as_slice()) {
            ([_, .., last], [only]) => (last.clone(), only.clone()),
            _ => (lines[first].trim().to_owned(), lines[second].trim().to_owned()),
        }
    };
    if second - first > 2 || normal[first].len().min(normal[second].len()) > 64 {
        return Vec::new();
    }
    let (upper, lower) = parts(normal);
    if upper.len() + lower.len() > 64 {
        return Vec::new();
    }
    let joined = format!("{upper} {lower}");
    let written = paired.then(|| parts(original)).map(|(upper, lower)| format!("{upper} {lower}"));
    let line = Line { normal: &joined, original: written.as_deref(), zone, edge: false };
    let excerpt = written.clone().unwrap_or_else(|| joined.clone());
    // Only a specific wording that spans the break is news: what one line holds alone is judged alone.
    let here = stance::read(markings, &line).marks.into_iter();
    let upper = split(&upper);
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
