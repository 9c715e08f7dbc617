// SPDX-License-Identifier: EUPL-1.2
//! `octroi check`: what would keep a gateway from starting, without starting one.

use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;

use super::members::{Registered, member_store};
use super::policies::{self, ruleset_with};
use super::remarks::remarks;
use super::{StartError, descriptors, static_hosts, tls};
use crate::access::{self, Account, Role};
use crate::config::Settings;
use crate::diagnostic::{Diagnostic, Location};
use crate::listen::settings::ClientKind;
use crate::lists::entry::check_members;
use crate::mail::Mailbox;
use crate::pipeline::Ruleset;
use crate::policy::verdict::Disposition;
use crate::store::MembersError;
use crate::{policy, store, worker};

/// What would keep a gateway from starting, all of it, and what works but deserves a second look. Starts nothing and
/// leaves the store alone: the gateway it belongs to may be running.
pub fn rehearse(settings: &Settings) -> (Vec<StartError>, Vec<Diagnostic>) {
    let mut unread = Vec::new();
    let registered = Registered::read(settings).unwrap_or_else(|fault| {
        unread.push(fault);
        Registered::default()
    });
    let summaries = registered.summaries();
    let (mut faults, mut remarks, ruleset) = rehearsed(&settings.policies.path, registered);
    for fault in unread {
        // Members are for the service alone; who checks as somebody else is told what is left out.
        match &fault {
            MembersError::File(_, error) if error.kind() == ErrorKind::PermissionDenied => {
                remarks.push(remark(
                    format!("lists.path: {fault}"),
                    "check as the user of the service to have lists' members checked",
                ));
            }
            _ => faults.push(fault.into()),
        }
    }
    if let Some(ruleset) = &ruleset {
        remarks.extend(check_members(&ruleset.policy.register, &summaries));
    }
    remarks.extend(
        member_store(settings)
            .stock()
            .map(|(_, found)| found)
            .unwrap_or_default()
            .into_iter()
            .map(Diagnostic::into_warning),
    );
    if let Some(ruleset) = ruleset {
        let own = |to: &&Mailbox| ruleset.policy.lists.is_own(to, Timestamp::now());
        let elsewhere = settings.notices.digest_to.iter().filter(|to| !own(to));
        remarks.extend(elsewhere.map(|to| {
            let text =
                format!("notices.digest_to: {to} is not in your own domains (domains/own.list) and gets no digest");
            remark(text, "name a mailbox of your own, or add its domain to domains/own.list")
        }));
        remarks.extend(too_few_persons(settings, &ruleset));
        remarks.extend(put_off_for_nobody(settings, &ruleset));
        remarks.extend(unknown_units(settings, &ruleset));
        let language = &settings.notices.language;
        let known: Vec<&str> = ruleset.notices.languages().collect();
        // A folder without notices is another matter.
        if !known.is_empty() && !known.contains(&language.as_str()) {
            let known = known.join(", ");
            let text = format!("notices.language: policies/notices has no texts in \"{language}\"; another is used");
            remarks.push(remark(text, format!("write one of: {known}")));
        }
    }
    let shortage = descriptors::shortage(settings, descriptors::allowed());
    remarks.extend(shortage.map(|shortage| remark(shortage, descriptors::HELP)));
    match std::env::current_exe() {
        Ok(executable) => {
            let weaker = "documents are opened in a weaker sandbox: of the process that opens them";
            let help = "allow it in the kernel, the container or the unit; docs/threat-model.md says what the sandbox keeps out";
            let faults = worker::faults(&executable).into_iter();
            remarks.extend(faults.map(|fault| remark(format!("{weaker}, {fault}"), help)));
        }
        Err(error) => faults.push(StartError::Executable(error)),
    }
    faults.extend(tls::inward(&settings.smtp).err().map(Into::into));
    faults.extend(tls::outward(&settings.next_hop.tls).err().map(Into::into));
    if let Some(path) = &settings.dns.fixed {
        faults.extend(static_hosts(path).err());
    }
    if settings.store.key.exists() {
        faults.extend(store::KeyFile::load(&settings.store.key).err().map(Into::into));
    }
    (faults, remarks)
}

/// A second look at a setting.
fn remark(text: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::new(&Location::Default, None, text, help).into_warning()
}

/// Units that accounts are there for and nobody knows.
fn unknown_units(settings: &Settings, ruleset: &Ruleset) -> Vec<Diagnostic> {
    let known: Vec<&str> = ruleset.policy.units.known().collect();
    let mut remarks = Vec::new();
    for account in settings.cli.accounts.iter() {
        for unit in account.scope.units().unwrap_or_default() {
            if !known.is_empty() && !known.contains(&unit.as_str()) {
                let text =
                    format!("cli.accounts: {} is there for the unit \"{unit}\", which does not exist", account.name);
                let help = "write a unit of units/units.toml or units/people.csv";
                remarks.push(remark(text, help).nearest(unit, known.iter().copied()));
            }
        }
    }
    remarks
}

/// Rules that ask for two persons where fewer than two could act (decision D43).
fn too_few_persons(settings: &Settings, ruleset: &Ruleset) -> Option<Diagnostic> {
    let asking: Vec<&str> =
        ruleset.policy.rules.iter().filter(|rule| rule.needs_two).map(|rule| rule.id.as_str()).collect();
    let accounts = || settings.cli.accounts.iter().filter(|account| account.scope == access::Scope::All);
    let with = |roles: &[Role]| {
        let has = |account: &&Account| account.roles.iter().any(|role| roles.contains(role));
        accounts().filter(has).map(|account| account.name.as_str()).collect::<std::collections::BTreeSet<_>>()
    };
    let (deciders, approvers) = (with(&[Role::Reviewer, Role::Approver]), with(&[Role::Approver]));
    let enough = deciders.len() > 1 && !approvers.is_empty();
    (settings.four_eyes && !asking.is_empty() && !enough).then(|| {
        let text = format!(
            "cli.accounts: {} asks for two persons (@eyes), and fewer than two accounts that are there for all units could \
             act: mail of a unit that no other two cover can be decided by nobody",
            asking.join(", ")
        );
        remark(text, "add an approver and a second reviewer or approver, or write four_eyes = false in [desk]")
    })
}

/// Rules that put mail off where nothing stands before us that would send it again (decision D22).
fn put_off_for_nobody(settings: &Settings, ruleset: &Ruleset) -> Option<Diagnostic> {
    let rules = ruleset.policy.rules.iter().filter(|rule| rule.disposition == Disposition::Defer);
    let mut what: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
    if !ruleset.policy.limits.is_empty() {
        what.push("limits.toml");
    }
    (settings.smtp.client_kind == ClientKind::Submission && !what.is_empty()).then(|| {
        let text = format!(
            "smtp.client: \"submission\", so that nobody sends again what is put off by a 451: {} put mail off",
            what.join(", ")
        );
        remark(text, "hold or reject instead; or write client = \"queue\", where a mail server with a queue sends")
    })
}

/// The same for a policy folder alone.
pub fn rehearse_policies(folder: &Path) -> (Vec<StartError>, Vec<Diagnostic>) {
    let (faults, remarks, _) = rehearsed(folder, Registered::default());
    (faults, remarks)
}

fn rehearsed(folder: &Path, registered: Registered) -> (Vec<StartError>, Vec<Diagnostic>, Option<Ruleset>) {
    let read = policies::read(folder).and_then(|files| {
        ruleset_with(&files, registered, folder, policy::Mode::Enforce).map(|ruleset| (files, ruleset))
    });
    match read {
        Ok((files, ruleset)) => (Vec::new(), remarks(&files, &ruleset, Timestamp::now()), Some(ruleset)),
        Err(error) => (vec![error.into()], Vec::new(), None),
    }
}
