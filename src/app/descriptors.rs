// SPDX-License-Identifier: EUPL-1.2
//! Descriptors: how many this process may have open, and how many the settings need.
//!
//! The usual soft limit is 1024, which programs with select(2) need and octroi does not: it takes all it may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;
use crate::listen::http;

/// For the store, the log, workers with their pictures, listeners and the control socket.
const MARGIN: usize = 128;

/// Raises the soft limit to the hard one; what then holds, `None` without any.
pub(super) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open descriptors could not be raised");
            limit.current
        }
    }
}

/// What a gateway that is started like this process may have.
pub(super) fn allowed() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Why so many are too few for the settings.
pub(super) fn shortage(settings: &Settings, allowed: Option<u64>) -> Option<String> {
    let most = settings.smtp.max_connections;
    // A session has its client, and one towards the next hop or a document.
    let needed = most.saturating_mul(2) + settings.next_hop.pool.size + http::CONNECTIONS + MARGIN;
    let allowed = allowed.filter(|allowed| *allowed < needed as u64)?;
    Some(format!(
        "smtp.max_connections = {most} needs up to {needed} open descriptors, and the limit is {allowed}: connections beyond \
         it fail"
    ))
}

/// What to do about it.
pub(super) const HELP: &str =
    "raise the hard limit (LimitNOFILE in the unit, ulimit -Hn in a shell), or lower max_connections";
