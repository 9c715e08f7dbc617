// SPDX-License-Identifier: EUPL-1.2
//! The one path of every mail, through either listener: read, gather, inspect, judge, act, record.
//!
//! What must not live here: sockets and protocols (`listen`, `deliver`), SQL (`store`), or any opinion (`policy`).
//!
//! How it fails: a [`PipelineError`] is ours and becomes a 4xx in one place; a 2xx is answered only when every copy is
//! onward or durable (RFC 5321 §6.1; promises 1 and 2 of the architecture).
//!
//! Standards: RFC 5321 §4.1.1.4 (one reply for all recipients), decisions D1, D2, D4, D11, D12 and D17.

mod act;
mod confirm;
mod gather;
mod left_over;
pub mod limits;
mod record;
mod memory_budget;
pub mod tell;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use limits::{Counters, Exceeded, Reservation};
pub use memory_budget::MemoryBudget;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::task::TaskTracker;

use crate::deliver::Onward;
use crate::deliver::mx::MxResolver;
use crate::detect::evidence::{Evidence, Opened, Sender};
use crate::detect::recipient::ClassifiedRecipient;
use crate::detect::{Detectors, Finding, text};
use crate::mail::{Client, Envelope, Mail, Reply, ReversePath, Tls, reply};
use crate::mime::{self, Message, Stop};
use crate::notice::Notices;
use crate::policy::limits::{Addressed, Originator};
use crate::policy::verdict::{Disposition, Verdicts};
use crate::policy::{Policy, Question, class_judged};
use crate::store::{Journal, Store, StoreError};
use crate::worker::{WorkerError, Workers};

/// Policies as loaded, with the texts to people, and the detectors built from their words and lists. Replaced as a whole
/// at a reload.
pub struct Ruleset {
    pub policy: Policy,
    pub notices: Notices,
    pub detectors: Detectors,
}

/// What opens and looks: enough to judge a mail, nothing to act with (`scan`, `test`).
pub struct Inspector {
    pub ruleset: ArcSwap<Ruleset>,
    pub mx: MxResolver,
    pub workers: Arc<Workers>,
    pub budget: mime::ParseBudget,
    /// From the final dot to the verdict (decision D4).
    pub timeout: Duration,
    /// Memory for reading, shared by all messages.
    pub memory: MemoryBudget,
}

/// The whole path.
pub struct Pipeline {
    pub inspector: Inspector,
    pub store: Store,
    pub journal: Journal,
    pub limits: Counters,
    /// Our name in failure reports and notices.
    pub hostname: String,
    /// How senders are told.
    pub notices: tell::Notifier,
    /// Transactions past their first durable write: neither client close nor drain ends them (decision D12).
    pub under_way: TaskTracker,
}

/// Ours: nothing a client, a mail or a next hop did.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Worker(#[from] WorkerError),
    #[error("the task of a transaction died")]
    Task,
    #[error("no memory for reading became free in time")]
    Memory,
}

impl PipelineError {
    /// The one place where a fault of ours becomes a reply: never a silent pass (promise 2).
    fn into_reply(self) -> Reply {
        tracing::error!(fault = %self, "mail deferred");
        match self {
            PipelineError::Memory => reply::NO_MEMORY.reply(),
            _ => reply::OUR_FAULT.reply(),
        }
    }
}

/// Everything known about one mail once it is judged.
pub struct Judged {
    pub message: Message,
    pub sender: Sender,
    pub recipients: Vec<ClassifiedRecipient>,
    pub opened: Vec<Opened>,
    pub findings: Vec<Finding>,
    pub verdicts: Verdicts,
    pub policy: String,
    /// The memory that all this takes.
    _reserved: memory_budget::Reserved,
}

/// What became of one recipient's copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// The id under which it is held.
    pub held: Option<String>,
    /// An earlier attempt brought it already (decision D11).
    pub repeat: bool,
    /// The next hop's own word about this copy, where it was another than that about the rest (RFC 2033 §4.2).
    pub reply: Option<Reply>,
}

/// How a transaction ended.
pub struct Outcome {
    /// What the client hears.
    pub reply: Reply,
    /// One for each recipient of the envelope.
    pub copies: Vec<Copy>,
    /// The next hop may have the message although it did not say so (decision D3).
    pub maybe_duplicate: bool,
    /// All of it is held from an earlier attempt already (decision D11).
    pub repeat: bool,
    /// The limit that refused it.
    pub limit: Option<Arc<str>>,
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
            onward_tls: None,
        }
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
    /// Asks the limits at MAIL. What comes back goes on to [`Pipeline::process`], or is dropped with the transaction.
    ///
    /// # Errors
    /// A limit is used up.
    pub fn begin(&self, from: &ReversePath, client: &Client, now: Timestamp) -> Result<Reservation, Exceeded> {
        if self.limits.is_empty() {
            return Ok(Reservation::default());
        }
        let ruleset = self.inspector.ruleset.load();
        let sender = gather::sender(from, client, &ruleset.policy.units);
        let originator = Originator::new(client.address, client.login.as_deref(), &sender, &ruleset.policy);
        self.limits.begin(&originator, ruleset.policy.mode.observes(now))
    }

    /// Takes one mail the whole way. The onward road comes back for the next transaction. What `reserved` holds is
    /// counted only where the mail is taken for good, and for the first time (decision D11).
    pub async fn process<O: Onward>(
        self: &Arc<Self>,
        mail: Mail,
        mut reserved: Reservation,
        onward: O,
    ) -> (Processed, O) {
        let judged = self.inspector.examine(&mail.envelope, &mail.client, &mail.content, mail.received).await;
        match judged {
            Ok(judged) => {
                let addressed = self.addressed(&judged, reserved.asks_lists(), mail.received);
                let (mail, judged, mut outcome, onward) = match reserved.addressed(&addressed) {
                    Ok(()) => self.act(mail, judged, onward).await,
                    Err(exceeded) => refuse(exceeded, mail, judged, onward).await,
                };
                outcome.onward_tls = onward.tls().cloned();
                if outcome.reply.is_positive() && !outcome.repeat {
                    reserved.keep();
                }
                self.record(&mail, &judged, &outcome);
                (Processed { mail, judged: Some(judged), outcome }, onward)
            }
            Err(fault) => {
                let mut onward = onward;
                onward.abandon().await;
                let outcome = Outcome::nothing(fault.into_reply(), &mail);
                (Processed { mail, judged: None, outcome }, onward)
            }
        }
    }
}

impl Pipeline {
    /// Each recipient as limits see it: the class is that of the rules.
    fn addressed(&self, judged: &Judged, by_list: bool, instant: Timestamp) -> Vec<Addressed> {
        let ruleset = self.inspector.ruleset.load();
        let addressed = |recipient: &ClassifiedRecipient| {
            let class = class_judged(recipient, &judged.findings);
            Addressed::new(class, recipient.mailbox.as_ref(), by_list, &ruleset.policy, instant)
        };
        judged.recipients.iter().map(addressed).collect()
    }
}

/// Over a limit: nothing is kept and nothing is sent.
async fn refuse<O: Onward>(
    exceeded: Exceeded,
    mail: Mail,
    judged: Judged,
    mut onward: O,
) -> (Mail, Judged, Outcome, O) {
    onward.abandon().await;
    let outcome = Outcome { limit: Some(exceeded.limit.clone()), ..Outcome::nothing(exceeded.at_end(), &mail) };
    (mail, judged, outcome, onward)
}

impl Inspector {
    /// Reads, gathers, inspects and judges. Pure but for the look-ups of MX hosts and the opening of documents.
    pub async fn examine(
        &self,
        envelope: &Envelope,
        client: &Client,
        content: &[u8],
        instant: Timestamp,
    ) -> Result<Judged, PipelineError> {
        let ruleset = self.ruleset.load_full();
        let began = Instant::now();
        // Some of the time; what is left must do for reading.
        let mut reserved = self.memory.take(content.len(), self.timeout / 3).await?;
        let is_late = || began.elapsed() >= self.timeout;
        // Never fails: a defect is evidence.
        let mut message = aside(content.len(), || mime::parse_until(content, &self.budget, &Stop::when(&is_late)));
        let sender = gather::sender(&envelope.reverse_path, client, &ruleset.policy.units);
        let recipients = self.classify(&ruleset.policy, envelope, instant, began).await;
        let opened = self.open_documents(&message, began + self.timeout).await?;
        let (texts, ended) = aside(content.len(), || text::gather_until(&message, &opened, &Stop::when(&is_late)));
        if let Some(ended) = ended {
            message.exceeded = Some(ended);
        }
        let evidence = Evidence {
            envelope,
            sender: &sender,
            recipients: &recipients,
            message: &message,
            texts: &texts,
            opened: &opened,
            people: &ruleset.policy.people,
        };
        // Facts, no opinions.
        let findings = aside(content.len(), || ruleset.detectors.inspect_until(&evidence, &Stop::when(&is_late)));
        let verdicts = ruleset.policy.judge(&Question {
            sender: &sender,
            recipients: &recipients,
            findings: &findings,
            opened: &opened,
            size: content.len() as u64,
            sealed: mime::is_signed_or_encrypted(&message),
            instant,
        }); // one per recipient
        let policy = ruleset.policy.version.to_string();
        self.memory.shrink(&mut reserved, content.len());
        Ok(Judged { message, sender, recipients, opened, findings, verdicts, policy, _reserved: reserved })
    }
}

/// Large messages are read where they hold up nobody else's.
fn aside<T>(size: usize, work: impl FnOnce() -> T) -> T {
    /// Below this a message is read in well under a millisecond.
    const LARGE: usize = 256 * 1024;
    let threads = || Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if size > LARGE && threads() { tokio::task::block_in_place(work) } else { work() }
}

impl Judged {
    /// Whether the mail is somebody's own affair: held unreadable, never quoted (decision D20).
    pub fn is_private(&self) -> bool {
        self.findings.iter().any(|f| f.kind == crate::detect::FindingKind::PrivateCorrespondence)
    }

    /// The disposition of the whole, as `scan` prints it.
    pub fn strongest(&self) -> Disposition {
        self.verdicts.strongest()
    }
}
