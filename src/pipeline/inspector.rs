// SPDX-License-Identifier: EUPL-1.2
//! Reads, inspects and judges one mail: the part of the path that changes nothing. Between inspecting and judging come
//! facts that need several mails together.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::memory_budget::{MemoryBudget, Reserved};
use super::{PipelineError, sender};
use crate::deliver::deadline::Deadline;
use crate::deliver::mx::MxResolver;
use crate::detect::reading::evidence::{Evidence, Sender};
use crate::detect::reading::opened::Opened;
use crate::detect::reading::text::{self, Text};
use crate::detect::{Detectors, Finding};
use crate::directory::{ClassifiedRecipient, day};
use crate::mail::{Client, Envelope};
use crate::mime::{self, Message, Stop};
use crate::notice::Notices;
use crate::policy::verdict::{Disposition, Verdicts};
use crate::policy::{CampaignFacts, KeptMail, Policy, Question};
#[cfg(debug_assertions)]
use crate::policy::{KeptAddresses, again::judged_again};
use crate::worker::Workers;

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
    /// From the final dot to the verdict at most (decision D4).
    pub timeout: Duration,
    /// Memory for reading, shared by all messages.
    pub memory: MemoryBudget,
}

/// What one mail holds, before anything is decided about it.
pub struct Inspected {
    /// What it was inspected with. It is judged by the same, whatever is loaded in between.
    pub ruleset: Arc<Ruleset>,
    pub message: Message,
    pub sender: Sender,
    pub recipients: Vec<ClassifiedRecipient>,
    pub opened: Vec<Opened>,
    /// Every readable text, by which mails are likened to each other. Gone once the mail is judged.
    pub texts: Vec<Text>,
    pub findings: Vec<Finding>,
    /// Bytes of the message.
    pub size: usize,
    pub instant: Timestamp,
    /// The memory that all this takes.
    reserved: Reserved,
}

/// Everything known about one mail once it is judged.
pub struct Judged {
    pub ruleset: Arc<Ruleset>,
    pub message: Message,
    pub sender: Sender,
    pub recipients: Vec<ClassifiedRecipient>,
    pub opened: Vec<Opened>,
    pub findings: Vec<Finding>,
    /// The facts, and what judging again takes.
    pub kept: KeptMail,
    pub verdicts: Verdicts,
    /// The memory that all this takes.
    _reserved: Reserved,
}

impl Inspector {
    /// Reads a mail and states what stands in it. Pure but for the look-ups of MX hosts and the opening of documents.
    pub async fn inspect(
        &self,
        envelope: &Envelope,
        client: &Client,
        content: &[u8],
        instant: Timestamp,
        deadline: Deadline,
    ) -> Result<Inspected, PipelineError> {
        let ruleset = self.ruleset.load_full();
        let size = content.len();
        let deadline = deadline.at_most(self.timeout);
        // Some of the time; what is left must do for reading.
        let reserved = self.memory.take(size, deadline.left() / 3).await?;
        let is_late = || deadline.is_past();
        // Never fails: a defect is evidence.
        let mut message = aside(size, || mime::parse_until(content, &self.budget, &Stop::when(&is_late)));
        let sender = sender::identify(&envelope.reverse_path, client, &ruleset.policy.units);
        let recipients = self.classify(&ruleset.policy, envelope, instant, deadline).await;
        let opened = self.open_documents(&message, deadline).await?;
        let (texts, ended) =
            aside(size, || text::gather_until(&message, &opened, ruleset.detectors.words(), &Stop::when(&is_late)));
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
            day: day(instant),
        };
        // Facts, no opinions.
        let findings = aside(size, || ruleset.detectors.inspect_until(&evidence, &Stop::when(&is_late)));
        Ok(Inspected { ruleset, message, sender, recipients, opened, texts, findings, size, instant, reserved })
    }

    /// Judges what was inspected, each recipient's copy by itself. The texts have done their service and are dropped.
    pub fn judge(&self, inspected: Inspected, campaign: &CampaignFacts) -> Judged {
        let Inspected { ruleset, message, sender, recipients, opened, texts, findings, size, instant, mut reserved } =
            inspected;
        let quotes = texts.iter().any(|text| text.place == "body#quoted");
        drop(texts);
        let question = Question {
            sender: &sender,
            recipients: &recipients,
            findings: &findings,
            campaign,
            opened: &opened,
            size: size as u64,
            sealed: mime::is_signed_or_encrypted(&message),
            instant,
        };
        let facts = ruleset.policy.facts(&question);
        let verdicts = ruleset.policy.judge(&question, &facts);
        let kept = KeptMail::of(&ruleset.policy, &question, facts, quotes);
        #[cfg(debug_assertions)]
        if let Err(why) = judged_again(&ruleset.policy, &kept, &KeptAddresses::of(&question), &verdicts) {
            panic!("what is kept of a mail does not give its verdicts again: {why}");
        }
        self.memory.shrink(&mut reserved, size);
        Judged { ruleset, message, sender, recipients, opened, findings, kept, verdicts, _reserved: reserved }
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
        self.kept.message.private
    }

    /// The disposition of the whole, as `scan` prints it.
    pub fn strongest(&self) -> Disposition {
        self.verdicts.strongest()
    }
}
