// SPDX-License-Identifier: EUPL-1.2
//! Errors in files that an operator writes: file, line, column, and what to write instead.
//!
//! What must not live here: reading of files, and any knowledge of their content.
//!
//! How it fails: it does not; a report that cannot be drawn becomes one line.
//!
//! Standards: none.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// One file of the policy folder, named as faults name it.
pub type Source = Arc<NamedSource<String>>;

/// A file's text under its path relative to the policy folder.
pub fn source(path: &str, text: &str) -> Source {
    Arc::new(NamedSource::new(path, text.to_owned()))
}

/// A file's text, where it is UTF-8.
///
/// # Errors
/// The line at which it is not.
pub fn utf8<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, PolicyError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        PolicyError::of_file(path, format!("line {line} is not UTF-8")).help("save the file as UTF-8")
    })
}

/// One fault an operator can mend.
#[derive(Debug, Clone)]
pub struct PolicyError {
    pub path: String,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Bytes of the file it is about; `None` where it is about the file as a whole.
    pub span: Option<Range<usize>>,
    source: Option<Source>,
}

impl PolicyError {
    /// A fault about a whole file or folder.
    pub fn of_file(path: impl Into<String>, message: impl Into<String>) -> PolicyError {
        PolicyError { path: path.into(), message: message.into(), help: None, span: None, source: None }
    }

    /// A fault at a place in a file.
    pub fn at(source: &Source, span: Range<usize>, message: impl Into<String>) -> PolicyError {
        let end = span.end.min(source.inner().len());
        PolicyError {
            path: source.name().to_owned(),
            message: message.into(),
            help: None,
            span: Some(span.start.min(end)..end),
            source: Some(source.clone()),
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> PolicyError {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" where a known word is near.
    pub fn nearest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> PolicyError {
        match nearest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Line and column, counted from 1 in characters; `None` for a fault about a whole file.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let start = self.span.as_ref()?.start;
        let before = self.source.as_ref()?.inner().get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With a span the frame around the source shows the path; without one only this line can.
        if self.span.is_none() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyError {}

impl Diagnostic for PolicyError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_deref().map(|source| source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, span))))
    }
}

/// All faults of all files at once, never empty.
#[derive(Debug, Clone)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl PolicyErrors {
    /// The faults as `octroi check` prints them, each with its place in the file.
    pub fn report(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(120);
        let mut out = String::new();
        for fault in &self.0 {
            // Writing to a text cannot fail; a report that could not be drawn still says what is wrong.
            if handler.render_report(&mut out, fault).is_err() {
                out.push_str(&format!("{fault}\n"));
            }
        }
        out
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            match fault.line_column() {
                Some((line, column)) => write!(f, "{}:{line}:{column}: {}", fault.path, fault.message)?,
                None => write!(f, "{}: {}", fault.path, fault.message)?,
            }
            if let Some(help) = &fault.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// The known word nearest to a misspelt one: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete, replace or exchange with their neighbour.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_line_column_and_what_to_write() {
        let source = source("rules/a.cedar", "first\né second\n");
        let fault = PolicyError::at(&source, 9..15, "wrong word").nearest("secnod", ["second", "third"]);
        assert_eq!(fault.line_column(), Some((2, 3)));
        let all = PolicyErrors(vec![fault]);
        assert_eq!(all.to_string(), "rules/a.cedar:2:3: wrong word (did you mean `second`?)");
        let report = all.report(false);
        assert!(report.contains("rules/a.cedar:2:") && report.contains("did you mean"), "{report}");
    }

    #[test]
    fn nearest_keeps_silent_where_nothing_is_near() {
        assert_eq!(nearest("rule", ["rules", "domains"]), Some("rules"));
        assert_eq!(nearest("xyz", ["rules", "domains"]), None);
    }
}
