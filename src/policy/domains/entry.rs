// SPDX-License-Identifier: EUPL-1.2
//! Reads one line of a domain list, with every fault in it.

use jiff::civil::Date;

use crate::diagnostic::{Diagnostic, Source, slip_of};
use crate::mail::{Domain, Mailbox};

const OPTIONS: [&str; 7] = ["owner", "reason", "until", "scope", "source", "date", "note"];

/// One line of a list.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// As written.
    pub pattern: String,
    /// Where the pattern stands in the file.
    pub at: usize,
    pub names: Named,
    /// It began with `*.`.
    pub wild: bool,
    pub until: Option<Date>,
    options: Vec<(String, String)>,
}

/// What an entry names.
#[derive(Debug, Clone)]
pub(super) enum Named {
    Mailbox(Mailbox),
    Domain(Domain),
}

impl Entry {
    pub fn option(&self, name: &str) -> &str {
        self.options.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Reads a line that begins at byte `start`; `None` for blank lines and comments, and for what names nobody.
    pub fn parse(line: &str, start: usize, source: &Source, faults: &mut Vec<Diagnostic>) -> Option<Entry> {
        let mut words = words(line, start, source).map_err(|fault| faults.push(fault)).ok()?.into_iter();
        let (pattern, at) = words.next()?;
        let names = Named::parse(&pattern, |message| Diagnostic::at(source, at..at + pattern.len(), message));
        let names = names.map_err(|fault| faults.push(fault)).ok();
        let (mut until, mut options, mut has_strays) = (None, Vec::new(), false);
        for (word, at) in words {
            let fault = |message: String| Diagnostic::at(source, at..at + word.len(), message);
            let Some((key, value)) = word.split_once('=') else {
                // A sentence is one fault.
                if !has_strays {
                    let fault = fault(format!("`{word}` is not an option"));
                    faults.push(fault.help("write options as `key=value`, comments after `#`"));
                }
                has_strays = true;
                continue;
            };
            if !OPTIONS.contains(&key) {
                faults.push(fault(format!("unknown option `{key}`")).nearest(key, OPTIONS));
                // A misspelt one has been named already: it is not missing, too.
                let meant = slip_of(key, OPTIONS).unwrap_or(key);
                options.push((meant.to_owned(), value.to_owned()));
                continue;
            }
            let value = value.trim_matches('"');
            if key == "until" {
                until = value.parse::<Date>().ok();
                if until.is_none() {
                    let fault = fault(format!("`{value}` is not a date"));
                    faults.push(fault.help("write the last valid day: `until=2027-03-31`"));
                }
            }
            options.push((key.to_owned(), value.to_owned()));
        }
        let wild = pattern.starts_with("*.");
        Some(Entry { at, names: names?, wild, until, options, pattern })
    }
}

impl Named {
    fn parse(pattern: &str, fault: impl Fn(String) -> Diagnostic) -> Result<Named, Diagnostic> {
        if pattern.contains('@') {
            let mailbox = Mailbox::parse(pattern).map_err(|e| fault(format!("`{pattern}` is not an address: {e}")))?;
            return Ok(Named::Mailbox(mailbox));
        }
        let domain = pattern.strip_prefix("*.").unwrap_or(pattern);
        let domain = Domain::parse(domain).ok().filter(|d| !d.is_literal());
        domain.map(Named::Domain).ok_or_else(|| {
            fault(format!("`{pattern}` is not a domain"))
                .help("write `town.example`, `*.town.example` or `name@town.example`")
        })
    }
}

/// Lines with their bytes.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (line.trim_end_matches(['\r', '\n']), start..at)
    })
}

/// Words of a line with their places; quotes hold words together, `#` ends the line outside of them.
fn words(line: &str, start: usize, source: &Source) -> Result<Vec<(String, usize)>, Diagnostic> {
    let (mut found, mut word, mut begin, mut quoted) = (Vec::new(), String::new(), 0, false);
    // A byte order mark is what some editors put before the first line.
    let marks = line.len() - line.trim_start_matches('\u{feff}').len();
    for (i, c) in line.char_indices().skip_while(|(i, _)| *i < marks) {
        if !quoted && (c.is_whitespace() || c == '#') {
            if !word.is_empty() {
                found.push((std::mem::take(&mut word), start + begin));
            }
            if c == '#' {
                return Ok(found);
            }
            continue;
        }
        if word.is_empty() {
            begin = i;
        }
        quoted ^= c == '"';
        word.push(c);
    }
    if quoted {
        return Err(Diagnostic::at(source, start + begin..start + line.len(), "the closing quotation mark is missing")
            .help(r#"write `reason="in words"`"#));
    }
    if !word.is_empty() {
        found.push((word, start + begin));
    }
    Ok(found)
}
