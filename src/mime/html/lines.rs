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

    pub fn begin_cell(&mut self) {
        let at = self.text.len();
        if let Some(Some(row)) = self.tables.last_mut()
            && row.cells.len() < CELLS
        {
            row.cells.push(at);
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
        ] {
            assert_eq!(text(html).shown.replace("\r\n", "|"), expected, "{html}");
        }
    }

    #[test]
    fn what_is_hidden_beside_a_row_repeats_no_cell() {
        let shown = text("<p style='display:none'>x</p><table><tr><td>a</td><td>b</td></tr></table>");
        assert_eq!((shown.shown.as_str(), shown.hidden.as_str()), ("a\tb\r\n", "x\r\n"));
    }
}
