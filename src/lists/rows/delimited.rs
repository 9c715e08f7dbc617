// SPDX-License-Identifier: EUPL-1.2
//! Text whose cells are parted by one character (RFC 4180, read leniently): any delimiter, any line end, lone quotes.

use std::io::Read;

use encoding_rs::Encoding;

use super::{Feed, MAX_COLUMNS, MAX_RECORD, Row, Rows, RowsError};

/// Bytes within one pair of quotes after which the first is taken for a letter.
const MAX_QUOTED: usize = 64 << 10;
/// Quotes taken for letters in one file; each is paid for by reading some lines twice.
const MAX_LONE_QUOTES: u32 = 1_000;

/// How cells are parted and quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    pub quote: u8,
}

/// Reads records.
pub struct Delimited<R> {
    feed: Feed<R>,
    dialect: Dialect,
    legacy: &'static Encoding,
    line: u64,
    lone_quotes: u32,
    at_start: bool,
}

enum Outcome {
    End,
    Record,
    /// A quote that nothing closes; what was read is given back.
    LoneQuote,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// Behind a quote within quotes: the end of the cell, or the first half of a doubled one.
    Closing,
}

impl<R: Read> Delimited<R> {
    pub fn new(source: R, dialect: Dialect, legacy: &'static Encoding) -> Delimited<R> {
        Delimited { feed: Feed::new(source), dialect, legacy, line: 1, lone_quotes: 0, at_start: true }
    }

    /// Reads one record. `quotes`: whether a quote at the beginning of a cell means anything.
    fn record(&mut self, row: &mut Row, quotes: bool) -> Result<Outcome, RowsError> {
        let Dialect { delimiter, quote } = self.dialect;
        let (mut state, mut opened, mut lines) = (State::Start, 0, 0);
        row.clear();
        row.line = self.line;
        while let Some(byte) = self.feed.byte()? {
            row.raw.push(byte);
            if row.raw.len() > MAX_RECORD {
                return Err(RowsError::RecordTooLarge(row.line));
            }
            match state {
                State::Quoted if byte == quote => state = State::Closing,
                State::Quoted => {
                    lines += u64::from(byte == b'\n');
                    row.push(byte);
                    if row.raw.len() - opened > MAX_QUOTED {
                        return Ok(Outcome::LoneQuote);
                    }
                }
                State::Closing if byte == quote => {
                    row.push(byte);
                    state = State::Quoted;
                }
                State::Start if quotes && byte == quote => (state, opened) = (State::Quoted, row.raw.len()),
                _ if byte == delimiter => {
                    row.end_cell(state == State::Closing);
                    if row.len() > MAX_COLUMNS {
                        return Err(RowsError::TooManyColumns(row.line));
                    }
                    state = State::Start;
                }
                _ if byte == b'\n' || byte == b'\r' => {
                    if byte == b'\r' && self.feed.peek()? == Some(b'\n') {
                        row.raw.extend(self.feed.byte()?);
                    }
                    row.end_cell(state == State::Closing);
                    self.line += lines + 1;
                    return Ok(Outcome::Record);
                }
                // Words behind a quote that closed some lines below: it opened nothing.
                State::Closing if lines > 0 => return Ok(Outcome::LoneQuote),
                State::Closing => {
                    // `"Anne" Martin`: programs that read this keep both.
                    row.push(byte);
                    state = State::Plain;
                }
                State::Start | State::Plain => {
                    row.push(byte);
                    state = State::Plain;
                }
            }
        }
        if row.raw.is_empty() {
            return Ok(Outcome::End);
        }
        if state == State::Quoted {
            return Ok(Outcome::LoneQuote);
        }
        row.end_cell(state == State::Closing);
        self.line += lines + 1;
        Ok(Outcome::Record)
    }
}

impl<R: Read> Rows for Delimited<R> {
    fn next(&mut self, row: &mut Row) -> Result<bool, RowsError> {
        row.legacy = self.legacy;
        if std::mem::take(&mut self.at_start) {
            self.feed.skip_mark()?;
        }
        match self.record(row, true)? {
            Outcome::End => return Ok(false),
            Outcome::Record => return Ok(true),
            Outcome::LoneQuote => {}
        }
        self.lone_quotes += 1;
        if self.lone_quotes > MAX_LONE_QUOTES {
            return Err(RowsError::LoneQuotes);
        }
        self.feed.unread(&row.raw);
        Ok(matches!(self.record(row, false)?, Outcome::Record))
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<Vec<String>>, RowsError> {
        let mut reader = Delimited::new(text, Dialect { delimiter: b';', quote: b'"' }, WINDOWS_1252);
        let (mut row, mut all, mut raw) = (Row::default(), Vec::new(), Vec::new());
        while reader.next(&mut row)? {
            all.push(row.cells().map(String::from).collect());
            raw.extend_from_slice(&row.raw);
        }
        assert_eq!(raw, text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text), "every byte belongs to a row");
        Ok(all)
    }

    #[test]
    fn cells_are_read_as_people_mean_them() {
        for (text, expected) in [
            (&b"a;b\r\nc;d"[..], vec![vec!["a", "b"], vec!["c", "d"]]),
            (b"a\rb\r", vec![vec!["a"], vec!["b"]]),
            (b"\xef\xbb\xbf\"a;\"\"x\"\"\";\"b\nc\"\n", vec![vec!["a;\"x\"", "b\nc"]]),
            (b";;\n", vec![vec!["", "", ""]]),
            (b"5\" disk;x\n", vec![vec!["5\" disk", "x"]]),
            (b"\"Anne\" Martin;x\n", vec![vec!["Anne Martin", "x"]]),
            (b"\"Anne;a@x\nBob;b@x\n", vec![vec!["\"Anne", "a@x"], vec!["Bob", "b@x"]]),
            (b"\"Anne;a@x\n\"Bob\";b@x\n", vec![vec!["\"Anne", "a@x"], vec!["Bob", "b@x"]]),
            (b"L\xe9a;\xc3\xa9\n", vec![vec!["Léa", "é"]]),
            (b"", vec![]),
        ] {
            assert_eq!(rows(text).unwrap(), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn hostile_files_end_soon() {
        let lone: Vec<u8> = b"\"x;y\n".repeat(200_000);
        assert!(matches!(rows(&lone), Err(RowsError::LoneQuotes) | Ok(_)));
        let alone: Vec<u8> = [b"\"", &b"x;y\n".repeat(100_000)[..]].concat();
        assert_eq!(rows(&alone).unwrap().len(), 100_000);
        assert!(matches!(rows(&b";".repeat(1_000_000)), Err(RowsError::TooManyColumns(1))));
        assert!(matches!(rows(&b"x".repeat(5 << 20)), Err(RowsError::RecordTooLarge(1))));
    }
}
