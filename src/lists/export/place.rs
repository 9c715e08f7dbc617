// SPDX-License-Identifier: EUPL-1.2
//! Where canaries stand: anywhere, unless the list is sorted by something that they have too.

use std::cmp::Ordering;

use super::Draw;
use super::compose::{Around, Composer};
use super::profile::{Key, Order, Profile};
use crate::lists::rows::{Columns, Row, Rows, RowsError, members};
use crate::mail::Mailbox;

/// Rows above a place that are remembered.
const BEFORE: usize = 64;
/// Rows that a canary moves down in search of a place where it breaks no order.
const PATIENCE: u32 = 5_000;

/// One canary's row.
#[derive(Clone)]
pub struct Planting {
    pub canary: Mailbox,
    /// The position, in the source, of the row that follows; as many as there are rows for the end.
    pub before: u32,
    pub cells: Vec<String>,
    /// It breaks an order.
    pub is_squeezed: bool,
}

/// A canary that is looking for its place.
struct Waiting {
    canary: Mailbox,
    /// Not before this position.
    from: u32,
    /// What it has in the column that the list is sorted by.
    anchor: Option<Key>,
    /// Rows of the same value that it lets pass.
    skip: u64,
}

/// Plans where each canary goes and what its row says.
pub fn plan(
    rows: &mut dyn Rows,
    columns: &Columns,
    profile: &Profile,
    canaries: &[Mailbox],
    draw: &mut Draw,
) -> Result<Vec<Planting>, RowsError> {
    let anchor = anchor(profile, columns.address);
    let mut waiting: Vec<Waiting> = canaries
        .iter()
        .map(|canary| Waiting {
            from: 1 + draw.below(profile.rows.max(1)) as u32,
            anchor: anchor
                .and_then(|(column, order, _)| order.key(&value_in(profile, columns.address, column, canary)?)),
            skip: match anchor {
                Some((_, Order::Domain, _)) => draw.below(profile.at_domain(canary.domain()) + 1),
                _ => draw.below(4),
            },
            canary: canary.clone(),
        })
        .collect();
    waiting.sort_by_key(|one| one.from);
    let composer = Composer { profile, address: columns.address };
    let (mut before, mut planted) = (Vec::<Vec<String>>::new(), Vec::new());
    let mut last = 0;
    members(rows, columns, &mut Row::default(), &mut |row, position| {
        last = position + 1;
        if waiting.is_empty() {
            return;
        }
        let cells: Vec<String> = row.cells().map(String::from).collect();
        let here = anchor.and_then(|(column, order, _)| order.key(row.cell(column).trim()));
        waiting.retain_mut(|one| {
            let is_time = match (&one.anchor, &here, anchor) {
                (Some(value), Some(here), Some((.., descends))) => one.is_reached(value.cmp(here), descends),
                (Some(_), None, _) => false,
                _ => position >= one.from,
            };
            if !is_time {
                return true;
            }
            // At the very top there is no neighbour but the one below.
            let above = before.last().unwrap_or(&cells);
            let around = Around { above, below: Some(&cells), before: &before };
            let (row, fits) = composer.row(&one.canary, &around, draw);
            let is_late = one.anchor.is_some() || position >= one.from.saturating_add(PATIENCE);
            if fits || is_late {
                planted.push(Planting { canary: one.canary.clone(), before: position, cells: row, is_squeezed: !fits });
            }
            !(fits || is_late)
        });
        // Half is forgotten at once: moving it costs nothing then.
        if before.len() == 2 * BEFORE {
            before.drain(..BEFORE);
        }
        before.push(cells);
    })?;
    for one in waiting {
        let Some(above) = before.last() else { break };
        let around = Around { above, below: None, before: &before };
        let (cells, fits) = composer.row(&one.canary, &around, draw);
        planted.push(Planting { canary: one.canary, before: last, cells, is_squeezed: !fits });
    }
    // Several at one place keep the order of the list.
    planted.sort_by(|a, b| {
        let value = |one: &Planting| anchor.and_then(|(column, order, _)| order.key(one.cells.get(column)?.trim()));
        let by_value = value(a).cmp(&value(b));
        let descends = anchor.is_some_and(|(.., descends)| descends);
        a.before.cmp(&b.before).then(if descends { by_value.reverse() } else { by_value })
    });
    Ok(planted)
}

impl Waiting {
    /// Whether the row at hand is the one that follows it, from how its own value compares.
    fn is_reached(&mut self, compared: Ordering, descends: bool) -> bool {
        match if descends { compared.reverse() } else { compared } {
            Ordering::Less => true,
            Ordering::Equal if self.skip == 0 => true,
            Ordering::Equal => {
                self.skip -= 1;
                false
            }
            Ordering::Greater => false,
        }
    }
}

/// The column that decides where a canary stands: one that is sorted and that its address, or a part of it, fills.
fn anchor(profile: &Profile, address: usize) -> Option<(usize, Order, bool)> {
    let decides = |index: &usize| *index == address || profile.columns[*index].role.is_some();
    let sorted = |index: usize| profile.columns[index].sorted.map(|(order, descends)| (index, order, descends));
    (0..profile.columns.len()).filter(decides).find_map(sorted)
}

fn value_in(profile: &Profile, address: usize, column: usize, canary: &Mailbox) -> Option<String> {
    if column == address {
        return Some(canary.to_string());
    }
    let known = profile.columns.get(column)?;
    Some(known.case.write(&known.role?.of(canary)?))
}
