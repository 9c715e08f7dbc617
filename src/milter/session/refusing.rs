// SPDX-License-Identifier: EUPL-1.2
//! Refuses a command now, or the message at its end, and keeps what was refused for the driver's log.

use std::mem;

use super::Session;
use super::receiving::Receiving;
use crate::mail::reply::Row;
use crate::mail::{ForwardPath, Parties, Refused, Reply};
use crate::milter::response;

impl Session {
    /// What was refused since the driver asked last, in order. Mail that went to the driver is not among it: the driver
    /// has refused that itself.
    pub fn refused(&mut self) -> Vec<Refused> {
        mem::take(&mut self.refused)
    }

    pub(super) fn refuse_recipient(&mut self, receiving: &Receiving, row: Row, recipients: Vec<ForwardPath>) {
        let sender = receiving.envelope().reverse_path.clone();
        self.refuse("RCPT", Parties::new(Some(sender), recipients), row.reply());
    }

    /// Refuses a command, and keeps that for the driver's log.
    pub(super) fn refuse(&mut self, command: &'static str, about: Parties, reply: Reply) {
        response::refuse(&mut self.output, &reply);
        let Parties { sender, recipients, unread } = about;
        let queue_id = self.macros.get("i").map(str::to_owned);
        self.refused.push(Refused { command, sender, recipients, reply, queue_id, unread });
    }
}
