// SPDX-License-Identifier: EUPL-1.2
//! Counts of copies under names that are not known beforehand: rules, units. Their number is bounded, so that nobody's
//! names fill the memory of the collector.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};

use crate::policy::verdict::Disposition;

/// Names counted by themselves; what comes beyond is counted together.
const NAMES: usize = 200;
const REST: &str = "other";

/// Counts by name and disposition.
#[derive(Debug, Default)]
pub struct Labelled(Mutex<BTreeMap<String, [u64; 6]>>);

impl Labelled {
    pub fn add(&self, name: &str, disposition: Disposition) {
        let counts = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if counts.contains_key(name) || counts.len() < NAMES { name } else { REST };
        let by_disposition = match counts.get_mut(name) {
            Some(counts) => counts,
            None => counts.entry(name.to_owned()).or_default(),
        };
        by_disposition[disposition as usize] += 1; // six dispositions, six counts
    }

    /// The samples of a family with this label; what was never counted has none.
    pub fn write(&self, out: &mut String, family: &str, label: &str) -> fmt::Result {
        for (name, counts) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let name = escape(name);
            for (disposition, count) in Disposition::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
                let disposition = disposition.as_str();
                writeln!(out, "{family}{{{label}=\"{name}\",disposition=\"{disposition}\"}} {count}")?;
            }
        }
        Ok(())
    }
}

/// A label's value as the text format wants it.
pub(super) fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let labelled = Labelled::default();
        (0..1000).for_each(|n| labelled.add(&format!("rule-{n}"), Disposition::Quarantine));
        labelled.add("rule-7", Disposition::Pass);
        let mut page = String::new();
        labelled.write(&mut page, "octroi_copies", "rule").unwrap();
        assert_eq!(page.lines().count(), NAMES + 2);
        assert!(page.contains("octroi_copies{rule=\"rule-7\",disposition=\"pass\"} 1\n"), "{page}");
        assert!(page.contains("octroi_copies{rule=\"other\",disposition=\"quarantine\"} 800\n"), "{page}");
    }
}
