// SPDX-License-Identifier: EUPL-1.2
//! Judges wordings by what stands around them, at their own place (decision D36): a title, a definition, a list of
//! levels, a column that says something else, a lapse. What stands elsewhere in the text changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Row, cells};
use crate::detect::reading::around::Sense;
use crate::detect::reading::expressions::split;
use crate::detect::reading::stance::{Head, LinePlacement, Mark};
use crate::detect::reading::vocabulary::{Markings, Strength};

/// Bytes of a line next to a mark that are looked at.
const NEAR: usize = 200;
/// Bytes of the first row of a table that are looked at for its headings.
const HEADINGS: usize = 4_000;
/// Rows of as many cells each, from which on they are a table.
const TABLE: usize = 3;
/// Filled lines between two levels of one list, at most.
const APART: usize = 4;
/// Distinct levels that are a list wherever they stand in a row; two are one only where each is explained.
const LIST: usize = 3;
/// Words of a line that is a heading.
const HEADING: usize = 6;

/// The cell that a mark fills.
#[derive(Debug)]
pub(super) struct Cell {
    pub column: usize,
    /// Cells of its row.
    pub of: usize,
    /// The cell before it.
    pub left: Option<String>,
}

/// A mark and its place.
#[derive(Debug)]
pub(super) struct Found {
    /// Number of its line among the filled lines.
    pub nth: usize,
    pub mark: Mark,
    /// Distinct levels on its line or in its cell.
    pub levels: usize,
    /// Its line or cell as written.
    pub line: String,
    pub cell: Option<Cell>,
    /// A decision beside it says that it no longer holds.
    pub lapsed: bool,
}

/// The lines around marks, and what they say.
struct Page<'t> {
    markings: &'t Markings,
    rows: &'t [Row<'t>],
    separator: Option<char>,
    edge: usize,
    /// For each line, where the table it belongs to begins, and how many rows that has.
    tables: Vec<(usize, usize)>,
}

/// The marks that stand, with those that have lapsed.
pub(super) fn judge(
    markings: &Markings,
    rows: &[Row<'_>],
    placement: LinePlacement,
    edge: usize,
    separator: Option<char>,
    found: Vec<Found>,
    heads: &[(usize, Head)],
) -> Vec<Found> {
    if found.is_empty() {
        return found;
    }
    let with_cells = found.iter().any(|found| found.cell.is_some());
    let tables = if with_cells { tables(rows, separator) } else { Vec::new() };
    let page = Page { markings, rows, separator, edge, tables };
    let listed = lists(&page, heads);
    let mut alone: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for found in found.iter().filter(|found| found.mark.alone && !listed.contains(&found.nth)) {
        alone.entry(level(markings, &found.mark)).or_default().insert(found.nth);
    }
    let stands = |found: &Found| {
        let times = alone.get(&level(markings, &found.mark)).map_or(0, BTreeSet::len);
        placement == LinePlacement::Margin
            || !listed.contains(&found.nth)
                && found.levels < LIST
                && match &found.cell {
                    Some(cell) => page.column_marks(found, cell),
                    None => !found.mark.alone || !page.is_title(found, times),
                }
    };
    let mut found: Vec<Found> = found.into_iter().filter(stands).collect();
    for found in &mut found {
        found.lapsed = page.has_lapsed(found);
    }
    found
}

fn level(markings: &Markings, mark: &Mark) -> usize {
    mark.phrases.first().map_or(0, |&phrase| markings.phrases[phrase].level)
}

/// For each line, the first row of its table and the number of its rows: neighbours of as many cells.
fn tables(rows: &[Row<'_>], separator: Option<char>) -> Vec<(usize, usize)> {
    let counts: Vec<usize> = rows.iter().map(|row| cells(*row, separator).len()).collect();
    let mut tables = Vec::with_capacity(rows.len());
    let mut start = 0;
    while start < rows.len() {
        let run = counts[start..].iter().take_while(|count| **count == counts[start]).count();
        tables.extend(std::iter::repeat_n((start, run), run));
        start += run;
    }
    tables
}

/// The lines that belong to a list of levels: each level once, close to each other. The first or last one that stands a
/// second time is the paper's own mark.
fn lists(page: &Page<'_>, heads: &[(usize, Head)]) -> BTreeSet<usize> {
    let mut listed = BTreeSet::new();
    let mut from = 0;
    while from < heads.len() {
        let close = heads[from..].windows(2).take_while(|pair| pair[1].0 - pair[0].0 <= APART + 1).count();
        let all = &heads[from..=from + close];
        // A caveat in a list is explained like a level, and is none.
        let is_level = |(_, head): &&(usize, Head)| !page.markings.levels[head.level].caveat;
        let mut run: Vec<&(usize, Head)> = all.iter().filter(is_level).collect();
        // Two forms of one level, each explained on its line: TLP:AMBER+STRICT and TLP:AMBER.
        run.dedup_by(|next, one| {
            next.0 == one.0 + 1 && next.1.level == one.1.level && one.1.explained && next.1.explained
        });
        from += close + 1;
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, head) in &run {
            *times.entry(head.level).or_default() += 1;
        }
        let each = |test: fn(&Head) -> bool| run.iter().all(|(_, head)| test(head));
        let announced = || {
            run.first().is_some_and(|(nth, _)| page.announces(*nth))
                && run.windows(2).all(|pair| pair[1].0 - pair[0].0 == 1)
        };
        let explained = each(|head| head.explained) || each(|head| head.bullet || !head.capitals) || announced();
        let mut own: BTreeSet<usize> = BTreeSet::new();
        for (nth, head) in [run.first(), run.last()].into_iter().flatten() {
            if times.get(&head.level).is_some_and(|times| *times > 1) {
                own.insert(*nth);
            }
        }
        // A level that comes back again and again marks pages; in a list each has one line.
        let once = times.values().filter(|times| **times == 1).count();
        if once + own.len().min(1) >= LIST && run.len() <= times.len() + own.len()
            || times.len() >= 2 && run.len() == times.len() && explained
        {
            listed.extend(all.iter().map(|(nth, _)| *nth).filter(|nth| !own.contains(nth)));
        }
    }
    listed
}

impl Page<'_> {
    /// The first words of a line.
    fn words(&self, nth: Option<usize>) -> Vec<String> {
        nth.and_then(|nth| self.rows.get(nth)).map_or_else(Vec::new, |row| split(head(row.normal, NEAR)))
    }

    fn has(&self, words: &[String], sense: Sense) -> bool {
        self.markings.around.find(words, sense).is_some()
    }

    /// Whether the line before this one announces several levels: "Les niveaux :".
    fn announces(&self, nth: usize) -> bool {
        let before = nth.checked_sub(1);
        before.and_then(|nth| self.rows.get(nth)).is_some_and(|row| row.normal.trim_end().ends_with(':'))
            && self.has(&self.words(before), Sense::Label)
    }

    /// Whether what fills a cell marks, by the heading of its column and the cell before it.
    fn column_marks(&self, found: &Found, cell: &Cell) -> bool {
        let (start, run) = self.tables[found.nth]; // one entry for each line
        let is_table = run >= TABLE && start != found.nth;
        let heading = is_table.then(|| {
            let first = &self.rows[start];
            let first = Row { normal: head(first.normal, HEADINGS), written: None };
            cells(first, self.separator).get(cell.column).map_or_else(Vec::new, |cell| split(cell.normal))
        });
        let left = cell.left.as_deref().map(|left| split(head(left, NEAR))).unwrap_or_default();
        let says =
            |sense: Sense| self.has(heading.as_deref().unwrap_or(&[]), sense) || cell.of == 2 && self.has(&left, sense);
        if [Sense::Clearance, Sense::Work, Sense::Occasion].into_iter().any(says) {
            return false;
        }
        let at_edge = found.nth < self.edge || found.nth + self.edge >= self.rows.len();
        // "Accès | RESTREINT", "Vote | SECRET": an ordinary word in a table needs a label.
        !self.is_plain(found) || says(Sense::Label) || !is_table && at_edge
    }

    fn is_plain(&self, found: &Found) -> bool {
        found.mark.phrases.iter().all(|&phrase| self.markings.phrases[phrase].strength < Strength::Specific)
    }

    /// Whether the wording alone on this line is a title or is being defined, by the lines next to it. `times`: how often
    /// it stands alone in this text.
    fn is_title(&self, found: &Found, times: usize) -> bool {
        let (before, after) = (found.nth.checked_sub(1), Some(found.nth + 1));
        let (previous, next) = (self.words(before), self.words(after));
        let beginning = &next[..next.len().min(4)];
        let mut core = 0;
        if self.has(beginning, Sense::Work) {
            core += 2;
        } else if self.has(&next[..next.len().min(2)], Sense::Occasion) {
            core += 1;
        }
        if self.defines(after, &next) {
            core += 2;
        }
        if self.is_author(after, &next) {
            core += 1 + u32::from(self.sibling(found.nth));
        }
        let colon = before.and_then(|nth| self.rows.get(nth)).is_some_and(|row| row.normal.trim_end().ends_with(':'));
        if (colon || previous.len() <= HEADING) && self.has(&previous, Sense::Work) {
            core += 2;
        } else if colon && self.has(&previous, Sense::Occasion) {
            core += 1;
        }
        if found.mark.quoted {
            core += 2;
        }
        let second = self.words(Some(found.nth + 2));
        let occasion = self.has(&next, Sense::Occasion) || self.has(&second, Sense::Occasion);
        let hour = self.hour_or_price(&next) || self.hour_or_price(&second);
        let title = core + u32::from(occasion) + u32::from(hour);
        let mut mark = 0;
        if found.nth == 0 || found.nth + 1 == self.rows.len() {
            mark += 1;
        }
        if times > 1 {
            mark += 2;
        }
        if self.is_company(&previous) || self.is_company(&next) {
            mark += 2;
        }
        // Nobody gives a film the name of "Stg. CONFIDENTIEEL": a wording of the law wants a clear sign.
        let least = if self.is_plain(found) { 1 } else { 2 };
        core >= least && title >= 2 && title > mark
    }

    /// "Information whose disclosure …", "Mention apposée sur …": an explanation begins here.
    fn defines(&self, nth: Option<usize>, words: &[String]) -> bool {
        let row = nth.and_then(|nth| self.rows.get(nth));
        words.len() >= 3
            && self.markings.around.find(&words[..words.len().min(4)], Sense::Defines).is_some()
            && row.is_some_and(|row| !row.normal.contains('\t'))
    }

    /// "de Philippe Grimbert", "von Agatha Christie": two words of a name behind "by", and no address.
    fn is_author(&self, nth: Option<usize>, words: &[String]) -> bool {
        let Some(written) = nth.and_then(|nth| self.rows.get(nth)).and_then(|row| row.written) else { return false };
        let by = self.markings.around.at(words, Sense::By);
        let name = |word: &str| {
            word.chars().next().is_some_and(|c| c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase())
                && word.chars().nth(2).is_some()
        };
        let mut rest = head(written, NEAR).split(|c: char| !c.is_alphanumeric() && c != ':').filter(|w| !w.is_empty());
        by > 0 && rest.nth(by - 1).is_some() && rest.next().is_some_and(name) && rest.next().is_some_and(name)
    }

    /// Whether another line near this one is made alike: capitals above the name of an author or a kind of work.
    fn sibling(&self, nth: usize) -> bool {
        let capitals = |row: &Row<'_>| {
            let mut letters = row.text().chars().filter(|c| c.is_alphabetic());
            row.normal.len() < NEAR && letters.next().is_some() && letters.all(|c| !c.is_lowercase())
        };
        (nth.saturating_sub(4)..nth + 5).filter(|&other| other != nth && other < self.rows.len()).any(|other| {
            let next = self.words(Some(other + 1));
            capitals(&self.rows[other])
                && (self.is_author(Some(other + 1), &next) || self.has(&next[..next.len().min(4)], Sense::Work))
        })
    }

    /// "20 h 30", "19 Uhr", "28 Euro", "90min": a number and what it counts.
    fn hour_or_price(&self, words: &[String]) -> bool {
        let around = &self.markings.around;
        let number = |word: &str| word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
        (0..words.len()).any(|at| {
            let unit = words[at].trim_start_matches(|c: char| c.is_ascii_digit());
            let glued = unit.trim_end_matches(|c: char| c.is_ascii_digit());
            let glued = glued.len() < words[at].len() && around.at(&[glued], Sense::Unit) > 0;
            glued || number(&words[at]) && around.at(&words[at + 1..], Sense::Unit) > 0
        })
    }

    /// Whether a line says nothing but what stands beside marks: a copy's number, the law, a caveat, another level.
    fn is_company(&self, words: &[String]) -> bool {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut at = 0;
        while at < words.len() {
            let number = usize::from(words[at].bytes().all(|b| b.is_ascii_digit()));
            let known = self.markings.at(&words[at..], |_, _| true).map_or(0, |(length, _)| length);
            let length = known.max(self.markings.beside(&words[at..])).max(number);
            if length == 0 {
                return false;
            }
            at += length;
        }
        !words.is_empty()
    }

    /// Whether a line at the mark says, with its decision or day, that it no longer holds: on its own line, or as the
    /// first words of a line near it. A sentence about another paper says it further on.
    fn has_lapsed(&self, found: &Found) -> bool {
        let near = found.nth.saturating_sub(2)..(found.nth + 3).min(self.rows.len());
        let phrase = found.mark.phrases.first().map_or(&[][..], |&phrase| &self.markings.phrases[phrase].words);
        let named = |words: &[String]| !phrase.is_empty() && words.windows(phrase.len()).any(|part| part == phrase);
        near.into_iter().any(|nth| {
            let words = self.words(Some(nth));
            let Some(at) = self.markings.around.find(&words, Sense::Lapsed) else { return false };
            let denied = self.has(&words[at.saturating_sub(3)..at], Sense::Not);
            let own = nth == found.nth;
            // "déclassé DIFFUSION RESTREINTE le …": what stands behind the word is the level that holds now. "(déclassé de
            // SECRET DÉFENSE)" below another mark: that level has lapsed, and not this one.
            let another = if own { named(&words[at..]) } else { self.names_level(&words) && !named(&words) };
            if denied || another || !own && at > 2 {
                return false;
            }
            [nth.checked_sub(1), Some(nth), Some(nth + 1)].into_iter().any(|line| {
                let words = self.words(line);
                let year = |word: &String| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
                self.has(&words, Sense::Decision) || words.iter().any(year)
            })
        })
    }

    fn names_level(&self, words: &[String]) -> bool {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        (0..words.len()).any(|at| self.markings.at(&words[at..], |_, _| true).is_some())
    }
}

/// At most so many bytes, cut at a character.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}
