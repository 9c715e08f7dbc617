// SPDX-License-Identifier: EUPL-1.2
//! Delivery through the milter listener: the mail stays in the MTA, and octroi tells the MTA at the end what to do
//! with it.

use super::deadline::Deadline;
use super::{NextHopError, Onward};
use crate::mail::{Content, Mail, Reply, reply};

/// Remembers what goes on. A milter has no commit (decision D9): what is held is durable before the MTA is answered,
/// and an MTA that does not take the answer tries again, which the retry key absorbs (decision D11).
#[derive(Debug, Default)]
pub struct HandBack {
    pub passed: Option<Passed>,
}

/// What the MTA is to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Indices into the envelope's recipients.
    pub copies: Vec<usize>,
    /// The content to put in place of the MTA's, where it is another.
    pub content: Option<Content>,
}

impl Onward for HandBack {
    async fn choose(&mut self, _mail: &Mail, _copies: &[usize], _deadline: Deadline) -> Result<(), NextHopError> {
        Ok(())
    }

    async fn deliver(
        &mut self,
        mail: &Mail,
        copies: &[usize],
        content: &Content,
        _deadline: Deadline,
    ) -> Result<Reply, NextHopError> {
        let content = (*content != mail.content).then(|| content.clone());
        self.passed = Some(Passed { copies: copies.to_vec(), content });
        Ok(reply::ACCEPTED.reply())
    }

    async fn abandon(&mut self, _deadline: Deadline) {
        self.passed = None;
    }
}
