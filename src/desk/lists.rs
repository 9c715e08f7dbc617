// SPDX-License-Identifier: EUPL-1.2
//! The register of lists at the desk: what is registered, who is on it, importing and exporting.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::list_answers::{Canaries, ExportList, ImportList, Imported, Matched, MatchedList};
use super::list_files::{Import, Written, import, write_out};
use super::{Answered, Desk, Refusal};
use crate::access::{Caller, Command, Denied, Ground, GroundCode, ListExport, ListImport, ListMatch, Object, Reveal};
use crate::diagnostic::nearest;
use crate::lists::entry::{Entry, Export, Show};
use crate::lists::rows::{Options, Report};
use crate::lists::{About, Lookup};
use crate::mail::Mailbox;
use crate::pipeline::Ruleset;
use crate::store::MemberStore;

/// What the desk has of registered lists.
pub struct Lists {
    pub store: MemberStore,
    /// What mail is judged by now.
    pub ruleset: Arc<dyn Fn() -> Arc<Ruleset> + Send + Sync>,
    /// Reads policies and members again and judges by them from then on; gives their version, or why that cannot be.
    pub put_in_force: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// One import at a time.
    turn: Mutex<()>,
}

impl Lists {
    pub fn new(
        store: MemberStore,
        ruleset: Arc<dyn Fn() -> Arc<Ruleset> + Send + Sync>,
        put_in_force: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
    ) -> Lists {
        Lists { store, ruleset, put_in_force, turn: Mutex::new(()) }
    }

    /// Whoever comes meanwhile does not wait: a file may be long, and waiting takes places of the control socket.
    fn turn(&self) -> Answered<MutexGuard<'_, ()>> {
        self.turn.try_lock().map_err(|_| Refusal::NotNow("another import or export is under way".to_owned()))
    }
}

/// Longest label and the like.
const LONGEST: usize = 200;

impl Desk {
    /// The same desk, with the register of lists.
    #[must_use]
    pub fn with_lists(self, lists: Lists) -> Desk {
        Desk { lists: Some(lists), ..self }
    }

    pub(super) fn register(&self) -> Answered<(&Lists, Arc<Ruleset>)> {
        let none = || Refusal::Unavailable("this gateway keeps no register of lists".to_owned());
        let lists = self.lists.as_ref().ok_or_else(none)?;
        Ok((lists, (lists.ruleset)()))
    }

    /// One line for each list, or for the one named.
    pub fn lists_show(&self, caller: &Caller, name: Option<&str>) -> Answered<Vec<Value>> {
        caller.reach(Command::ListsShow)?;
        let (_, ruleset) = self.register()?;
        let known = ruleset.detectors.lists();
        let entries: Vec<&Entry> = match name {
            Some(name) => vec![entry(&ruleset, name)?],
            None => ruleset.policy.register.iter().collect(),
        };
        let show = |entry: &Entry| {
            let exports: Vec<Export> = known
                .exports()
                .iter()
                .filter(|about| about.list == entry.name)
                .map(|about| Export {
                    label: about.export.clone().unwrap_or_default(),
                    date: about.date.to_string(),
                    for_whom: about.for_whom.clone(),
                    rows: about.rows,
                    canaries: about.planted.len() as u64,
                })
                .collect();
            let members = known.lists().find(|(name, _)| *name == entry.name).map_or(0, |(_, members)| members);
            // Plain data: serialising it cannot fail.
            serde_json::to_value(Show::new(entry, members, &exports, (self.clock)())).unwrap_or_default()
        };
        Ok(entries.into_iter().map(show).collect())
    }

    /// On which lists these addresses are; each question is known to the audit, by what stands for the address.
    pub async fn lists_match(&self, caller: &Caller, addresses: &[String], reason: &str) -> Answered<Vec<Matched>> {
        caller.reach(Command::ListsMatch)?;
        let ground = Ground::new(GroundCode::Other, reason).map_err(Denied::from)?;
        let (_, ruleset) = self.register()?;
        let mut mailboxes = Vec::new();
        for address in addresses {
            let mailbox = Mailbox::parse(address.trim());
            mailboxes.push(mailbox.map_err(|_| Refusal::BadRequest(format!("`{address}` is not an address")))?);
        }
        let mut matched = Vec::new();
        for (address, mailbox) in addresses.iter().zip(mailboxes) {
            let hash = self.store.address_hash(address.trim());
            let permit = caller.permit::<ListMatch>(&Object::of_the_house(&hash), Some(ground.clone()))?;
            self.store.note((self.clock)(), permit.entry()).await?;
            matched.push(Matched { address: address.clone(), lists: standings(ruleset.detectors.lists(), &mailbox) });
        }
        Ok(matched)
    }

    /// Registers the members of a list, as they stand in its owner's file.
    pub async fn lists_import(&self, caller: &Caller, ask: &ImportList, source: File) -> Answered<Imported> {
        let permit = caller.permit::<ListImport>(&Object::of_the_house(&ask.name), None)?;
        let (lists, ruleset) = self.register()?;
        entry(&ruleset, &ask.name)?;
        if let Some(label) = &ask.export {
            check_label(label)?;
        }
        let _turn = lists.turn()?;
        let (begun, now) = (Instant::now(), (self.clock)());
        let work = Import {
            store: lists.store.clone(),
            list: ask.name.clone(),
            export: ask.export.clone(),
            date: ask.date.unwrap_or_else(|| now.to_zoned(TimeZone::UTC).date()),
            options: Options { column: ask.column.clone(), keys: ask.keys.clone() },
            ruleset: ruleset.clone(),
            now,
        };
        // First: nothing is registered or written for somebody without a trace.
        self.store.note((self.clock)(), permit.entry()).await?;
        let report = blocking(move || import(work, source)).await?;
        Ok(registered(lists, Report { seconds: seconds(begun), ..report }, Vec::new()).await)
    }

    /// Writes a copy of the owner's file with canaries in it, and registers it as an export of its own.
    pub async fn lists_export(&self, caller: &Caller, ask: &ExportList, source: File, out: File) -> Answered<Imported> {
        caller.reach(Command::ListsExport)?;
        let ground = Ground::new(GroundCode::Other, &ask.for_whom).map_err(Denied::from)?;
        check_label(&ask.for_whom)?;
        let permit = caller.permit::<ListExport>(&Object::of_the_house(&ask.name), Some(ground))?;
        let (lists, ruleset) = self.register()?;
        entry(&ruleset, &ask.name)?;
        let _turn = lists.turn()?;
        let (begun, now) = (Instant::now(), (self.clock)());
        let work = Written {
            import: Import {
                store: lists.store.clone(),
                list: ask.name.clone(),
                export: None,
                date: now.to_zoned(TimeZone::UTC).date(),
                options: Options { column: ask.column.clone(), keys: Vec::new() },
                ruleset: ruleset.clone(),
                now,
            },
            for_whom: ask.for_whom.trim().to_owned(),
            canaries: ask.canaries,
        };
        // First: nothing is registered or written for somebody without a trace.
        self.store.note((self.clock)(), permit.entry()).await?;
        let (report, warnings) = blocking(move || write_out(work, source, out)).await?;
        Ok(registered(lists, Report { seconds: seconds(begun), ..report }, warnings).await)
    }

    /// How many canaries each export has; with a reason, and for the data protection officer alone, which they are.
    pub async fn lists_canaries(&self, caller: &Caller, name: &str, reason: Option<&str>) -> Answered<Vec<Canaries>> {
        let stock = match reason {
            None => {
                caller.reach(Command::ListsCanaries)?;
                None
            }
            Some(reason) => {
                caller.reach(Command::ListsReveal)?;
                let ground = Ground::new(GroundCode::Other, reason).map_err(Denied::from)?;
                let permit = caller.permit::<Reveal>(&Object::of_the_house(&name.to_owned()), Some(ground))?;
                let (lists, ruleset) = self.register()?;
                entry(&ruleset, name)?;
                let stock = lists.store.stock().map_err(|error| Refusal::Unavailable(error.to_string()))?.0;
                self.store.note((self.clock)(), permit.entry()).await?;
                Some(stock)
            }
        };
        let (_, ruleset) = self.register()?;
        entry(&ruleset, name)?;
        let known = ruleset.detectors.lists();
        let of_list = known.exports().iter().filter(|about| about.list == name);
        let canaries = of_list.map(|about| Canaries {
            list: about.list.clone(),
            export: about.export.clone(),
            date: about.date,
            for_whom: about.for_whom.clone(),
            canaries: about.planted.len() as u64,
            addresses: stock.as_ref().map(|stock| {
                let is_planted = |mailbox: &&Mailbox| {
                    let member = known.member(&mailbox.identity());
                    about.planted.iter().any(|(planted, _)| Some(*planted) == member)
                };
                stock.mailboxes.iter().filter(is_planted).map(ToString::to_string).collect()
            }),
        });
        Ok(canaries.collect())
    }
}

/// The exports that a mailbox stands on. Where it is a canary it stands on nothing: who looks by chance learns no canary.
fn standings(known: &Lookup, mailbox: &Mailbox) -> Vec<MatchedList> {
    let Some(member) = known.member(&mailbox.identity()) else { return Vec::new() };
    let is_canary = known.exports().iter().any(|about| about.planted.iter().any(|(planted, _)| *planted == member));
    let standing = |(about, position): (&About, u32)| MatchedList {
        name: about.list.clone(),
        export: about.export.clone(),
        position,
    };
    if is_canary { Vec::new() } else { known.standings(member).map(standing).collect() }
}

fn entry<'r>(ruleset: &'r Ruleset, name: &str) -> Answered<&'r Entry> {
    ruleset.policy.entry(name).ok_or_else(|| {
        let near = nearest(name, ruleset.policy.register.iter().map(|entry| entry.name.as_str()));
        let help = near.map_or_else(
            || format!("; write its entry, policies/lists/{name}.toml, and reload"),
            |near| format!("; did you mean `{near}`?"),
        );
        Refusal::BadRequest(format!("there is no list `{name}` in the register{help}"))
    })
}

fn check_label(label: &str) -> Answered<()> {
    let sound = !label.trim().is_empty() && label.chars().count() <= LONGEST && !label.chars().any(char::is_control);
    if sound { Ok(()) } else { Err(Refusal::BadRequest(format!("a label is one line of 1 to {LONGEST} characters"))) }
}

fn seconds(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Answered<T> + Send + 'static) -> Answered<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::Unavailable("reading the file crashed; nothing was registered".to_owned())))
}

/// What was registered counts from now on; where the policies cannot be read again, from the next reload.
async fn registered(lists: &Lists, report: Report, mut warnings: Vec<String>) -> Imported {
    let put_in_force = lists.put_in_force.clone();
    let put = tokio::task::spawn_blocking(move || put_in_force()).await;
    let version = match put.unwrap_or_else(|_| Err("reading the policies crashed".to_owned())) {
        Ok(version) => Some(version),
        Err(why) => {
            warnings.push(format!("the members are registered and count after the next reload: {why}"));
            None
        }
    };
    Imported { report, version, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;

    type PutInForce = fn() -> Result<String, String>;

    fn report() -> Report {
        Report {
            list: "agents".into(),
            export: None,
            rows: 1,
            members: 1,
            duplicates: 0,
            without_address: 0,
            invalid: 0,
            canaries: 0,
            bytes: 20,
            seconds: 0.0,
            digest: String::new(),
            format: "LDIF".into(),
            column: "`mail`".into(),
            other_columns: Vec::new(),
            bad_lines: Vec::new(),
        }
    }

    #[tokio::test]
    async fn members_that_do_not_count_yet_are_said() {
        let cases: [(&str, PutInForce, usize); 3] = [
            ("in force", || Ok("v2".into()), 0),
            ("refused", || Err("a rule is wrong".into()), 1),
            ("crashed", || panic!("a broken policy"), 1),
        ];
        for (name, put_in_force, warnings) in cases {
            let store = MemberStore::new("members".into(), "key".into(), "canaries".into());
            let lists = Lists::new(store, Arc::new(|| unreachable!("nobody judges here")), Arc::new(put_in_force));
            let imported = registered(&lists, report(), Vec::new()).await;
            assert_eq!((imported.version.is_none(), imported.warnings.len()), (warnings > 0, warnings), "{name}");
        }
    }
}
