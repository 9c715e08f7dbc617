// SPDX-License-Identifier: EUPL-1.2
//! The cells of a canary's row: each like those above and below it.

use super::Draw;
use super::digits::{between, invent};
use super::person::{Case, Role};
use super::profile::{Column, Profile};
use crate::mail::Mailbox;

/// What a canary's row is made from.
pub struct Composer<'c> {
    pub profile: &'c Profile,
    /// The column of the addresses.
    pub address: usize,
}

/// The rows around a place.
pub struct Around<'a> {
    pub above: &'a [String],
    pub below: Option<&'a [String]>,
    /// Rows not far above, from which values that go together are taken.
    pub before: &'a [Vec<String>],
}

impl Composer<'_> {
    /// The cells, and whether all sorted columns stay so.
    pub fn row(&self, canary: &Mailbox, around: &Around<'_>, draw: &mut Draw) -> (Vec<String>, bool) {
        let twin = self.twin(around, draw);
        let mut fits = true;
        let width = around.above.len().max(self.address + 1);
        let cells = (0..width).map(|index| {
            let above = around.above.get(index).map_or("", String::as_str);
            let Some(column) = self.profile.columns.get(index) else { return above.to_owned() };
            let below = around.below.and_then(|row| row.get(index)).map(String::as_str);
            if index == self.address {
                let address = dress(canary, above, column);
                fits &= fits_between(column, above, &address, below);
                return address;
            }
            let value = self.cell(index, column, canary, above, below, twin, draw);
            let padding = above.len() - above.trim_start().len();
            fits &= fits_between(column, above, &value, below);
            format!("{}{value}", &above[..padding])
        });
        let cells = cells.collect();
        (cells, fits)
    }

    #[allow(clippy::too_many_arguments)]
    fn cell(
        &self,
        index: usize,
        column: &Column,
        canary: &Mailbox,
        above: &str,
        below: Option<&str>,
        twin: &[String],
        draw: &mut Draw,
    ) -> String {
        let twin = twin.get(index).map_or("", |value| value.trim());
        if column.filled == 0 {
            return String::new();
        }
        if column.is_counter {
            // Written with the row's own number.
            return above.trim().to_owned();
        }
        if column.has_addresses {
            // Nobody else's address may stand in a canary's row.
            let often_empty = column.empty * 50 > column.filled;
            return if often_empty { String::new() } else { column.case_of_address(&canary.to_string()) };
        }
        if let Some(role) = column.role
            && let Some(value) = role.of(canary)
        {
            return column.case.write(&value);
        }
        if column.sorted.is_some() {
            if column.is_unique
                && let Some(value) = between(above, below, draw)
            {
                return value;
            }
            return above.trim().to_owned();
        }
        if column.is_unique {
            if twin.is_empty() {
                return String::new();
            }
            let values: Vec<&str> = self.profile.sampled(index).collect();
            let is_name =
                values.iter().filter(|value| !value.contains(|c: char| c.is_ascii_digit())).count() * 2 > values.len();
            if is_name {
                return mixed(&values, draw).unwrap_or_else(|| twin.to_owned());
            }
            let taken = |value: &str| self.profile.has_value(index, value) || values.contains(&value);
            return invent(&values, column.check, draw, &taken).unwrap_or_else(|| twin.to_owned());
        }
        if column.is_common {
            return twin.to_owned();
        }
        // Many values, some of them twice: names, days of birth. One that is somebody's, but not a neighbour's.
        let sample = draw.of(&self.profile.samples).and_then(|row| row.get(index)).map_or("", |value| value.trim());
        sample.to_owned()
    }

    /// A row from not far above that stands like the neighbour in all sorted columns.
    fn twin<'a>(&self, around: &Around<'a>, draw: &mut Draw) -> &'a [String] {
        let sorted: Vec<usize> = (0..self.profile.columns.len())
            .filter(|index| {
                *index != self.address
                    && self.profile.columns[*index].sorted.is_some()
                    && !self.profile.columns[*index].is_unique
            })
            .collect();
        let alike = |row: &&Vec<String>| sorted.iter().all(|index| row.get(*index) == around.above.get(*index));
        let candidates: Vec<&Vec<String>> = around.before.iter().filter(alike).collect();
        draw.of(&candidates).map_or(around.above, |row| row.as_slice())
    }
}

impl Column {
    fn case_of_address(&self, address: &str) -> String {
        match (self.case, address.rsplit_once('@')) {
            (Case::Title, Some((local, domain))) => format!("{}@{domain}", Case::Title.write(local)),
            (case, _) => case.write(address),
        }
    }
}

/// The address as its neighbour wears it: upper case, `<…>`, `mailto:`.
fn dress(canary: &Mailbox, above: &str, column: &Column) -> String {
    let address = column.case_of_address(&canary.to_string());
    let above = above.trim();
    let lower = above.to_ascii_lowercase();
    if lower.starts_with("mailto:") {
        return format!("{}{address}", &above[..7]);
    }
    match (above.starts_with('<'), above.ends_with('>'), Role::Full.of(canary)) {
        (true, true, _) => format!("<{address}>"),
        (false, true, Some(name)) => {
            let shown = Case::Title.write(&name);
            if above.starts_with('"') { format!("\"{shown}\" <{address}>") } else { format!("{shown} <{address}>") }
        }
        _ => address,
    }
}

/// A name out of two: the first word of one, the rest of another.
fn mixed(values: &[&str], draw: &mut Draw) -> Option<String> {
    let (first, second) = (*draw.of(values)?, *draw.of(values)?);
    Some(match (first.split_once(' '), second.split_once(' ')) {
        (Some((head, _)), Some((_, tail))) => format!("{head} {tail}"),
        _ => first.to_owned(),
    })
}

fn fits_between(column: &Column, above: &str, value: &str, below: Option<&str>) -> bool {
    let Some((order, descends)) = column.sorted.filter(|_| !column.is_counter) else { return true };
    let in_order = |a: &str, b: &str| {
        let keys = order.key(a.trim()).zip(order.key(b.trim()));
        keys.is_none_or(|(a, b)| if descends { a >= b } else { a <= b })
    };
    let is_new =
        !column.is_unique || value.trim() != above.trim() && below.is_none_or(|below| below.trim() != value.trim());
    is_new
        && (above.trim().is_empty() || in_order(above, value))
        && below.is_none_or(|below| below.trim().is_empty() || in_order(value, below))
}
