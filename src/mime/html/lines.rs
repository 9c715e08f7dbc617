// SPDX-License-Identifier: EUPL-1.2
//! Text in lines, blanks run together as browsers do; a row of a table is a line, its cells parted by tabs.

/// Tables inside tables; deeper ones are layout.
const TABLES: usize = 64;

/// Cells of one row.
const CELLS: usize = 512;

#[derive(Default, Clone)]
pub(super) struct Lines {
    pub text: String,
    /// The tables that are open, each with its row.
    tables: Vec<Option<Row>>,
}

/// A row that is open: where its cells begin.
#[derive(Clone, Default)]
struct Row {
    cells: Vec<usize>,
    /// A table stands in it.
    is_layout: bool,
    /// The last cell is inline, and so goes on in the next one that is.
    is_inline: bool,
}

impl Lines {
    pub fn of(text: String) -> Lines {
        Lines { text, tables: Vec::new() }
    }

    pub fn flow(&mut self, text: &str, keeps_blanks: bool) {
        if keeps_blanks {
            return self.text.push_str(text);
        }
        for (nth, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if nth > 0 && !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
            self.text.push_str(word);
        }
    }

    /// Ends the line, with `count - 1` empty ones behind it.
    pub fn end(&mut self, count: usize) {
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        if self.text.is_empty() {
            return;
        }
        let ends = |text: &str, n: usize| text.as_bytes().rchunks(2).take(n).take_while(|end| *end == b"\r\n").count();
        for _ in ends(&self.text, count)..count {
            self.text.push_str("\r\n");
        }
    }

    pub fn begin_table(&mut self) {
        if let Some(Some(row)) = self.tables.last_mut() {
            row.is_layout = true;
        }
        if self.tables.len() < TABLES {
            self.tables.push(None);
        }
    }

    pub fn end_table(&mut self) {
        self.end_row();
        self.tables.pop();
    }

    /// A row begins, whether or not the one before was closed.
    pub fn begin_row(&mut self) {
        self.end_row();
        if let Some(row) = self.tables.last_mut() {
            *row = Some(Row::default());
        }
    }

    /// Inline cells that follow each other are one (CSS 2.2 §17.2.1).
    pub fn begin_cell(&mut self, is_inline: bool) {
        let at = self.text.len();
        if let Some(Some(row)) = self.tables.last_mut() {
            let goes_on = std::mem::replace(&mut row.is_inline, is_inline) && is_inline;
            if !goes_on && row.cells.len() < CELLS {
                row.cells.push(at);
            }
        }
    }

    /// Puts the cells of the row on one line, where each is one line at most. Other rows are layout, and stay lines.
    pub fn end_row(&mut self) {
        let Some(row) = self.tables.last_mut().and_then(Option::take) else { return };
        let Some(first) = row.cells.first().copied().filter(|_| !row.is_layout) else { return };
        let ends = row.cells.iter().skip(1).copied().chain([self.text.len()]);
        let cells = row.cells.iter().zip(ends).map(|(from, to)| self.text.get(*from..to).map(str::trim));
        let Some(cells) = cells.collect::<Option<Vec<&str>>>() else { return };
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        if filled < 2 || cells.iter().any(|cell| cell.contains('\n')) {
            return;
        }
        let line = cells.join("\t");
        self.text.truncate(first);
        self.text.push_str(line.trim_end());
        self.text.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use crate::mime::html::text;

    #[test]
    fn rows_of_short_cells_are_lines() {
        for (html, expected) in [
            ("<table><tr><th>Niveau<td><p>SECRET</p><tr><td>a<td>b</table>c", "Niveau\tSECRET|a\tb|c"),
            ("<table><tr><td></td><td>x</td><td>y</td></tr></table>", "\tx\ty|"),
            ("<table><tr><td></td><td>x</td></tr></table>", "x|"),
            // What has lines of its own is layout.
            ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a||b||c|"),
            ("<table><tr><td>a<table><tr><td>b</td><td>c</td></tr></table></td><td>d</td></tr></table>", "a|b\tc|d|"),
            ("<tr><td>no</td><td>table</td></tr>", "no|table|"),
            // Cells that are none.
            (
                "<table><tr><td style='display:inline'>SEC</td><td style='display:inline'>RET</td></tr></table>",
                "SECRET|",
            ),
            (
                "<table><tr><td>a</td><td style='display:inline'>SEC<td style='display:inline'>RET<td>b</table>",
                "a\tSECRET\tb|",
            ),
            (
                "<table><tr><th style='display:inline-block'>SEC</th><th style='display: inline'>RET</th></tr>\
                 <tr><td>a</td><td>b</td></tr></table>",
                "SECRET|a\tb|",
            ),
        ] {
            assert_eq!(text(html).shown.replace("\r\n", "|"), expected, "{html}");
        }
    }

    #[test]
    fn what_is_hidden_beside_a_row_repeats_no_cell() {
        let table = |cells: &str| format!("<table><tr>{cells}</tr></table>");
        for (html, shown, hidden) in [
            ("<p style='display:none'>x</p>".to_owned() + &table("<td>a</td><td>b</td>"), "a\tb|", "x|"),
            (table("<td>a</td><td style='display:none'>x</td><td>b</td>"), "a\t\tb|", "x|"),
            (table("<td hidden>x</td><td>a</td><td>b</td>"), "\ta\tb|", "x|"),
        ] {
            let told = text(&html);
            let told = (told.shown.replace("\r\n", "|"), told.hidden.replace("\r\n", "|"));
            assert_eq!((told.0.as_str(), told.1.as_str()), (shown, hidden), "{html}");
        }
    }
}
