// SPDX-License-Identifier: EUPL-1.2
//! Diagnostics for people: file, line, column, the line itself, and what to write.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};

use super::{Diagnostic, Location};

/// Columns of the drawing, and lines of the file around the one in question.
const WIDTH: usize = 100;
const CONTEXT: usize = 1;

/// Draws diagnostics one below the other.
pub fn draw(diagnostics: &[Diagnostic], colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_context_lines(CONTEXT).with_links(false);
    let mut out = String::new();
    for diagnostic in diagnostics {
        // Writing to a text cannot fail; a diagnostic that cannot be drawn still says what is wrong.
        if handler.render_report(&mut out, &Drawn(diagnostic)).is_err() {
            out.push_str(&format!("{diagnostic}\n"));
        }
    }
    out
}

/// A diagnostic as miette draws it: its head line must not repeat line, column and help.
#[derive(Debug)]
struct Drawn<'a>(&'a Diagnostic);

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_place(f)?;
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.0.is_warning { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.source.as_ref().map(|source| &*source.0 as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match (&self.0.location, &self.0.source) {
            (Location::File(span), Some(_)) => Some(Box::new(std::iter::once(LabeledSpan::underline(span.clone())))),
            _ => None,
        }
    }
}
