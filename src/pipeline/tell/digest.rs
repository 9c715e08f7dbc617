// SPDX-License-Identifier: EUPL-1.2
//! The daily digest for the security team: what waits, since when, by which rule and from which unit; only numbers.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::letter::item;
use crate::mail::Mailbox;
use crate::notice::{self, DIGEST, Digest, DigestFigure, DigestList, NoticeFacts};
use crate::pipeline::Pipeline;
use crate::policy::Policy;
use crate::store::{DigestFigures, OutboxItem, OutboxKind, StoreError};

/// Lines of one list; the rest is summed in a last one.
const MOST_LINES: usize = 30;

impl Pipeline {
    /// Sends the digest whose turn has come, if it was not sent already; gives whether it was. One missed while the
    /// gateway was down is sent at the next start, older ones are not.
    ///
    /// # Errors
    /// The store does not answer: the next call tries again.
    pub async fn digest(&self, now: Timestamp) -> Result<bool, StoreError> {
        let notifier = self.notices.load_full();
        let Some(addressees) = &notifier.digest else { return Ok(false) };
        let Some(turn) = last_turn(addressees.at, &notifier.zone, now) else { return Ok(false) };
        let before = self.store.last_digest(turn).await?;
        if before >= turn {
            return Ok(false);
        }
        let figures = self.store.digest_figures(before, now).await?;
        let letters = addressees.to.iter().filter_map(|to| self.letter(&figures, to, turn, now)).collect();
        self.store.send_digest(before, turn, letters, now).await
    }

    fn letter(&self, figures: &DigestFigures, to: &Mailbox, turn: Timestamp, now: Timestamp) -> Option<OutboxItem> {
        let (ruleset, notifier) = (self.inspector.ruleset.load(), self.notices.load());
        if !ruleset.policy.lists.is_own(to, now) {
            // It names senders' units and what rules look for: nobody else's business (decision D16).
            tracing::error!(%to, "no digest: [notices] digest_to is not in our own domains");
            return None;
        }
        let Some(chosen) = ruleset.notices.choose(DIGEST, &[&notifier.language]) else {
            tracing::error!("no digest: the policy folder has no notices/LANGUAGE/{DIGEST}.md");
            return None;
        };
        let date = |at: Timestamp| notice::date_in(chosen.language, at, &notifier.zone);
        let digest = Digest {
            figures: [
                (DigestFigure::Waiting, figures.waiting.iter().map(|group| group.copies).sum()),
                (DigestFigure::Expiring, figures.expiring),
                (DigestFigure::Private, figures.private),
                (DigestFigure::Held, figures.held),
                (DigestFigure::Released, figures.released),
                (DigestFigure::Rejected, figures.rejected),
                (DigestFigure::Expired, figures.expired),
            ]
            .into(),
            oldest: figures.oldest.map(date),
            lists: [
                (DigestList::Rules, lines(by_rule(figures), chosen.language)),
                (DigestList::Units, lines(by_unit(figures, &ruleset.policy), chosen.language)),
                (DigestList::Observed, lines(figures.observed.clone(), chosen.language)),
            ]
            .into(),
        };
        let filled = chosen.fill(&NoticeFacts {
            date: &date(now),
            house: notifier.facts(),
            digest: Some(&digest),
            ..NoticeFacts::default()
        });
        let message_id = format!("digest-{}-{}@{}", turn.as_second(), short(to), self.hostname);
        match notice::compose(&filled, &notifier.heading(to, now, &message_id, None)) {
            Ok(content) => Some(item(OutboxKind::Notice, to, content, now)),
            Err(error) => {
                tracing::error!(%to, %error, "the digest could not be composed");
                None
            }
        }
    }
}

/// The last time the clock stood at that time of day.
fn last_turn(at: Time, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    // Where a change to summer time skips that time of day, the zone's rule says which instant stands for it.
    let on = |date: jiff::civil::Date| Some(date.to_datetime(at).to_zoned(zone.clone()).ok()?.timestamp());
    on(today).filter(|turn| *turn <= now).or_else(|| on(today.checked_sub(1.day()).ok()?))
}

/// A copy under several rules counts for each.
fn by_rule(figures: &DigestFigures) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for group in &figures.waiting {
        for rule in &group.rules {
            *counts.entry(rule.clone()).or_default() += group.copies;
        }
    }
    counts
}

fn by_unit(figures: &DigestFigures, policy: &Policy) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for group in &figures.waiting {
        let unit = policy.people.at(&group.sender).map_or("", |person| person.unit.as_str());
        *counts.entry(policy.units.shown(unit)).or_default() += group.copies;
    }
    counts
}

/// The largest first.
fn lines(counts: BTreeMap<String, u64>, language: &str) -> Vec<String> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest: u64 = counts.iter().skip(MOST_LINES).map(|(_, count)| count).sum();
    let colon = if language == "fr" { " :" } else { ":" };
    let mut lines: Vec<String> =
        counts.iter().take(MOST_LINES).map(|(name, count)| format!("{name}{colon} {count}")).collect();
    if rest > 0 {
        lines.push(format!("…{colon} {rest}"));
    }
    lines
}

/// Tells addresses apart in a Message-ID without naming them.
fn short(to: &Mailbox) -> String {
    blake3::hash(to.key().as_bytes()).to_hex().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_the_last_time_of_day_in_the_zone() {
        let at = Time::constant(7, 30, 0, 0);
        let turn = |now: &str, zone: &TimeZone| last_turn(at, zone, now.parse().unwrap()).unwrap().to_string();
        assert_eq!(turn("2026-11-25T07:29:59Z", &TimeZone::UTC), "2026-11-24T07:30:00Z");
        assert_eq!(turn("2026-11-25T07:30:00Z", &TimeZone::UTC), "2026-11-25T07:30:00Z");
        let paris = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(turn("2026-11-25T06:30:00Z", &paris), "2026-11-25T06:30:00Z");
    }

    #[test]
    fn long_lists_end_in_a_sum() {
        let counts = (0..40u64).map(|n| (format!("rule-{n:02}"), n)).collect();
        let lines = lines(counts, "fr");
        assert_eq!((lines.len(), lines[0].as_str(), lines[30].as_str()), (31, "rule-39 : 39", "… : 45"));
    }
}
