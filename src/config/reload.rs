// SPDX-License-Identifier: EUPL-1.2
//! What of changed settings a gateway takes while it runs, and what waits for its next start (decision D41).

use super::{Loaded, Settings, between};
use crate::diagnostic::Diagnostics;

/// When a changed setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// With the reload.
    AtOnce,
    /// With the next start: a socket, a file or a process stands on it.
    AtStart,
}

/// One key of the settings: when its change takes effect, and where its value is.
pub struct Row {
    pub path: &'static str,
    pub effect: Effect,
    differs: fn(&Settings, &Settings) -> bool,
    /// Gives the first what the second has.
    keep: fn(&mut Settings, &Settings),
}

macro_rules! rows {
    ($($effect:ident $path:literal $($field:ident).+,)*) => {
        &[$(Row {
            path: $path,
            effect: Effect::$effect,
            differs: |a, b| a.$($field).+ != b.$($field).+,
            keep: |new, old| new.$($field).+.clone_from(&old.$($field).+),
        }),*]
    };
}

/// Every key that can have more than one value: `shared.url` has one.
pub const ROWS: &[Row] = rows![
    AtStart "smtp.listen" smtp.listen,
    AtStart "smtp.upstream" next_hop.hop,
    AtOnce "smtp.clients" smtp.clients,
    AtOnce "smtp.client_certs" smtp.client_certs,
    AtOnce "smtp.client" smtp.client_kind,
    AtStart "smtp.hostname" smtp.hostname,
    AtOnce "smtp.relay_for" smtp.relay_for,
    AtOnce "smtp.max_size" smtp.max_size,
    AtOnce "smtp.max_recipients" smtp.max_recipients,
    AtOnce "smtp.max_connections" smtp.max_connections,
    AtOnce "smtp.max_connections_per_client" smtp.max_connections_per_client,
    AtOnce "smtp.bare_newline" smtp.bare_newline,
    AtOnce "smtp.auth" smtp.auth,
    AtOnce "smtp.login_domain" smtp.login_domain,
    AtOnce "smtp.trusted_peers.xclient" smtp.trusted_peers.xclient,
    AtOnce "smtp.trusted_peers.xforward" smtp.trusted_peers.xforward,
    AtOnce "smtp.trusted_peers.proxy" smtp.trusted_peers.proxy,
    AtOnce "smtp.trusted_peers.received" smtp.trusted_peers.received,
    AtOnce "smtp.tls.mode" smtp.tls.mode,
    AtStart "smtp.tls.listen" smtp.tls.listen,
    AtOnce "smtp.tls.certificate" smtp.tls.certificate,
    AtOnce "smtp.tls.key" smtp.tls.key,
    AtStart "smtp.upstream_tls.mode" next_hop.tls.mode,
    AtStart "smtp.upstream_tls.name" next_hop.tls.name,
    AtStart "smtp.upstream_tls.ca" next_hop.tls.ca,
    AtStart "smtp.pool.size" next_hop.pool.size,
    AtStart "smtp.pool.idle" next_hop.pool.idle,
    AtOnce "smtp.timeouts.command" smtp.timeouts.command,
    AtOnce "smtp.timeouts.data" smtp.timeouts.data,
    AtStart "release.via" release,
    AtStart "milter.listen" milter.listen,
    AtStart "store.url" store.database,
    AtStart "store.blobs" store.blobs,
    AtStart "store.key" store.key,
    AtStart "store.node" store.node,
    AtOnce "store.quota" store.quota,
    AtOnce "store.keep_free" store.keep_free,
    AtStart "lists.path" lists.path,
    AtStart "lists.key" lists.key,
    AtStart "lists.canaries" lists.canaries,
    AtOnce "campaigns.mode" campaigns,
    AtOnce "retention.quarantine" retention.quarantine,
    AtOnce "retention.warning" retention.warning,
    AtOnce "retention.journal" retention.journal,
    AtOnce "retention.audit" retention.audit,
    AtOnce "retention.outbox" retention.outbox,
    AtStart "web.listen" web,
    AtStart "metrics.listen" metrics,
    AtStart "metrics.clients" metrics_clients,
    AtOnce "policies.path" policies.path,
    AtOnce "policies.mode" policies.mode,
    AtOnce "policies.until" policies.until,
    AtOnce "house.name" house.name,
    AtOnce "house.contact" house.contact,
    AtOnce "house.time_zone" house.time_zone,
    AtOnce "desk.four_eyes" four_eyes,
    AtOnce "notices.from" notices.from,
    AtOnce "notices.language" notices.language,
    AtOnce "notices.charter" notices.charter,
    AtOnce "notices.noted_every" notices.noted_every,
    AtOnce "notices.digest_to" notices.digest_to,
    AtOnce "notices.digest_at" notices.digest_at,
    AtStart "dns.server" dns.server,
    AtStart "dns.static" dns.fixed,
    AtStart "log.format" log.format,
    AtOnce "log.level" log.level,
    AtStart "log.target" log.target,
    AtOnce "limits.memory" limits.memory,
    AtOnce "limits.reading" limits.reading,
    AtStart "limits.inspection" limits.inspection,
    AtStart "limits.next_hop" next_hop.reply,
    AtStart "limits.connect" next_hop.connect,
    AtStart "limits.workers" limits.workers,
    AtStart "limits.worker_memory" limits.worker_memory,
    AtStart "limits.ocr" limits.ocr,
    AtStart "cli.socket" cli.socket,
    AtOnce "cli.accounts" cli.accounts,
];

/// What a reload puts in force.
pub struct Reloaded {
    /// The settings in force from now on: those of the file, but for what waits for the next start.
    pub loaded: Loaded,
    /// The keys that have changed.
    pub changed: Vec<&'static str>,
    /// The keys that the file changes and that wait for the next start.
    pub waiting: Vec<&'static str>,
}

impl Loaded {
    /// These settings where a gateway runs by `old`.
    ///
    /// # Errors
    /// What changes at once is no sound whole with what waits for the next start.
    pub fn replacing(mut self, old: &Loaded) -> Result<Reloaded, Diagnostics> {
        let (mut changed, mut waiting) = (Vec::new(), Vec::new());
        for row in ROWS {
            if !(row.differs)(&self.settings, &old.settings) {
                continue;
            }
            match row.effect {
                Effect::AtOnce => changed.push(row.path),
                Effect::AtStart => {
                    (row.keep)(&mut self.settings, &old.settings);
                    // What only follows from another key is not one that somebody has changed.
                    if [&self, old].iter().any(|loaded| loaded.locations.is_set(row.path)) {
                        waiting.push(row.path);
                    }
                    self.locations.set_as_in(&old.locations, row.path);
                }
            }
        }
        self.settings.smtp.hostname_is_chosen = old.settings.smtp.hostname_is_chosen;
        let (faults, warnings) = between::check(&self.settings, &self.locations);
        if faults.is_empty() {
            self.warnings = warnings;
            Ok(Reloaded { loaded: self, changed, waiting })
        } else {
            let text = |mut fault: crate::diagnostic::Diagnostic| {
                fault.message =
                    format!("{} (with what needs a restart as it is now: {})", fault.message, waiting.join(", "));
                fault
            };
            Err(Diagnostics(faults.into_iter().map(text).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{keys, parse};
    use std::path::Path;

    #[test]
    fn every_key_has_its_row() {
        let rows: Vec<&str> = ROWS.iter().map(|row| row.path).collect();
        let keys: Vec<&str> = keys::all().iter().map(|key| key.path).filter(|path| *path != "shared.url").collect();
        assert_eq!(rows, keys);
    }

    fn loaded(text: &str) -> Loaded {
        parse(text, Path::new("octroi.toml"), std::iter::empty())
            .unwrap_or_else(|faults| panic!("{}", faults.draw(false)))
    }

    #[test]
    fn what_waits_stays_as_it_is_and_what_follows_from_it_is_not_named() {
        let old = loaded("");
        let new = loaded("[store]\nurl = \"sqlite:elsewhere/o.db\"\nquota = \"1 GiB\"\n").replacing(&old).ok().unwrap();
        assert_eq!(new.waiting, ["store.url"], "blobs, key and socket only stand beside it");
        assert_eq!(new.changed, ["store.quota"]);
        assert_eq!(new.loaded.settings.cli.socket, old.settings.cli.socket);
        assert_eq!(new.loaded.settings.store.database, old.settings.store.database);
    }

    #[test]
    fn a_whole_that_is_sound_only_after_a_restart_is_refused() {
        let hop = "[smtp]\nupstream = \"192.0.2.1:25\"\n";
        let (off, on) = ("[smtp.upstream_tls]\nmode = \"off\"\n", "[smtp.upstream_tls]\nmode = \"required\"\n");
        let tls = "[smtp.tls]\nmode = \"required\"\ncertificate = \"c\"\nkey = \"k\"\n";
        let old = loaded(&format!("{hop}{tls}{off}"));
        let new = loaded(&format!("{hop}auth = \"pass\"\n{tls}{on}"));
        // Passwords would go to the next hop over the connection as it is now: without encryption.
        let Err(faults) = new.replacing(&old) else { panic!("passwords in clear") };
        let text = faults.to_string();
        assert!(text.contains("smtp.auth") && text.contains("smtp.upstream_tls.mode"), "{text}");
    }
}
