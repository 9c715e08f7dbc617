// SPDX-License-Identifier: EUPL-1.2
//! What is wrong in what an operator wrote: where it stands, what it says, what to write instead.
//!
//! What must not live here: reading of files, and any knowledge of what stands in them.
//!
//! How it fails: it does not. A place outside its file is moved to the file's end; a diagnostic that cannot be drawn is
//! told in a line.
//!
//! Standards: none.

mod draw;
mod nearest;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

pub use draw::draw;
pub use nearest::{distance, listing, nearest, slip_of};

/// Where something wrong stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Bytes of a file.
    File(Range<usize>),
    /// A file or folder as a whole, by its path.
    Whole(String),
    /// A variable of the environment.
    Environment(String),
    /// Nowhere: nobody has set it.
    Default,
}

/// A file's text under the name that diagnostics give it, shared by all that is said about it.
#[derive(Debug, Clone)]
pub struct Source(Arc<NamedSource<String>>);

impl Source {
    pub fn new(name: impl AsRef<str>, text: &str) -> Source {
        Source(Arc::new(NamedSource::new(name, text.to_owned())))
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub fn text(&self) -> &str {
        self.0.inner()
    }

    /// Line and column of a byte, both from 1; columns are characters.
    fn line_column(&self, at: usize) -> Option<(usize, usize)> {
        let before = self.text().get(..at)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

/// A file's text, where it is UTF-8.
///
/// # Errors
/// The line at which it is not.
pub fn utf8<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Diagnostic> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        Diagnostic::of_file(path, format!("line {line} is not UTF-8")).help("save the file as UTF-8")
    })
}

/// One thing that is wrong, or that deserves a second look.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    location: Location,
    source: Option<Source>,
    is_warning: bool,
}

impl Diagnostic {
    /// `source` is the file that `location` may point into; an empty `help` is none.
    pub fn new(
        location: &Location,
        source: Option<&Source>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let (location, source) = match (location, source) {
            (Location::File(span), Some(source)) => {
                let end = span.end.min(source.text().len());
                (Location::File(span.start.min(end)..end), Some(source.clone()))
            }
            (location, _) => (location.clone(), None),
        };
        let help = Some(help.into()).filter(|help| !help.is_empty());
        Diagnostic { message: message.into(), help, location, source, is_warning: false }
    }

    /// About a whole file or folder.
    pub fn of_file(path: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&Location::Whole(path.into()), None, message, "")
    }

    /// At a place in a file.
    pub fn at(source: &Source, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&Location::File(span), Some(source), message, "")
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" where a known word is near.
    #[must_use]
    pub fn nearest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match nearest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    #[must_use]
    pub fn into_warning(self) -> Diagnostic {
        Diagnostic { is_warning: true, ..self }
    }

    /// Whether it only deserves a look.
    pub fn is_warning(&self) -> bool {
        self.is_warning
    }

    /// The file or folder it is about; empty where it is about none.
    pub fn path(&self) -> &str {
        match (&self.location, &self.source) {
            (Location::Whole(path), _) => path,
            (_, Some(source)) => source.name(),
            (_, None) => "",
        }
    }

    /// Line and column, counted from 1 in characters; `None` where it is about no place in a file.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        match (&self.location, &self.source) {
            (Location::File(span), Some(source)) => source.line_column(span.start),
            _ => None,
        }
    }

    /// What stands in front of the message where the file's lines are not shown.
    fn write_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Whole(path) => write!(f, "{path}: "),
            Location::Environment(name) => write!(f, "environment, {name}: "),
            Location::File(_) | Location::Default => Ok(()),
        }
    }
}

/// One line: for logs and for a refused reload.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.line_column() {
            write!(f, "{}:{line}:{column}: ", self.path())?;
        }
        self.write_place(f)?;
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for Diagnostic {}

/// All that is wrong at once; never empty.
#[derive(Debug, Clone)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Draws them for people.
    pub fn draw(&self, colour: bool) -> String {
        draw(&self.0, colour)
    }
}

/// One line each.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_line_column_and_what_to_write() {
        let source = Source::new("rules/a.cedar", "first\né second\n");
        let diagnostic = Diagnostic::at(&source, 9..15, "wrong word").nearest("secnod", ["second", "third"]);
        assert_eq!(diagnostic.line_column(), Some((2, 3)));
        let all = Diagnostics(vec![diagnostic]);
        assert_eq!(all.to_string(), "rules/a.cedar:2:3: wrong word (did you mean `second`?)");
        let drawn = all.draw(false);
        assert!(drawn.contains("rules/a.cedar:2:") && drawn.contains("did you mean"), "{drawn}");
    }

    #[test]
    fn every_location_is_named_once_on_a_line_and_in_a_drawing() {
        let source = Source::new("octroi.toml", "key = 1\n");
        let rows = [
            (Location::File(0..3), "octroi.toml:1:1: wrong (write 2)"),
            (Location::File(90..99), "octroi.toml:2:1: wrong (write 2)"),
            (Location::Whole("rules/".into()), "rules/: wrong (write 2)"),
            (Location::Environment("OCTROI_KEY".into()), "environment, OCTROI_KEY: wrong (write 2)"),
            (Location::Default, "wrong (write 2)"),
        ];
        for (location, line) in rows {
            let diagnostic = Diagnostic::new(&location, Some(&source), "wrong", "write 2");
            assert_eq!(diagnostic.to_string(), line);
            let drawn = draw(&[diagnostic], false);
            let place = line.split(": wrong").next().filter(|place| !place.starts_with("wrong")).unwrap_or_default();
            assert!(place.is_empty() || drawn.matches(place).count() == 1, "{place}:\n{drawn}");
            assert!(drawn.contains("help: write 2"), "{drawn}");
        }
    }
}
