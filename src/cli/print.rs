// SPDX-License-Identifier: EUPL-1.2
//! Printing: data to standard output, sentences to standard error, colour only on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::app::StartError;
use crate::config::{PolicyMode, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics, draw};

/// Whether standard error may be coloured.
pub fn colour() -> bool {
    io::stderr().is_terminal() && wants_colour()
}

/// Whether nobody has asked for none (no-color.org: any text that is not empty does).
pub fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A sentence on standard error. If it cannot be written, there is no other way to report that.
pub fn error(text: impl Display) {
    let _ = writeln!(io::stderr(), "octroi: {text}");
}

pub fn faults(faults: &Diagnostics) {
    drawn(&faults.draw(colour()));
}

/// Faults of settings as another room has drawn them.
pub fn drawn(faults: &str) {
    let _ = io::stderr().write_all(faults.as_bytes());
}

/// Why a gateway does not start.
pub fn start_error(error: &StartError) {
    let _ = write!(io::stderr(), "octroi: {}", error.report(colour()));
}

pub fn warnings(warnings: &[Diagnostic]) {
    let _ = io::stderr().write_all(draw(warnings, colour()).as_bytes());
}

/// Said by commands that judge without a gateway: what an observing one lets pass is held here.
pub fn judges_as_enforcing(settings: &Settings) {
    if settings.policies.mode_at(jiff::Timestamp::now()) == PolicyMode::Observe {
        error("the settings say mode = \"observe\"; here octroi judges as in mode \"enforce\"");
    }
}

/// One JSON object a line.
pub fn json_lines<T: Serialize>(rows: &[T]) -> io::Result<()> {
    let mut out = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut out, row)?;
        out.push(b'\n');
    }
    bytes(&out)
}

pub fn line(text: impl Display) -> io::Result<()> {
    bytes(format!("{text}\n").as_bytes())
}

pub fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// The terminal's columns, where standard output is one.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Columns as wide as their widest cell; the last one is as long as it likes. Where a terminal has too few for that, a
/// row takes several lines: nothing is cut, and no cell is broken that a line can hold.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    bytes(lay_out(head, rows, terminal_width()).as_bytes())
}

/// Blanks before what a row's second and later lines hold.
const INDENT: usize = 4;

fn lay_out(head: &[&str], rows: &[Vec<String>], terminal: Option<usize>) -> String {
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(&head).chain(rows).map(|row| row.iter().map(|cell| harmless(cell)).collect()).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    // Which columns begin a line.
    let mut begins = vec![false; widths.len()];
    let mut used = 0;
    for (column, width) in widths.iter().enumerate() {
        if used > 0 && terminal.is_some_and(|terminal| used + width > terminal) {
            begins[column] = true; // as many as there are columns
            used = INDENT;
        }
        used += width + 2;
    }
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for ((cell, width), begins) in row.iter().zip(&widths).zip(&begins) {
            if *begins {
                out.push_str(line.trim_end());
                out.push('\n');
                line = " ".repeat(INDENT);
            }
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Text from a mail as it may be shown on a terminal: control characters and direction marks are taken away.
pub fn harmless(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether the one who reads our output has gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_terminals_are_safe() {
        let rows = vec![vec!["1".into(), "é@x".into(), "a".into()], vec!["22".into(), "\u{1b}[2J".into(), "b".into()]];
        assert_eq!(lay_out(&["id", "to", "why"], &rows, None), "id  to    why\n1   é@x   a\n22  \u{fffd}[2J  b\n");
    }

    #[test]
    fn a_row_takes_several_lines_where_the_terminal_is_narrow() {
        let rows = vec![vec!["1".into(), "somebody@example.org".into(), "held".into(), "a, b".into()]];
        let wide = lay_out(&["id", "to", "state", "rules"], &rows, Some(80));
        assert_eq!(wide, lay_out(&["id", "to", "state", "rules"], &rows, None));
        let narrow = lay_out(&["id", "to", "state", "rules"], &rows, Some(26));
        assert_eq!(narrow, "id  to\n    state  rules\n1   somebody@example.org\n    held   a, b\n");
        let least = lay_out(&["id", "to", "state", "rules"], &rows, Some(3));
        assert!(least.contains("\n    somebody@example.org\n"), "{least}");
    }
}
