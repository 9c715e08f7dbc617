// SPDX-License-Identifier: EUPL-1.2
//! Rows of tables in documents: a row a line, its cells parted by tabs. A cell of several lines is layout, and the lines
//! of such a row stay lines of their own.

/// Tables inside tables; what is nested deeper is read as lines.
const DEPTH: usize = 8;

/// Cells of one row.
const CELLS: usize = 512;

#[derive(Default)]
pub(super) struct Rows {
    open: Vec<Row>,
    /// Rows too deep to be rows.
    deeper: usize,
}

struct Row {
    /// The flow of text that the row belongs to.
    flow: usize,
    cells: Vec<Vec<String>>,
}

impl Rows {
    /// A row begins in a flow of text.
    pub fn begin(&mut self, flow: usize) {
        if self.open.len() < DEPTH && self.deeper == 0 {
            self.open.push(Row { flow, cells: Vec::new() });
        } else {
            self.deeper += 1;
        }
    }

    pub fn cell(&mut self) {
        if self.deeper == 0
            && let Some(row) = self.open.last_mut()
            && row.cells.len() < CELLS
        {
            row.cells.push(Vec::new());
        }
    }

    /// Takes a line that stands in a cell; gives it back where it stands in none.
    pub fn line(&mut self, flow: usize, line: String) -> Option<String> {
        let cell = self.open.last_mut().filter(|row| row.flow == flow).and_then(|row| row.cells.last_mut());
        let Some(cell) = cell else { return Some(line) };
        if !line.trim().is_empty() {
            cell.push(line);
        }
        None
    }

    /// The row ends: its lines, which an outer row may take.
    pub fn end(&mut self) -> Vec<String> {
        if self.deeper > 0 {
            self.deeper -= 1;
            return Vec::new();
        }
        let Some(Row { flow, cells }) = self.open.pop() else { return Vec::new() };
        let is_single = |cell: &Vec<String>| cell.len() < 2 && cell.iter().all(|line| !line.trim().contains('\n'));
        let lines = if cells.iter().all(is_single) {
            let cells: Vec<&str> = cells.iter().map(|cell| cell.first().map_or("", |line| line.trim())).collect();
            vec![cells.join("\t").trim_end().to_owned()]
        } else {
            cells.into_iter().flatten().collect()
        };
        lines.into_iter().filter_map(|line| self.line(flow, line)).collect()
    }

    /// Ends every row that was left open.
    pub fn end_all(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.deeper = 0;
        while !self.open.is_empty() {
            lines.extend(self.end());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[` and `]` are a row, `|` begins a cell, letters are lines.
    fn read(table: &str) -> Vec<String> {
        let mut rows = Rows::default();
        let mut lines = Vec::new();
        for sign in table.chars() {
            match sign {
                '[' => rows.begin(1),
                ']' => lines.extend(rows.end()),
                '|' => rows.cell(),
                letter => lines.extend(rows.line(1, letter.to_string())),
            }
        }
        lines.extend(rows.end_all());
        lines
    }

    #[test]
    fn a_row_is_a_line_unless_a_cell_has_several() {
        let deep = "[|".repeat(20) + "a" + &"]".repeat(20);
        for (table, expected) in [
            ("x[|a|b||c][|d|e]y", &["x", "a\tb\t\tc", "d\te", "y"][..]),
            ("[|ab|c]", &["a", "b", "c"]),
            ("[|a|[|b|c]]", &["a\tb\tc"]),
            ("[|a[|b|c]|d]", &["a", "b\tc", "d"]),
            ("[|a|b", &["a\tb"]),
            (&deep, &["a"]),
        ] {
            assert_eq!(read(table), expected, "{table}");
        }
    }

    #[test]
    fn a_text_box_in_a_cell_is_no_part_of_it() {
        let mut rows = Rows::default();
        rows.begin(1);
        rows.cell();
        assert_eq!(rows.line(2, "box".into()), Some("box".into()));
        assert_eq!(rows.line(1, "cell".into()), None);
        assert_eq!(rows.end(), ["cell"]);
    }
}
