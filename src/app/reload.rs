// SPDX-License-Identifier: EUPL-1.2
//! SIGHUP: settings and policies are read again as a whole, and put in force as a whole (decision D41).
//!
//! How it fails: everything that can fail fails before anything has changed; what was in force stays. Files that take too
//! long to come are such a failure: mail never waits for them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;

use super::tasks::loud;
use super::wiring::{notifier, retention};
use super::{Gateway, StartError, register, tls};
use crate::access::Entry;
use crate::config::{Loaded, PolicyMode, Reloaded};
use crate::deliver::deadline::Deadline;
use crate::desk::Persons;
use crate::diagnostic::Diagnostics;
use crate::listen::control;
use crate::pipeline::Ruleset;
use crate::store::StoreError;

/// For reading all files again: a file system that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that a reload replaces, ready.
struct Fresh {
    reloaded: Reloaded,
    ruleset: Ruleset,
    tls: Option<Arc<ServerConfig>>,
    persons: Persons,
}

impl Gateway {
    /// Puts these settings, and the policies and certificates they name, in force: what can change while the gateway
    /// runs does, what cannot is named in the log. Where anything is not in order, or not read in time, that is logged and
    /// nothing changes.
    pub async fn reload(&self, read: impl FnOnce() -> Result<Loaded, Diagnostics> + Send + 'static) {
        let deadline = Deadline::after(PATIENCE);
        let in_force = self.loaded.load_full();
        // Files and nothing else, on a thread that nobody else needs: one that hangs is left to itself.
        let reading = tokio::task::spawn_blocking(move || {
            read().map_err(|faults| vec![faults.to_string()]).and_then(|read| prepare(read, &in_force))
        });
        let fresh = match deadline.wait(reading).await {
            Ok(Ok(fresh)) => fresh,
            Ok(Err(_)) => Err(vec!["reading the settings and policies crashed".to_owned()]),
            Err(_) => {
                let text = "reading the settings, policies and certificates took longer than";
                Err(vec![format!("{text} {} s: is their file system there?", PATIENCE.as_secs())])
            }
        };
        match fresh {
            Ok(fresh) => {
                self.replace(fresh);
                match deadline.wait(self.note_mode()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::error!(%error, "the audit could not note the mode"),
                    Err(error) => tracing::error!(%error, "the audit could not note the mode in time"),
                }
            }
            Err(faults) => {
                self.metrics.reloads_refused.add(1);
                for fault in faults {
                    tracing::error!(%fault, "reload refused; the old settings, policies and certificates stay in force");
                }
            }
        }
    }

    /// Cannot fail.
    fn replace(&self, fresh: Fresh) {
        let Fresh { reloaded: Reloaded { loaded, changed, waiting }, ruleset, tls, persons } = fresh;
        let settings = &loaded.settings;
        self.pipeline.inspector.ruleset.store(Arc::new(ruleset));
        self.pipeline.inspector.resize(settings.limits.reading);
        self.pipeline.notices.store(Arc::new(notifier(settings)));
        self.pipeline.store.keep_by(Some(settings.store.quota), settings.store.keep_free, retention(settings));
        self.memory.resize(settings.limits.memory);
        self.smtp.store(self.smtp.load().with(settings.smtp.clone(), tls));
        self.milter.store(self.milter.load().with(&settings.smtp));
        self.desk.admit(persons);
        self.log.set_level(&settings.log.level);
        self.loaded.store(Arc::new(loaded));
        self.metrics.reloads.add(1);
        self.put_in_force();
        if !waiting.is_empty() {
            let waiting = waiting.join(", ");
            tracing::warn!(settings = waiting, "changed settings that take effect at the next start");
        }
        let policy = &self.pipeline.inspector.ruleset.load().policy.version;
        tracing::info!(%policy, changed = changed.join(", "), "reloaded");
    }

    /// The audit tells that one person alone decides, at each start and reload (decision D43).
    pub(super) async fn note_mode(&self) -> Result<(), StoreError> {
        if self.desk.persons().four_eyes {
            return Ok(());
        }
        self.pipeline.store.note(Timestamp::now(), &Entry::mode("four_eyes=false")).await
    }

    /// Puts the policy's limits in force, and says which policy it is and what people should know of it.
    pub(super) fn put_in_force(&self) {
        let (ruleset, loaded) = (self.pipeline.inspector.ruleset.load(), self.loaded.load());
        self.pipeline.limits.adopt(&ruleset.policy.limits);
        self.pipeline.bulk.observe(loaded.settings.campaigns == PolicyMode::Observe);
        self.metrics.set_policy_version(&ruleset.policy.version.to_string());
        self.metrics.observing.set(i64::from(ruleset.policy.mode.observes(Timestamp::now())));
        if ruleset.policy.lists.has_no_own() {
            tracing::warn!("domains/own.list is empty or the shipped example: all other mail is answered 451");
        }
        let language = &loaded.settings.notices.language;
        if !ruleset.notices.languages().any(|known| known == language) {
            tracing::warn!(language, "policies/notices has no texts in [notices] language; another language is used");
        }
        if !loaded.settings.four_eyes {
            tracing::warn!("[desk] four_eyes is false: one person alone decides what a rule with @eyes(\"two\") held");
        }
        loud(ruleset.policy.mode, Timestamp::now());
    }
}

/// Reads all that the settings name.
fn prepare(read: Loaded, in_force: &Loaded) -> Result<Fresh, Vec<String>> {
    read.verify().map_err(|faults| vec![faults.to_string()])?;
    let reloaded = read.replacing(in_force).map_err(|faults| vec![faults.to_string()])?;
    let settings = &reloaded.loaded.settings;
    let path = &settings.policies.path;
    let ruleset = register::ruleset_of(settings, path);
    let tls = tls::inward(&settings.smtp);
    let directory = settings.cli.accounts.resolve(&control::system_users()).map_err(StartError::Accounts);
    match (ruleset, tls, directory) {
        (Ok(ruleset), Ok(tls), Ok(directory)) => {
            let persons = Persons { directory, four_eyes: settings.four_eyes };
            Ok(Fresh { reloaded, ruleset, tls, persons })
        }
        (ruleset, tls, directory) => {
            let faults = [
                ruleset.err().map(|fault| fault.to_string()),
                tls.err().map(|fault| fault.to_string()),
                directory.err().map(|fault| fault.to_string()),
            ];
            Err(faults.into_iter().flatten().collect())
        }
    }
}

#[cfg(test)]
mod tests;
