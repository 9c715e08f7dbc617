// SPDX-License-Identifier: EUPL-1.2
//! The values of an entry's file, each with what to write where it is something else.

use std::ops::Range;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::DeValue;

use super::Written;
use crate::diagnostic::{Diagnostic, Source};

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A file while it is read.
pub(super) struct File<'f> {
    pub source: Source,
    pub faults: &'f mut Vec<Diagnostic>,
}

impl File<'_> {
    pub fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::at(&self.source, span, message).help(help));
    }

    /// A key that is none.
    pub fn unknown(&mut self, span: Range<usize>, key: &str, of: &str, known: &[&'static str]) {
        let fault = Diagnostic::at(&self.source, span, format!("{of} has no key `{key}`"));
        let help = format!("its keys are {}", known.join(", "));
        self.faults.push(fault.help(help).nearest(key, known.iter().copied()));
    }

    /// A text that is not blank.
    pub fn text(&mut self, value: &Value<'_>, key: &str, example: &str) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => return Some(text.trim().to_owned()),
            DeValue::String(_) => {
                self.fault(value.span(), format!("`{key}` is empty"), format!("write {key} = \"{example}\""));
            }
            _ => self.fault(value.span(), format!("`{key}` must be a text"), format!("write {key} = \"{example}\"")),
        }
        None
    }

    pub fn truth(&mut self, value: &Value<'_>, key: &str) -> Option<bool> {
        if let DeValue::Boolean(truth) = value.get_ref() {
            return Some(*truth);
        }
        self.fault(value.span(), format!("`{key}` must be true or false"), format!("write {key} = false"));
        None
    }

    /// A day, as TOML writes it or in quotes.
    pub fn day(&mut self, value: &Value<'_>, key: &str) -> Option<Date> {
        let day = match value.get_ref() {
            DeValue::Datetime(when) if when.time.is_none() => {
                when.date.and_then(|date| Date::new(date.year as i16, date.month as i8, date.day as i8).ok())
            }
            DeValue::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if day.is_none() {
            self.fault(value.span(), format!("`{key}` must be a day"), format!("write {key} = 2022-11-23"));
        }
        day
    }

    /// A word of a closed set.
    pub fn word<T>(&mut self, value: &Value<'_>, key: &str, known: &[(&'static str, T)]) -> Option<T>
    where
        T: Copy,
    {
        let names = || known.iter().map(|(name, _)| *name);
        let help = format!("write {key} = \"{}\"", names().next().unwrap_or_default());
        let DeValue::String(word) = value.get_ref() else {
            self.fault(value.span(), format!("`{key}` must be a word"), help);
            return None;
        };
        let found = known.iter().find(|(name, _)| name == word).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let help = format!("{help}, or leave `{key}` out");
            let fault = Diagnostic::at(&self.source, value.span(), format!("`{word}` is no {key}")).help(help);
            self.faults.push(fault.nearest(word, names()));
        }
        found
    }

    /// A list of texts; a single text is a list of one.
    pub fn each<T>(
        &mut self,
        value: &Value<'_>,
        what: &str,
        help: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<Written<T>> {
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect::<Vec<_>>(),
            DeValue::String(_) => vec![value],
            _ => {
                self.fault(value.span(), "this is not a list", help);
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        for item in items {
            match item.get_ref().as_str().map(str::trim).and_then(&read) {
                Some(value) => all.push(Written { value, span: item.span() }),
                None => {
                    let shown = item.get_ref().as_str().map_or_else(|| "this".to_owned(), |text| format!("`{text}`"));
                    self.fault(item.span(), format!("{shown} is not {what}"), help);
                }
            }
        }
        all
    }
}
