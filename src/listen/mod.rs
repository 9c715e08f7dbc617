// SPDX-License-Identifier: EUPL-1.2
//! Listeners: sockets, TLS, timeouts, limits; the control socket, the health and metrics pages, the log.
//!
//! What must not live here: the grammar of a protocol (`smtp`, `milter`), decisions about a mail (`pipeline`), SQL. A
//! listener only moves bytes and events.
//!
//! How it fails: one connection at a time. An error ends its own connection and is logged; no error ends the process.
//!
//! Standards: RFC 5321 §4.5.3 (limits, timeouts), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 5280 (client
//! certificates); Prometheus text format 0.0.4 for `/metrics`.

mod certificate;
pub mod control;
pub mod capacity;
pub mod http;
mod ids;
mod labelled;
pub mod log;
pub mod metrics;
pub mod milter;
mod log_outcome;
mod refusal;
pub mod settings;
pub mod smtp;
mod trickle;
mod unix;
mod writing;

use std::sync::Arc;

use jiff::Timestamp;

use crate::mail::FinalDomains;
use crate::pipeline::Pipeline;

/// What the lists in force say of a domain, for sessions, which know no lists (decision D30).
fn final_domains(pipeline: &Arc<Pipeline>) -> FinalDomains {
    let pipeline = pipeline.clone();
    FinalDomains::new(move |mailbox| pipeline.inspector.ruleset.load().policy.lists.is_house(mailbox, Timestamp::now()))
}
