// SPDX-License-Identifier: EUPL-1.2
//! Refuses a command now, or the message at its end, and keeps what was refused for the driver's log.

use std::mem;

use super::Session;
use super::receiving::Receiving;
use crate::mail::reply::Row;
use crate::mail::{ForwardPath, Refused, Reply, ReversePath};
use crate::milter::response;

impl Session {
    /// What was refused since the driver asked last, in order. Mail that went to the driver is not among it: the driver
    /// has refused that itself.
    pub fn refused(&mut self) -> Vec<Refused> {
        mem::take(&mut self.refused)
    }

    pub(super) fn refuse_recipient(&mut self, receiving: &Receiving, row: Row, recipients: Vec<ForwardPath>) {
        self.refuse("RCPT", Some(receiving.envelope().reverse_path.clone()), recipients, row.reply());
    }

    /// Refuses a command, and keeps that for the driver's log.
    pub(super) fn refuse(
        &mut self,
        command: &'static str,
        sender: Option<ReversePath>,
        recipients: Vec<ForwardPath>,
        reply: Reply,
    ) {
        response::refuse(&mut self.output, &reply);
        self.refused.push(Refused { command, sender, recipients, reply });
    }
}
