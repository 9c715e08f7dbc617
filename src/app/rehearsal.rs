// SPDX-License-Identifier: EUPL-1.2
//! `octroi check`: what would keep a gateway from starting, without starting one.

use std::path::Path;

use jiff::Timestamp;

use super::policies::{self, ruleset};
use super::{StartError, static_hosts, tls};
use crate::access::{self, Account, Role};
use crate::config::Settings;
use crate::mail::Mailbox;
use crate::pipeline::Ruleset;
use crate::{policy, store, worker};

/// What would keep a gateway from starting, all of it, and what works but deserves a second look. Starts nothing and
/// leaves the store alone: the gateway it belongs to may be running.
pub fn rehearse(settings: &Settings) -> (Vec<StartError>, Vec<String>) {
    let (mut faults, mut remarks, ruleset) = rehearsed(&settings.policies.path);
    if let Some(ruleset) = ruleset {
        let own = |to: &&Mailbox| ruleset.policy.lists.is_own(to, Timestamp::now());
        let elsewhere = settings.notices.digest_to.iter().filter(|to| !own(to));
        remarks.extend(elsewhere.map(|to| {
            format!("notices.digest_to: {to} is not in your own domains (domains/own.list) and gets no digest")
        }));
        remarks.extend(too_few_persons(settings, &ruleset));
    }
    match std::env::current_exe() {
        Ok(executable) => {
            let weaker = "documents are opened in a weaker sandbox: of the process that opens them";
            remarks.extend(worker::faults(&executable).into_iter().map(|fault| format!("{weaker}, {fault}")));
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

/// Rules that ask for two persons where fewer than two could act (decision D43).
fn too_few_persons(settings: &Settings, ruleset: &Ruleset) -> Option<String> {
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
        format!(
            "cli.accounts: {} asks for two persons (@eyes), and fewer than two accounts that are there for all units could \
             act: mail of a unit that no other two cover can be decided by nobody",
            asking.join(", ")
        )
    })
}

/// The same for a policy folder alone.
pub fn rehearse_policies(folder: &Path) -> (Vec<StartError>, Vec<String>) {
    let (faults, remarks, _) = rehearsed(folder);
    (faults, remarks)
}

fn rehearsed(folder: &Path) -> (Vec<StartError>, Vec<String>, Option<Ruleset>) {
    let read = policies::read(folder)
        .and_then(|files| ruleset(&files, folder, policy::Mode::Enforce).map(|ruleset| (files, ruleset)));
    match read {
        Ok((files, ruleset)) => (Vec::new(), policies::remarks(&files, &ruleset), Some(ruleset)),
        Err(error) => (vec![error.into()], Vec::new(), None),
    }
}
