// SPDX-License-Identifier: EUPL-1.2
//! What the columns of a list look like: learnt in one reading, in bounded memory.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::Draw;
use super::digits::Check;
use super::person::{Case, ROLES, Role, names};
use crate::lists::rows::{Columns, Row, Rows, RowsError, addresses, key_of, members};
use crate::mail::{Domain, Mailbox};

/// Rows kept as samples.
const SAMPLE: usize = 512;
/// Values of a column that are told apart.
const DISTINCT: usize = 20_000;
/// Rows at which names are compared with addresses.
const COMPARED: u64 = 2_000;

/// How a column is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Number,
    Bytes,
    /// Without case and accents.
    Folded,
    /// By the domain of the address.
    Domain,
}

const ORDERS: [Order; 4] = [Order::Number, Order::Bytes, Order::Folded, Order::Domain];

/// What values are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Number(u64),
    Text(String),
}

impl Order {
    /// What a value is sorted by; `None` where it has no such thing.
    pub fn key(self, value: &str) -> Option<Key> {
        match self {
            Order::Number => number(value).map(Key::Number),
            Order::Bytes => Some(Key::Text(value.to_owned())),
            Order::Folded => Some(Key::Text(key_of(value).unwrap_or_else(|| value.to_lowercase()))),
            Order::Domain => Some(Key::Text(value.rsplit_once('@')?.1.to_lowercase())),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// One column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    pub filled: u64,
    pub empty: u64,
    /// Sorted so, ascending or (`true`) descending.
    pub sorted: Option<(Order, bool)>,
    /// 1, 2, 3 … or 0, 1, 2 …
    pub is_counter: bool,
    /// Every value stands once, as far as was looked.
    pub is_unique: bool,
    /// Its values come again and again: a grade, a town.
    pub is_common: bool,
    /// It holds addresses.
    pub has_addresses: bool,
    pub role: Option<Role>,
    pub case: Case,
    pub check: Option<Check>,
    /// Quoted where that is needed; quoted where it is not; filled and not quoted; empty and quoted.
    pub quoted: Quotes,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Quotes {
    pub needless: u64,
    pub without: u64,
    pub empty: u64,
}

/// A list as its rows look.
#[derive(Debug, Default)]
pub struct Profile {
    pub rows: u64,
    pub columns: Vec<Column>,
    pub samples: Vec<Vec<String>>,
    /// Rows that are not UTF-8.
    pub legacy_rows: u64,
    /// With what a column that counts the rows begins.
    pub first_count: Option<u64>,
    domains: HashMap<String, u64>,
    values: HashMap<usize, HashSet<u64>>,
}

/// What is known of a column while the rows are read.
#[derive(Default)]
struct Learning {
    column: Column,
    previous: Option<String>,
    first: Option<u64>,
    /// By order and direction: still sorted.
    ascends: [bool; ORDERS.len()],
    descends: [bool; ORDERS.len()],
    /// Values unlike the one above, as each order has it.
    changes: [u64; ORDERS.len()],
    keys: [Option<Key>; ORDERS.len()],
    counts: bool,
    values: HashSet<u64>,
    again: u64,
    addresses: u64,
    roles: [u64; ROLES.len()],
    cases: [u64; 3],
}

impl Profile {
    pub fn read(rows: &mut dyn Rows, columns: &Columns, draw: &mut Draw) -> Result<Profile, RowsError> {
        let mut profile = Profile::default();
        let mut learning: Vec<Learning> = Vec::new();
        let mut row = Row::default();
        members(rows, columns, &mut row, &mut |row, _| {
            profile.rows += 1;
            profile.legacy_rows += u64::from(std::str::from_utf8(&row.raw).is_err());
            while learning.len() < row.len() {
                // A column that appears late is empty above.
                let column = Column { empty: profile.rows - 1, ..Column::default() };
                learning.push(Learning {
                    column,
                    ascends: [true; ORDERS.len()],
                    descends: [true; ORDERS.len()],
                    counts: true,
                    ..Learning::default()
                });
            }
            let person = addresses(&row.cell(columns.address)).and_then(|found| found.into_iter().next());
            if let Some(person) = &person
                && (profile.domains.len() < DISTINCT || profile.domains.contains_key(person.domain().as_str()))
            {
                *profile.domains.entry(person.domain().as_str().to_owned()).or_default() += 1;
            }
            let person = person.filter(|_| profile.rows <= COMPARED).map(|person| (names(&person), person));
            for (index, one) in learning.iter_mut().enumerate() {
                one.learn(&row.cell(index), row.is_quoted(index), profile.rows, person.as_ref());
            }
            let at = profile.samples.len();
            if at < SAMPLE {
                profile.samples.push(row.cells().map(String::from).collect());
            } else if let Some(sample) = profile.samples.get_mut(draw.below(profile.rows) as usize) {
                *sample = row.cells().map(String::from).collect();
            }
        })?;
        for (index, one) in learning.into_iter().enumerate() {
            let first = one.first;
            let (mut column, values) = one.end();
            if column.is_counter {
                profile.first_count = first;
            }
            if column.is_unique {
                column.check = Check::of(profile.sampled(index));
                profile.values.insert(index, values);
            }
            if columns.names.get(index).is_some_and(|name| name == "dn") {
                // An entry's name follows from its attributes.
                column.sorted = None;
            }
            profile.columns.push(column);
        }
        Ok(profile)
    }

    /// The sampled values of a column.
    pub fn sampled(&self, column: usize) -> impl Iterator<Item = &str> + Clone {
        self.samples
            .iter()
            .filter_map(move |row| row.get(column))
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Whether a value stands in a column of unique ones, as far as was looked.
    pub fn has_value(&self, column: usize, value: &str) -> bool {
        self.values.get(&column).is_some_and(|values| values.contains(&hash(value)))
    }

    /// Rows at a domain.
    pub fn at_domain(&self, domain: &Domain) -> u64 {
        self.domains.get(domain.as_str()).copied().unwrap_or_default()
    }

    /// Whether at least one row in a thousand, and more than one, is at this domain.
    pub fn has_domain(&self, domain: &Domain) -> bool {
        let count = self.at_domain(domain);
        count > 1 && count * 1000 >= self.rows
    }
}

impl Learning {
    fn learn(&mut self, cell: &str, is_quoted: bool, rows: u64, person: Option<&(Vec<String>, Mailbox)>) {
        let column = &mut self.column;
        let value = cell.trim();
        if value.is_empty() {
            column.empty += 1;
            column.quoted.empty += u64::from(is_quoted);
            self.counts = false;
            return;
        }
        column.filled += 1;
        let needs = cell.contains(['"', '\'', ',', ';', '\t', '|', '\n', '\r']) || cell != value;
        column.quoted.needless += u64::from(is_quoted && !needs);
        column.quoted.without += u64::from(!is_quoted);
        if let Some(previous) = self.previous.clone() {
            if previous != value {
                self.compare(value);
            }
            self.counts = self.counts
                && number(value).zip(number(&previous)).is_some_and(|(now, before)| now == before.wrapping_add(1));
        } else {
            self.first = number(value);
            self.keys = ORDERS.map(|order| order.key(value));
            self.counts = self.counts && rows == 1 && matches!(value, "0" | "1");
        }
        self.previous.get_or_insert_default().clear();
        self.previous.get_or_insert_default().push_str(value);
        if self.values.len() < DISTINCT {
            self.again += u64::from(!self.values.insert(hash(value)));
        }
        self.addresses += u64::from(value.contains('@') && addresses(value).is_some());
        if let Some((names, mailbox)) = person {
            for (count, role) in self.roles.iter_mut().zip(ROLES) {
                *count += u64::from(role.fits(value, mailbox, names));
            }
            match Case::of(value) {
                Some(Case::Upper) => self.cases[0] += 1,
                Some(Case::Lower) => self.cases[1] += 1,
                Some(Case::Title) => self.cases[2] += 1,
                None => {}
            }
        }
    }

    fn compare(&mut self, value: &str) {
        for (index, order) in ORDERS.into_iter().enumerate() {
            if !self.ascends[index] && !self.descends[index] {
                continue;
            }
            let key = order.key(value);
            let compared = self.keys[index].as_ref().zip(key.as_ref()).map(|(before, now)| before.cmp(now));
            self.ascends[index] &= compared.is_some_and(Ordering::is_le);
            self.descends[index] &= compared.is_some_and(Ordering::is_ge);
            self.changes[index] += u64::from(compared.is_some_and(Ordering::is_ne));
            self.keys[index] = key;
        }
    }

    fn end(self) -> (Column, HashSet<u64>) {
        let mut column = self.column;
        let looked = self.values.len() as u64 + self.again;
        column.is_unique = self.again == 0 && looked > 1;
        column.is_common = self.again * 2 >= looked;
        column.has_addresses = self.addresses * 10 >= column.filled * 9 && self.addresses > 0;
        column.is_counter = self.counts && column.filled > 2;
        let of = |sorted: [bool; ORDERS.len()]| {
            // Few domains stand in blocks; other values change often, or their order is chance.
            let enough = |order: Order, changes: u64| changes >= if order == Order::Domain { 1 } else { 3 };
            let found = ORDERS
                .into_iter()
                .zip(sorted)
                .zip(self.changes)
                .find(|((order, is), changes)| *is && enough(*order, *changes));
            found.map(|((order, _), _)| order)
        };
        column.sorted =
            of(self.ascends).map(|order| (order, false)).or_else(|| of(self.descends).map(|order| (order, true)));
        let compared = column.filled.min(COMPARED);
        let best = self.roles.iter().zip(ROLES).max_by_key(|(count, _)| **count);
        column.role = best.filter(|(count, _)| **count * 2 >= compared && **count > 0).map(|(_, role)| role);
        let [upper, lower, title] = self.cases;
        column.case = if upper > lower.max(title) {
            Case::Upper
        } else if lower > title {
            Case::Lower
        } else {
            Case::Title
        };
        (column, self.values)
    }
}

fn hash(value: &str) -> u64 {
    let hash = blake3::hash(value.as_bytes());
    u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}
