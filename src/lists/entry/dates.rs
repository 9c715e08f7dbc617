// SPDX-License-Identifier: EUPL-1.2
//! The versions of an entry in time: which overlap, where a gap is, what has ended.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;

use super::{Entry, Purpose, day};
use crate::diagnostic::Diagnostic;

/// Days before its end at which a purpose is said to end soon.
const SOON: i64 = 30;

/// Faults: two versions that name the same day. Warnings: days without a version, what has ended or not yet begun.
pub(super) fn check(entry: &Entry, now: Timestamp, found: &mut Vec<Diagnostic>) {
    let mut versions: Vec<&Purpose> = entry.purposes.iter().collect();
    versions.sort_by_key(|purpose| (purpose.from, purpose.until));
    let at = |purpose: &Purpose, message: String| Diagnostic::at(&entry.source, purpose.span.clone(), message);
    for pair in versions.windows(2) {
        let [earlier, later] = pair else { continue };
        let day_before = later.from.checked_sub(1.day()).unwrap_or(later.from);
        match earlier.until {
            None if earlier.from == later.from => {
                let message = format!("two versions of the purpose begin on {}", later.from);
                found.push(at(later, message).help("give each version days of its own"));
            }
            None => {
                let message =
                    format!("the purpose of {} has no end, and another begins on {}", earlier.from, later.from);
                let help = format!("write until = {day_before}; until then the later one is taken from its first day");
                found.push(at(earlier, message).help(help).into_warning());
            }
            Some(until) if until >= later.from => {
                let message = format!("two versions of the purpose hold on {}", later.from);
                found.push(at(earlier, message).help(format!("write until = {day_before}")));
            }
            Some(until) if until < day_before => {
                let message = format!("no purpose holds between {until} and {}", later.from);
                let help = "every use in that time counts as a misuse; correct `until` or `from` if that is not meant";
                found.push(at(later, message).help(help).into_warning());
            }
            Some(_) => {}
        }
    }
    let today = day(now);
    let help = "every use of the list counts as a misuse until a version holds";
    match (entry.in_force(now), versions.last()) {
        (Some(current), Some(last)) => {
            if let Some(until) = current.until.filter(|until| is_soon(today, *until))
                && last.from == current.from
            {
                found.push(
                    at(current, format!("the purpose ends on {until}"))
                        .help("add the version that follows")
                        .into_warning(),
                );
            }
        }
        (None, Some(last)) => {
            let next = versions.iter().find(|purpose| purpose.from > today);
            let diagnostic = match (next, last.until) {
                (Some(next), _) => at(next, format!("the purpose begins only on {}", next.from)),
                (None, Some(until)) => at(last, format!("the purpose ended on {until}")),
                (None, None) => return,
            };
            found.push(diagnostic.help(help).into_warning());
        }
        _ => found.push(Diagnostic::of_file(entry.source.name(), "the entry has no purpose").help(help).into_warning()),
    }
}

fn is_soon(today: Date, until: Date) -> bool {
    today.checked_add(SOON.days()).is_ok_and(|limit| until <= limit)
}
