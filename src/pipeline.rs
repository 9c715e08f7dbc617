// SPDX-License-Identifier: EUPL-1.2
//! The one path of every mail, through either listener: read, gather, inspect, judge, act, record.
//!
//! What must not live here: sockets and protocols (`listen`, `deliver`), SQL (`store`), opinions (`policy`).
//!
//! How it fails: a [`PipelineError`] is octroi's own fault and becomes a 4xx in one place. octroi answers 2xx only
//! when every copy is with the next hop or stored durably (RFC 5321 §6.1; promises 1 and 2 of the architecture).
//!
//! Standards: RFC 5321 §4.1.1.4 (one reply for all recipients), decisions D1, D2, D4, D11, D12 and D17.

mod act;
mod bulk;
mod bulk_alarms;
mod bulk_decided;
mod confirm;
mod gather;
mod inspector;
mod left_over;
mod lists;
pub mod limits;
mod reading;
mod record;
mod sender;
mod memory_budget;
pub mod tell;

use std::sync::Arc;

use arc_swap::ArcSwap;
pub use bulk::Bulk;
pub use bulk_alarms::{Alarm, Alarms};
pub use inspector::{Inspected, Inspector, Judged, Ruleset};
use jiff::Timestamp;
use limits::{Counters, Exceeded, Reservation};
pub use lists::Lists;
pub use memory_budget::MemoryBudget;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::deliver::Onward;
use crate::deliver::deadline::{Deadline, FOR_THE_STORE, Late};
use crate::directory::ClassifiedRecipient;
use crate::mail::{Client, CopyId, Mail, Reply, ReversePath, Tls, reply};
use crate::policy::KeptCopy;
use crate::policy::limits::{Addressed, Originator};
use crate::store::{Journal, Store, StoreError};
use crate::worker::WorkerError;

/// The whole path.
pub struct Pipeline {
    pub inspector: Inspector,
    pub store: Store,
    pub journal: Journal,
    pub limits: Counters,
    /// Mails seen beside others.
    pub bulk: Arc<Bulk>,
    /// Our name in failure reports and notices.
    pub hostname: String,
    /// Notices to senders.
    pub notices: ArcSwap<tell::Notifier>,
    /// Transactions past their first durable write: neither client close nor drain ends them (decision D12).
    pub under_way: TaskTracker,
    /// Ends the long pauses of what is under way.
    pub stopping: CancellationToken,
}

/// Ours: nothing a client, a mail or a next hop did.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Worker(#[from] WorkerError),
    #[error("{0}")]
    Late(#[from] Late),
    #[error("the task of this transaction ended unexpectedly")]
    Task,
    #[error("judging crashed on this mail")]
    Crashed,
    #[error("no memory for inspection became free in time ([limits] reading)")]
    Memory,
}

impl PipelineError {
    /// Whose fault, in a word, for those who ask later why a mail was put off.
    fn cause(&self) -> &'static str {
        match self {
            PipelineError::Store(_) => "store",
            PipelineError::Worker(WorkerError::Busy) => "busy",
            PipelineError::Worker(_) => "worker",
            PipelineError::Task => "task",
            PipelineError::Memory => "memory",
            PipelineError::Crashed => "crashed",
            PipelineError::Late(_) => "late",
        }
    }

    /// The one place where a fault of ours becomes a reply: never a silent pass (promise 2).
    fn reply(&self) -> Reply {
        match self {
            PipelineError::Memory => reply::NO_MEMORY.reply(),
            _ => reply::OUR_FAULT.reply(),
        }
    }
}

/// What became of one recipient's copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// The id under which it is held.
    pub held: Option<CopyId>,
    /// An earlier attempt brought it already (decision D11).
    pub repeat: bool,
    /// The next hop's own word about this copy, where it was another than that about the rest (RFC 2033 §4.2).
    pub reply: Option<Reply>,
}

/// How a transaction ended.
pub struct Outcome {
    /// The reply to the client.
    pub reply: Reply,
    /// One for each recipient of the envelope.
    pub copies: Vec<Copy>,
    /// The next hop may have the message although it did not say so (decision D3).
    pub maybe_duplicate: bool,
    /// All of it is held from an earlier attempt already (decision D11).
    pub repeat: bool,
    /// The limit that refused it.
    pub limit: Option<Arc<str>>,
    /// Why it was put off, in a word, where that is neither a limit nor the next hop.
    pub cause: Option<&'static str>,
    /// How the way to the next hop was protected.
    pub onward_tls: Option<Tls>,
}

impl Outcome {
    fn nothing(reply: Reply, mail: &Mail) -> Outcome {
        Outcome {
            reply,
            copies: vec![Copy::default(); mail.envelope.recipients.len()],
            maybe_duplicate: false,
            repeat: false,
            limit: None,
            cause: None,
            onward_tls: None,
        }
    }

    /// Ours to mend: nothing was done, and the client comes again. The fault has its one line here.
    fn fault(fault: &PipelineError, mail: &Mail) -> Outcome {
        let cause = fault.cause();
        tracing::error!(id = %mail.id, cause, %fault, "mail deferred");
        Outcome { cause: Some(cause), ..Outcome::nothing(fault.reply(), mail) }
    }

    /// Notes what the next hop said of each copy it did not take.
    fn note_left_over(&mut self, left_over: &[(usize, Reply)]) {
        for (index, reply) in left_over {
            if let Some(copy) = self.copies.get_mut(*index) {
                copy.reply = Some(reply.clone());
            }
        }
    }

    /// What was said of one copy.
    pub fn reply_of(&self, index: usize) -> &Reply {
        self.copies.get(index).and_then(|copy| copy.reply.as_ref()).unwrap_or(&self.reply)
    }
}

/// A mail that has gone the whole path, for the log line and the counters.
pub struct Processed {
    pub mail: Mail,
    pub judged: Option<Judged>,
    pub outcome: Outcome,
}

impl Pipeline {
    /// Whether this sender is a stranger because nobody has said yet whose mail this is: `domains/own.list` is empty or as
    /// shipped (decision D41).
    pub fn is_not_set_up_for(&self, from: &ReversePath, now: Timestamp) -> bool {
        let ruleset = self.inspector.ruleset.load();
        let lists = &ruleset.policy.lists;
        lists.has_no_own() && from.mailbox().is_some_and(|mailbox| !lists.is_own(mailbox, now))
    }

    /// Asks the limits at MAIL. What comes back goes on to [`Pipeline::process`], or is dropped with the transaction.
    ///
    /// # Errors
    /// A limit is used up.
    pub fn begin(&self, from: &ReversePath, client: &Client, now: Timestamp) -> Result<Reservation, Exceeded> {
        if self.limits.is_empty() {
            return Ok(Reservation::default());
        }
        let ruleset = self.inspector.ruleset.load();
        let sender = sender::identify(from, client, &ruleset.policy.units);
        let originator = Originator::new(client.address, client.login.as_deref(), &sender, &ruleset.policy);
        self.limits.begin(&originator, ruleset.policy.mode.observes(now))
    }

    /// Takes one mail the whole way. The onward road comes back for the next transaction. What `reserved` holds is
    /// counted only where the mail is taken for good, and for the first time (decision D11). The reply is there by the
    /// deadline, which began at the final dot (decision D31).
    pub async fn process<O: Onward>(
        self: &Arc<Self>,
        mail: Mail,
        reserved: Reservation,
        onward: O,
        deadline: Deadline,
    ) -> (Processed, O) {
        let (envelope, client) = (&mail.envelope, &mail.client);
        let inspected = self.inspector.inspect(envelope, client, &mail.content, mail.received, deadline).await;
        let mut inspected = match inspected {
            Ok(inspected) => inspected,
            Err(fault) => return self.give_up(fault, mail, onward, deadline).await,
        };
        // Here a mail is seen beside others: what it is a part of, its verdicts may depend on.
        let seen = self.bulk.assign(&mail, &mut inspected);
        // A flag outlives a crash (decision D22). It binds in any case: the mail need not wait for a store that is away.
        if seen.is_first {
            match deadline.at_most(FOR_THE_STORE).wait(self.bulk.save(&self.store)).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => tracing::error!(%fault, "the flag of a bulk send could not be written down yet"),
                Err(fault) => tracing::error!(%fault, "the flag of a bulk send could not be written down in time"),
            }
        }
        let mut judged = match self.inspector.judge(inspected, &seen.facts) {
            Ok(judged) => judged,
            Err(fault) => return self.give_up(fault, mail, onward, deadline).await,
        };
        judged.brake = seen.brake;
        judged.log_crashes(&mail);
        judged.forget_content();
        let (mail, judged, outcome, onward) = self.act_within(reserved, mail, judged, onward, deadline).await;
        self.record(&mail, &judged, &outcome);
        (Processed { mail, judged: Some(judged), outcome }, onward)
    }

    /// Ours to mend: the client keeps the mail and comes again.
    async fn give_up<O: Onward>(
        &self,
        fault: PipelineError,
        mail: Mail,
        mut onward: O,
        deadline: Deadline,
    ) -> (Processed, O) {
        onward.abandon(deadline).await;
        let outcome = Outcome::fault(&fault, &mail);
        self.record_put_off(&mail, &outcome);
        (Processed { mail, judged: None, outcome }, onward)
    }

    /// Acts on the verdicts, unless a limit is used up.
    async fn act_within<O: Onward>(
        self: &Arc<Self>,
        mut reserved: Reservation,
        mail: Mail,
        judged: Judged,
        onward: O,
        deadline: Deadline,
    ) -> (Mail, Judged, Outcome, O) {
        let addressed = addressed(&judged, reserved.asks_lists(), mail.received);
        let (mail, judged, mut outcome, onward) = match reserved.addressed(&addressed) {
            Ok(()) => self.act(mail, judged, onward, deadline).await,
            Err(exceeded) => refuse(exceeded, mail, judged, onward, deadline).await,
        };
        outcome.onward_tls = onward.tls().cloned();
        if outcome.reply.is_positive() && !outcome.repeat {
            reserved.keep();
        }
        (mail, judged, outcome, onward)
    }
}

/// Each recipient as limits see it: the class is that of the rules.
fn addressed(judged: &Judged, by_list: bool, instant: Timestamp) -> Vec<Addressed> {
    let recipients = judged.recipients.iter().zip(&judged.kept.copies);
    let addressed = |(recipient, copy): (&ClassifiedRecipient, &KeptCopy)| {
        Addressed::new(copy.facts.class, recipient.mailbox.as_ref(), by_list, &judged.ruleset.policy, instant)
    };
    recipients.map(addressed).collect()
}

/// Over a limit: nothing is kept and nothing is sent.
async fn refuse<O: Onward>(
    exceeded: Exceeded,
    mail: Mail,
    judged: Judged,
    mut onward: O,
    deadline: Deadline,
) -> (Mail, Judged, Outcome, O) {
    onward.abandon(deadline).await;
    let outcome = Outcome { limit: Some(exceeded.limit.clone()), ..Outcome::nothing(exceeded.at_end(), &mail) };
    (mail, judged, outcome, onward)
}
