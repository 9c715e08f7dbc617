// SPDX-License-Identifier: EUPL-1.2
//! What is registered of a list: whose it is, for what it may be used and since when, who may send, who may have rows.
//!
//! What must not live here: members (`rows` reads them, the store keeps them), judgement of mail, any clock: the caller
//! says what instant it is.
//!
//! How it fails: each thing wrong in an entry is a diagnostic with its place; an entry with a fault is no entry.
//!
//! Standards: TOML 1.0. The keys are the contract's. Days are UTC's, and `until` is the last day of a purpose.

mod check;
mod dates;
mod file;
mod leaks;
mod pattern;
mod read;
mod show;

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::diagnostic::Source;
use crate::mail::{Domain, Identity, Mailbox};

pub use check::{House, Standing, check};
pub use leaks::{Canary, Registered, check_members, leaks};
pub use pattern::Pattern;
pub use show::{Export, Show};

/// What kind of body keeps a list, where it matters (decision D21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its letters are never scored for political content.
    Union,
}

/// A value with its place in the file.
#[derive(Debug, Clone)]
pub struct Written<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// One list of the register.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The file's name without its end.
    pub name: String,
    pub title: String,
    pub owner: String,
    /// Who is told.
    pub contact: Option<Written<Mailbox>>,
    /// Everybody is on it, so being on it proves nothing.
    pub universal: bool,
    pub kind: Option<Kind>,
    /// In the file's order.
    pub purposes: Vec<Purpose>,
    source: Source,
}

/// One version of what a list may be used for.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// The legal text.
    pub text: String,
    pub from: Date,
    /// The last day it holds.
    pub until: Option<Date>,
    /// In words for people.
    pub allows: String,
    pub senders: Vec<Written<Mailbox>>,
    /// Paths below the register's folder.
    pub templates: Vec<Written<String>>,
    /// Hosts that links may lead to.
    pub links: Vec<Written<Pattern>>,
    /// `content = "free"`: sender and links bind, words do not.
    pub is_free: bool,
    /// Who may receive rows.
    pub recipients: Vec<Written<Pattern>>,
    span: Range<usize>,
}

impl Entry {
    /// The version in force: of those that hold on that day, the one that began last.
    pub fn in_force(&self, at: Timestamp) -> Option<&Purpose> {
        let day = day(at);
        self.purposes.iter().filter(|purpose| purpose.holds_on(day)).max_by_key(|purpose| purpose.from)
    }
}

impl Purpose {
    pub fn holds_on(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }

    /// Whether this mailbox is one of its senders.
    pub fn is_sender(&self, sender: &Identity) -> bool {
        self.senders.iter().any(|known| known.value.identity() == *sender)
    }

    /// Whether links may lead to this host.
    pub fn has_link(&self, host: &Domain) -> bool {
        self.links.iter().any(|known| known.value.covers_host(host))
    }

    /// Whether this recipient may have rows of the list.
    pub fn may_have_rows(&self, recipient: &Mailbox) -> bool {
        self.recipients.iter().any(|known| known.value.covers(recipient))
    }
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests;
