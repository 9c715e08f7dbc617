// SPDX-License-Identifier: EUPL-1.2
//! Entries that cannot stand where they stand, and entries that deserve a second look (decision D41).

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::entry::{Entry, Named};
use super::{ALLOWED, DISPOSABLE, DomainLists, OWN, WEBMAIL, whole_list};
use crate::diagnostic::{Diagnostic, Source};
use crate::lists::entry::Standing as Whose;
use crate::mail::Domain;

/// An end that comes so soon is announced.
const SOON: i32 = 14;
/// First labels under which registries let only public bodies register (`gov.uk`, `gouv.fr`): as a partner such a
/// suffix is wide, and no slip.
const PUBLIC_BODIES: [&str; 7] = ["gov", "gouv", "gob", "gub", "govt", "mil", "admin"];

/// One entry as it was read, with its list.
pub(super) struct Placed {
    /// The list's name, of whichever of its files.
    pub list: String,
    pub entry: Entry,
    pub source: Source,
}

impl Placed {
    fn say(&self, message: String) -> Diagnostic {
        let Entry { at, pattern, .. } = &self.entry;
        Diagnostic::at(&self.source, *at..at + pattern.len(), message)
    }

    fn domain(&self) -> &Domain {
        match &self.entry.names {
            Named::Domain(domain) => domain,
            Named::Mailbox(mailbox) => mailbox.domain(),
        }
    }

    fn is_mailbox(&self) -> bool {
        matches!(self.entry.names, Named::Mailbox(_))
    }
}

/// An entry with an end.
#[derive(Debug, Clone)]
pub(super) struct Dated {
    source: Source,
    at: std::ops::Range<usize>,
    pattern: String,
    list: String,
    until: Date,
}

/// What the entries are together: faults, warnings, and the ends.
pub(super) struct Standing {
    pub faults: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
    pub dated: Vec<Dated>,
}

pub(super) fn look(lists: &DomainLists, entries: &[Placed]) -> Standing {
    let mut standing = Standing { faults: Vec::new(), warnings: Vec::new(), dated: Vec::new() };
    let mut seen: HashMap<(&str, String), &Entry> = HashMap::new();
    for placed in entries {
        let entry = &placed.entry;
        match misplaced(lists, placed) {
            Some((true, fault)) => standing.faults.push(fault),
            Some((false, warning)) => standing.warnings.push(warning.into_warning()),
            None => {}
        }
        if let Some(until) = entry.until {
            standing.dated.push(Dated {
                source: placed.source.clone(),
                at: entry.at..entry.at + entry.pattern.len(),
                pattern: entry.pattern.clone(),
                list: placed.list.clone(),
                until,
            });
        }
        let first = *seen.entry((&placed.list, entry.pattern.to_lowercase())).or_insert(entry);
        // Two exceptions for one mailbox are for two scopes.
        if placed.list != ALLOWED && (first.until != entry.until || first.option("owner") != entry.option("owner")) {
            let text =
                format!("`{}` is on this list twice, with another owner or end: both entries count", entry.pattern);
            standing.warnings.push(placed.say(text).help("keep one of them").into_warning());
        }
    }
    standing
}

/// Whether an entry is a fault (`true`) or deserves a second look, and why.
fn misplaced(lists: &DomainLists, placed: &Placed) -> Option<(bool, Diagnostic)> {
    let (pattern, list, domain) = (&placed.entry.pattern, placed.list.as_str(), placed.domain());
    let stands = lists.of_domain(domain, None);
    let is_ours = list == "own" || list == "partner";
    let public = !placed.is_mailbox() && is_public_suffix(domain.as_str());
    if public {
        let text = format!(
            "`{}` is no organisation's domain: everybody under it would be on the list `{list}`",
            domain.as_str()
        );
        let wide =
            list == "partner" && PUBLIC_BODIES.iter().any(|body| domain.as_str().starts_with(&format!("{body}.")));
        return Some((!wide, placed.say(text).help("write the domains of the organisations themselves")));
    }
    if is_ours && stands & (WEBMAIL | DISPOSABLE) != 0 {
        let other = if stands & WEBMAIL != 0 { "private-webmail" } else { "disposable" };
        let text = format!("`{pattern}` is on the list `{other}`, and so cannot be on the list `{list}`");
        let help = "write one person's address in domains/allowed.list, with owner, reason and until; or take the domain from \
                    the other list";
        let is_fault = list == "own" || !placed.is_mailbox();
        return Some((is_fault, placed.say(text).help(help)));
    }
    if list == "partner" && stands & OWN != 0 {
        let text = format!("`{pattern}` is on the list `own` too, which counts first");
        return Some((false, placed.say(text).help("take it from one of the two lists")));
    }
    None
}

/// A suffix under which a registry gives names to everybody: `fr`, `co.uk` (the ICANN part of publicsuffix.org's list,
/// which the crate `psl` carries).
fn is_public_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes()).is_some_and(|suffix| {
        suffix.as_bytes() == domain.as_bytes() && suffix.is_known() && suffix.typ() == Some(psl::Type::Icann)
    })
}

impl DomainLists {
    /// Whose a domain is, as entries of the register ask. Where nobody has said which domains are ours, any may be.
    pub(in crate::policy) fn whose(&self, domain: &Domain, instant: Timestamp) -> Whose {
        let stands = self.of_domain(domain, Some(instant));
        if stands & OWN != 0 {
            Whose::Own
        } else if stands & (WEBMAIL | DISPOSABLE) != 0 {
            Whose::Webmail
        } else if is_public_suffix(domain.as_str()) {
            Whose::PublicSuffix
        } else if self.has_no_own() {
            Whose::Own
        } else {
            Whose::Other
        }
    }

    /// What works and deserves a second look on this day: contradictions, and entries that have ended or soon will.
    pub fn warnings(&self, today: Date) -> Vec<Diagnostic> {
        let ends = self.dated.iter().filter_map(|dated| {
            let days = today.until(dated.until).ok()?.get_days();
            let Dated { pattern, list, until, .. } = dated;
            let text = match days {
                ..0 => format!("`{pattern}` has been on the list `{list}` until {until}, and counts no more"),
                0..=SOON => format!("`{pattern}` is on the list `{list}` until {until}, and not longer"),
                _ => return None,
            };
            let help = "write a later `until`, or remove the line";
            Some(Diagnostic::at(&dated.source, dated.at.clone(), text).help(help).into_warning())
        });
        self.warnings.iter().cloned().chain(ends).collect()
    }

    /// Whether a list names anybody.
    pub fn is_empty(&self, list: &str) -> bool {
        let Some(bit) = self.names.iter().position(|name| name == list) else { return true };
        let on = |hits: &Vec<super::Hit>| hits.iter().any(|hit| usize::from(hit.list) == bit);
        !self.domains.values().any(on) && !self.addresses.values().any(on)
    }

    /// Whether nobody has said yet which domains are ours: the list is empty, or the shipped example.
    pub fn has_no_own(&self) -> bool {
        let own = self.own_domains();
        own.is_empty() && self.is_empty("own") || own == EXAMPLES
    }
}

/// The domains of the shipped `own.list`.
const EXAMPLES: [&str; 2] = ["finances.gouv.example", "justice.gouv.example"];

/// Only what a warning or a fault may be about is kept: long lists of services have no order of their own.
pub(super) fn is_looked_at(name: &str, entry: &Entry) -> bool {
    let domain = match &entry.names {
        Named::Domain(domain) => is_public_suffix(domain.as_str()),
        Named::Mailbox(_) => false,
    };
    ["own", "partner"].contains(&whole_list(name)) || entry.until.is_some() || domain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (DomainLists, Vec<String>) {
        let named = files.iter().map(|(name, text)| (*name, *name, *text));
        let (lists, faults) = DomainLists::parse(named);
        (lists, faults.iter().map(ToString::to_string).collect())
    }

    const WEB: (&str, &str) = ("private-webmail", "webmail.example\n");

    #[test]
    fn a_domain_that_cannot_stand_there_is_a_fault() {
        for (list, entry) in [
            ("own", "webmail.example"),
            ("own", "*.webmail.example"),
            ("own", "a@webmail.example"),
            ("partner", "webmail.example"),
            ("partner", "sub.webmail.example"),
            ("own", "fr"),
            ("own", "*.fr"),
            ("own", "gouv.fr"),
            ("partner", "*.co.uk"),
            ("press", "be"),
            ("private-webmail", "nl"),
        ] {
            let (_, faults) = read(&[WEB, (list, entry)]);
            assert_eq!(faults.len(), 1, "{list}: {entry}: {faults:?}");
        }
        for (list, entry) in [
            ("own", "justice.gouv.fr"),
            ("own", "intranet"),
            ("own", "town.example"),
            ("partner", "a@webmail.example"),
            ("partner", "*.gouv.fr"),
            ("press", "webmail.example"),
        ] {
            let (_, faults) = read(&[WEB, (list, entry)]);
            assert!(faults.is_empty(), "{list}: {entry}: {faults:?}");
        }
    }

    #[test]
    fn ends_and_contradictions_are_warnings() {
        let today = jiff::civil::date(2026, 3, 1);
        let warned = |files: &[(&str, &str)]| {
            let (lists, faults) = read(files);
            assert!(faults.is_empty(), "{faults:?}");
            lists.warnings(today).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(warned(&[("partner", "a.example until=2026-02-28\n")])[0].contains("counts no more"));
        assert!(warned(&[("partner", "a.example until=2026-03-15\n")])[0].contains("not longer"));
        assert!(warned(&[("partner", "a.example until=2026-03-16\n")]).is_empty());
        let allowed = "a@webmail.example owner=sg reason=x until=2026-02-28\n";
        assert_eq!(warned(&[("allowed", allowed)]).len(), 1);
        assert!(warned(&[("partner", "a.example owner=sg\na.example owner=rh\n")])[0].contains("twice"));
        assert!(warned(&[("partner", "a.example owner=sg\na.example owner=sg\n")]).is_empty());
        assert!(warned(&[("own", "a.example\n"), ("partner", "a.example\n")])[0].contains("counts first"));
        assert!(warned(&[WEB, ("partner", "a@webmail.example\n")])[0].contains("allowed.list"));
    }

    #[test]
    fn the_shipped_example_is_nobodys_domain() {
        let shipped = include_str!("../../../policies/domains/own.list");
        for (text, none) in [(shipped, true), ("", true), ("# mine\nx@a.example\n", false), ("a.example\n", false)] {
            assert_eq!(read(&[("own", text)]).0.has_no_own(), none, "{text}");
        }
    }
}
