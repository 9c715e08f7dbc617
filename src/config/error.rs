// SPDX-License-Identifier: EUPL-1.2
//! Errors in the settings: where, what, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Bytes of the settings file.
    File(Range<usize>),
    /// A variable of the environment.
    Environment(String),
    /// Nowhere: nobody has set it.
    Default,
}

/// The settings file, shared by all that is said about it.
#[derive(Debug, Clone)]
pub struct Source(Arc<NamedSource<String>>);

impl Source {
    pub fn new(name: &Path, text: &str) -> Source {
        Source(Arc::new(NamedSource::new(name.display().to_string(), text.to_owned()).with_language("toml")))
    }

    /// Line and column of a byte, both from 1; columns are characters.
    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let text = self.0.inner();
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// One fault, or one warning.
#[derive(Debug, Clone)]
pub struct SettingsError {
    text: String,
    help: String,
    place: Location,
    source: Option<Source>,
    is_warning: bool,
}

impl SettingsError {
    /// `text` says what is wrong, `help` what to write instead.
    pub fn new(
        place: &Location,
        source: Option<&Source>,
        text: impl Into<String>,
        help: impl Into<String>,
    ) -> SettingsError {
        SettingsError {
            text: text.into(),
            help: help.into(),
            place: place.clone(),
            source: source.cloned(),
            is_warning: false,
        }
    }

    pub fn into_warning(self) -> SettingsError {
        SettingsError { is_warning: true, ..self }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn help_text(&self) -> &str {
        &self.help
    }

    /// Line and column in the settings file, where the fault stands there.
    pub fn position(&self) -> Option<(usize, usize)> {
        match (&self.place, &self.source) {
            (Location::File(span), Some(source)) => Some(source.line_and_column(span.start)),
            _ => None,
        }
    }
}

/// One line: for logs and for a refused reload.
impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, &self.source) {
            (Location::File(_), Some(source)) => {
                let (line, column) = self.position().unwrap_or((1, 1));
                write!(f, "{}:{line}:{column}: ", source.0.name())?;
            }
            (Location::Environment(name), _) => write!(f, "environment, {name}: ")?,
            _ => {}
        }
        f.write_str(&self.text)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}

impl std::error::Error for SettingsError {}

/// The fault as miette draws it: its head line must not repeat place and help.
#[derive(Debug)]
struct Drawn<'a>(&'a SettingsError);

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Location::Environment(name) = &self.0.place {
            write!(f, "environment, {name}: ")?;
        }
        f.write_str(&self.0.text)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.0.is_warning { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if self.0.help.is_empty() { None } else { Some(Box::new(&self.0.help)) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match (&self.0.place, &self.0.source) {
            (Location::File(_), Some(source)) => Some(&*source.0 as &dyn SourceCode),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match &self.0.place {
            Location::File(span) => Some(Box::new(std::iter::once(LabeledSpan::underline(span.clone())))),
            _ => None,
        }
    }
}

/// Draws faults or warnings for people: file, line, column, the line itself, and what to write.
pub fn draw(faults: &[SettingsError], colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1).with_links(false);
    let mut out = String::new();
    for fault in faults {
        // Writing to a String cannot fail; what was written until a defect of the drawing is still shown.
        let _ = handler.render_report(&mut out, &Drawn(fault));
    }
    out
}

/// All faults of the settings at once; never empty.
#[derive(Debug, Clone)]
pub struct SettingsErrors(pub Vec<SettingsError>);

impl SettingsErrors {
    /// Draws them for people.
    pub fn draw(&self, colour: bool) -> String {
        draw(&self.0, colour)
    }

    /// The one fault of a settings file that cannot be read at all.
    pub fn unreadable(path: PathBuf, error: &std::io::Error) -> SettingsErrors {
        let text = format!("cannot read the settings file {}: {error}", path.display());
        let help = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "run octroi as a user who may read this file",
            _ => {
                "name an existing file with --config FILE, or leave --config out: octroi then uses ./octroi.toml, else /etc/octroi/octroi.toml, else the built-in defaults"
            }
        };
        SettingsErrors(vec![SettingsError::new(&Location::Default, None, text, help)])
    }
}

/// One line a fault.
impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}
