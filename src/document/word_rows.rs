// SPDX-License-Identifier: EUPL-1.2
//! Tables of Word 97 to 2003 (MS-DOC §2.4.3): their text is one run of cells, in which a mark ends each cell and one more
//! each row. What the library knows of the rows parts it into lines, as in other formats.

use office_oxide::ir::{DocumentIR, Element, TableCell, inline_to_text};

use super::rows::Rows;

/// Bytes in which the next row is looked for.
const NEAR: usize = 64 << 10;
/// Places that are looked at for one row.
const PLACES: usize = 20;
/// Rows that are not found; beyond them the rest stays as it is.
const MISSES: usize = 200;

/// The same text with each row of a table that is found in it as lines.
pub(super) fn in_rows(text: &str, document: &DocumentIR) -> String {
    let elements = document.sections.iter().flat_map(|section| &section.elements);
    let tables = elements.filter_map(|element| match element {
        Element::Table(table) => Some(table),
        _ => None,
    });
    let (mut told, mut done, mut misses) = (String::with_capacity(text.len()), 0, 0);
    for row in tables.flat_map(|table| &table.rows) {
        let Some(cells) = row.cells.iter().map(words).collect::<Option<Vec<String>>>() else { continue };
        let Some((start, end)) = find(text, done, &cells) else {
            misses += 1;
            if misses > MISSES {
                break;
            }
            continue;
        };
        told.push_str(&text[done..start]);
        for line in lines(&cells) {
            told.push_str(&line);
            told.push('\n');
        }
        done = end;
    }
    told.push_str(&text[done..]);
    told
}

/// The paragraphs of a cell; nothing where there is more than paragraphs in it.
fn words(cell: &TableCell) -> Option<String> {
    let paragraphs = cell.content.iter().map(|element| match element {
        Element::Paragraph(paragraph) => Some(inline_to_text(&paragraph.content)),
        _ => None,
    });
    Some(paragraphs.collect::<Option<Vec<String>>>()?.join("\n"))
}

/// Where a row stands behind `from`. Cells that are merged with those above are empty in the text, and no cells here.
fn find(text: &str, from: usize, cells: &[String]) -> Option<(usize, usize)> {
    let empty = cells.iter().take_while(|cell| cell.is_empty()).count();
    let first = format!("{}\t", cells.get(empty)?);
    let near = &text[from..text.floor_char_boundary(from.saturating_add(NEAR).saturating_add(first.len()))];
    let begins = |at: &usize| {
        let before = &near[..*at];
        before.is_empty() || before.ends_with(['\n', '\t'])
    };
    // The text may have tabs of its own.
    let whole = |at: usize| {
        let mut end = at;
        for cell in &cells[empty..] {
            // What is empty only in the text is merged.
            while !cell.is_empty() && near[end..].starts_with('\t') {
                end += 1;
            }
            near[end..].strip_prefix(cell.as_str())?.strip_prefix('\t')?;
            end += cell.len() + 1;
        }
        near[end..].starts_with('\t').then_some((at, end + 1))
    };
    let places = near.match_indices(&first).map(|(at, _)| at).filter(begins).take(PLACES);
    let (at, end) = places.filter_map(whole).next()?;
    let before = near[..at].bytes().rev().take(empty).take_while(|byte| *byte == b'\t').count();
    Some((from + at - before, from + end))
}

fn lines(cells: &[String]) -> Vec<String> {
    let mut rows = Rows::default();
    rows.begin(0);
    for cell in cells {
        rows.cell();
        for line in cell.lines() {
            rows.line(0, line.to_owned());
        }
    }
    rows.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, cells: &[&str]) -> Option<String> {
        let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        let (start, end) = find(text, 0, &cells)?;
        Some(format!("{}[{}]{}", &text[..start], lines(&cells).join("|"), &text[end..]))
    }

    #[test]
    fn a_row_is_found_by_its_cells() {
        for (text, cells, expected) in [
            ("x\na\tb\t\tc\td\t\t", &["a", "b"][..], Some("x\n[a\tb]c\td\t\t")),
            ("\ta\t\t", &["", "a"], Some("[\ta]")),
            ("a\t\tb\t\t", &["a", "", "b"], Some("[a\t\tb]")),
            ("a\t\t\t", &["a", ""], Some("[a]")),
            // Merged with the cell above.
            ("a\t\tb\t\t", &["a", "b"], Some("[a\tb]")),
            // A cell of two paragraphs.
            ("a\nb\tc\t\t", &["a\nb", "c"], Some("[a|b|c]")),
            // Inside a longer word, and a line with a tab of its own.
            ("za\tb\t\ta\tb\t\t", &["a", "b"], Some("za\tb\t\t[a\tb]")),
            ("a\tx\na\tb\t\t", &["a", "b"], Some("a\tx\n[a\tb]")),
            ("a\tb\n", &["a", "b"], None),
            ("a\tb\t\t", &["a", "c"], None),
            ("", &[], None),
            ("\t\t", &["", ""], None),
        ] {
            assert_eq!(row(text, cells).as_deref(), expected, "{text:?} {cells:?}");
        }
    }
}
