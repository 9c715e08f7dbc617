// SPDX-License-Identifier: EUPL-1.2
//! Reads, inspects and judges one mail: the part of the path that changes nothing. Between inspecting and judging come
//! facts that need several mails together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::lists::Lists;
use super::memory_budget::{MemoryBudget, Reserved, texts_in};
use super::reading::{Reading, Step, crashed};
use super::{PipelineError, sender};
use crate::campaign::Brake;
use crate::deliver::deadline::Deadline;
use crate::deliver::mx::MxResolver;
use crate::detect::reading::evidence::{Evidence, Sender};
use crate::detect::reading::opened::Opened;
use crate::detect::reading::text::{self, Text};
use crate::detect::{Detectors, Finding, FindingKind};
use crate::directory::{ClassifiedRecipient, day};
use crate::mail::{Client, Envelope, Mail};
use crate::mime::{self, Body, Message, Stop};
use crate::notice::Notices;
use crate::policy::verdict::{Disposition, Verdicts};
use crate::policy::{CampaignFacts, KeptMail, Policy, Question};
#[cfg(debug_assertions)]
use crate::policy::{KeptAddresses, again::judged_again};
use crate::worker::{Workers, aside};

/// Policies as loaded, with the texts to people, and the detectors built from their words and lists. Replaced as a whole
/// at a reload.
pub struct Ruleset {
    pub policy: Policy,
    /// Administrative lists with their members, where there are any.
    pub lists: Option<Arc<Lists>>,
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
    /// Mails in which a step of reading crashed.
    pub crashes: AtomicU64,
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
    reading: Reading,
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
    /// What the bulk send that it is part of does to it.
    pub brake: Option<Brake>,
    /// The steps of reading that crashed, if any: the mail is judged as one that cannot be read.
    pub crashed: Vec<Step>,
    /// The memory that all this takes.
    reserved: Option<Reserved>,
}

impl Inspector {
    /// Changes the memory for reading.
    pub fn resize(&self, bytes: u64) {
        self.memory.resize(bytes);
        let (cache, picture_bytes) = MemoryBudget::for_workers(bytes);
        self.workers.resize(cache, picture_bytes);
    }

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
        let reserved = self.memory.take(size, deadline).await?;
        let is_late = || deadline.is_past();
        let mut reading = Reading::default();
        // Never fails: a defect is evidence.
        let parse = || aside(size, || mime::parse_until(content, &self.budget, &Stop::when(&is_late)));
        let mut message = reading.step(Step::Parse, parse).unwrap_or_default();
        reserved.has_texts(texts_in(&message)).await?;
        let sender = sender::identify(&envelope.reverse_path, client, &ruleset.policy.units);
        let recipients = self.classify(&ruleset.policy, envelope, instant, deadline).await;
        let opened = self.open_documents(&message, &reserved, deadline, &mut reading).await?;
        let unpacked = size + opened.iter().map(|opened| opened.extract.text()).sum::<usize>();
        let words = ruleset.detectors.words();
        let bounds = text::Bounds { stop: &Stop::when(&is_late), most: reserved.most_text() };
        let gather = || aside(unpacked, || text::gather_until(&message, &opened, words, &bounds));
        let (texts, ended) = reading.step(Step::Texts, gather).unwrap_or_default();
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
        let detect = || aside(unpacked, || ruleset.detectors.inspect_until(&evidence, &Stop::when(&is_late)));
        let mut findings = match reading.step(Step::Detect, detect) {
            Some(findings) => findings,
            // Nobody may read what is private, crashed or not.
            None => reading.step(Step::Privacy, || ruleset.detectors.privacy(&evidence)).unwrap_or_default(),
        };
        if !reading.crashed.is_empty() {
            findings.push(crashed());
        }
        Ok(Inspected {
            ruleset,
            message,
            sender,
            recipients,
            opened,
            texts,
            findings,
            size,
            instant,
            reading,
            reserved,
        })
    }

    /// Judges what was inspected, each recipient's copy by itself. The texts have done their service and are dropped.
    ///
    /// # Errors
    /// Judging crashed, and did so again on nothing but the fact that it had.
    pub fn judge(&self, inspected: Inspected, campaign: &CampaignFacts) -> Result<Judged, PipelineError> {
        let Inspected { ruleset, message, sender, recipients, opened, texts, mut findings, size, instant, .. } =
            inspected;
        let (mut reading, reserved) = (inspected.reading, inspected.reserved);
        let quotes = texts.iter().any(|text| text.place == "body#quoted");
        drop(texts);
        let judge = |findings: &[Finding]| {
            let question = Question {
                sender: &sender,
                recipients: &recipients,
                findings,
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
            let again = judged_again(&ruleset.policy, &kept, &KeptAddresses::of(&question), &verdicts);
            #[cfg(not(debug_assertions))]
            let again = Ok::<(), String>(());
            (kept, verdicts, again)
        };
        let mut done = reading.step(Step::Judge, || judge(&findings));
        if done.is_none() {
            findings.retain(|finding| finding.kind == FindingKind::PrivateCorrespondence);
            findings.push(crashed());
            done = reading.step(Step::JudgeAgain, || judge(&findings));
        }
        if !reading.crashed.is_empty() {
            self.crashes.fetch_add(1, Relaxed);
        }
        let (kept, verdicts, again) = done.ok_or(PipelineError::Crashed)?;
        // Outside the barrier: a fault of ours, which no test may take for a mail's.
        if let Err(why) = again {
            panic!("what is kept of a mail does not give its verdicts again: {why}");
        }
        Ok(Judged {
            ruleset,
            message,
            sender,
            recipients,
            opened,
            findings,
            kept,
            verdicts,
            brake: None,
            crashed: reading.crashed,
            reserved: Some(reserved),
        })
    }
}

impl Inspected {
    /// Makes what this mail is likened by, behind the barrier: `None` where that crashed, and the mail then counts as one
    /// that cannot be read.
    pub(super) fn liken<T>(&mut self, work: impl FnOnce(&Inspected) -> T) -> Option<T> {
        let mut reading = std::mem::take(&mut self.reading);
        let before = reading.crashed.len();
        let done = reading.step(Step::Liken, || aside(self.size, || work(self)));
        if before == 0 && done.is_none() {
            self.findings.push(crashed());
        }
        self.reading = reading;
        done
    }
}

impl Judged {
    /// Lets go of what was read: whatever happens to the mail now needs its bytes and its header, and a notice the first
    /// words of its text.
    pub(super) fn forget_content(&mut self) {
        /// More than the language of a text is told by.
        const FIRST: usize = 64 * 1024;
        self.opened.clear();
        for part in &mut self.message.parts {
            match &mut part.body {
                Body::Text { text, .. } if text.len() > FIRST => {
                    text.truncate(text.floor_char_boundary(FIRST));
                    text.shrink_to_fit();
                }
                Body::Attachment(bytes) => *bytes = bytes::Bytes::new(),
                _ => {}
            }
        }
        self.reserved = None;
    }

    /// A line for each step of reading that crashed.
    pub(super) fn log_crashes(&self, mail: &Mail) {
        for step in &self.crashed {
            tracing::error!(id = %mail.id, step = step.as_str(), "reading crashed: the mail counts as not readable");
        }
    }

    /// Whether the mail is somebody's own affair: held unreadable, never quoted (decision D20).
    pub fn is_private(&self) -> bool {
        self.kept.message.private
    }

    /// The disposition of the whole, as `scan` prints it.
    pub fn strongest(&self) -> Disposition {
        self.verdicts.strongest()
    }
}
