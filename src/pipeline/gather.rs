// SPDX-License-Identifier: EUPL-1.2
//! Gathers what inspection needs from elsewhere: MX hosts and the content of documents.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use memchr::memmem;
use tokio::task::JoinSet;

use super::memory_budget::{Attempt, Reserved};
use super::reading::{Reading, Step};
use super::{Inspector, PipelineError};
use crate::deliver::deadline::Deadline;
use crate::detect::reading::opened::Opened;
use crate::detect::reading::text;
use crate::directory::ClassifiedRecipient;
use crate::document::{DocumentError as Unread, Extract, kind_of};
use crate::mail::Envelope;
use crate::mime::{Body, Message};
use crate::policy::Policy;
use crate::worker::{File, Workers};

impl Inspector {
    /// The class of each recipient; MX hosts are asked only where they could be evidence.
    pub(super) async fn classify(
        &self,
        policy: &Policy,
        envelope: &Envelope,
        instant: Timestamp,
        deadline: Deadline,
    ) -> Vec<ClassifiedRecipient> {
        // Time that many recipients use up is missing for reading.
        let deadline = deadline.at_most(MX_PATIENCE);
        let mut recipients = Vec::with_capacity(envelope.recipients.len());
        for recipient in &envelope.recipients {
            let hosts = match recipient.path.mailbox() {
                Some(mailbox) if policy.lists.wants_mx(&recipient.path, instant) => {
                    deadline.wait(self.mx.hosts(mailbox.domain())).await.ok().flatten()
                }
                _ => None,
            };
            recipients.push(policy.lists.classify(&recipient.path, hosts.as_deref(), instant));
        }
        recipients
    }

    /// Opens every attachment that is not a plain text, in workers, side by side. What takes too long is a finding, not
    /// a delay (decision D4); only a worker that cannot be had is our fault (decision D17).
    pub(super) async fn open_documents(
        &self,
        message: &Message,
        reserved: &Reserved,
        deadline: Deadline,
        reading: &mut Reading,
    ) -> Result<Vec<Opened>, PipelineError> {
        let (mut opened, mut waiting) = (Vec::new(), JoinSet::new());
        let mut passwords = None;
        for (part, this) in message.parts.iter().enumerate() {
            let Body::Attachment(bytes) = &this.body else { continue };
            if text::is_plain(&this.extension) || bytes.is_empty() {
                continue;
            }
            let passwords = passwords
                .get_or_insert_with(|| reading.step(Step::Passwords, || passwords_in(message)).unwrap_or_default())
                .clone();
            let file = File { name: this.name.clone().unwrap_or_default(), bytes: bytes.clone(), passwords };
            let (workers, reserved) = (self.workers.clone(), reserved.clone());
            waiting.spawn(async move {
                let extract = match deadline.wait(open_document(&file, &workers, &reserved, deadline)).await {
                    Ok(extract) => extract?,
                    Err(_) => over_budget(&file),
                };
                Ok::<_, PipelineError>((part, extract))
            });
        }
        while let Some(done) = waiting.join_next().await {
            let (part, extract) = done.map_err(|_| PipelineError::Task)??;
            opened.push(Opened { part, place: message.place(part), extract });
        }
        opened.sort_by_key(|o| o.part);
        Ok(opened)
    }
}

/// Opens one document as far as the memory goes: a little at first, then all of it. Nobody waits for memory with a
/// worker's answer in hand (decision D32).
async fn open_document(
    file: &File,
    workers: &Workers,
    reserved: &Reserved,
    deadline: Deadline,
) -> Result<Arc<Extract>, PipelineError> {
    let mut attempt = Attempt::Quick;
    loop {
        let Some(mut leave) = reserved.may_open(attempt).await? else { return Ok(over_budget(file)) };
        let extent = leave.extent;
        // Half of the time that is left: a full pool is our fault and no fault of the document, which needs the rest.
        let patience = deadline.left() / 2;
        let answer = workers.open(file, extent, patience, |told, has_more| leave.answered(told, has_more)).await?;
        match leave.next().filter(|_| answer.has_more) {
            Some(next) => attempt = next,
            None => {
                leave.keep(&answer.extract);
                return Ok(answer.extract);
            }
        }
    }
}

fn over_budget(file: &File) -> Arc<Extract> {
    let (name, kind, size) = (file.name.clone(), kind_of(&file.bytes).to_owned(), file.bytes.len() as u64);
    Arc::new(Extract { name, kind, size, fault: Some(Unread::Budget), ..Extract::default() })
}

/// For all questions about MX hosts of one mail.
const MX_PATIENCE: Duration = Duration::from_secs(5);

/// Words that announce a password, in normal form.
const ANNOUNCE: [&str; 9] = [
    "mot de passe",
    "mdp",
    "password",
    "wachtwoord",
    "passwort",
    "kennwort",
    "code d'ouverture",
    "كلمة السر",
    "كلمة المرور",
];
/// Passwords tried on one document at most.
const MOST_PASSWORDS: usize = 12;

/// What the message itself may give away as the password of its attachment.
fn passwords_in(message: &Message) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in &message.parts {
        let Body::Text { text, .. } = &part.body else { continue };
        // Most texts announce none; that is found out for all lines at once.
        let lower = text.to_lowercase();
        if !ANNOUNCE.iter().any(|word| memmem::find(lower.as_bytes(), word.as_bytes()).is_some()) {
            continue;
        }
        let mut lines = text.lines().take(2_000).peekable();
        while let Some(line) = lines.next() {
            let lower = line.to_lowercase();
            let Some(said) = ANNOUNCE.iter().filter_map(|word| Some(lower.rfind(word)? + word.len())).max() else {
                continue;
            };
            let words = line.split(|c: char| c.is_whitespace() || "«»\"<>()".contains(c));
            let words = words.map(|w| w.trim_matches([',', ';', ':', '.', '\'']));
            words.filter(|word| is_striking(word)).for_each(|word| add(word, &mut found));
            // What the sentence itself gives, however plain; on the next line where it gives nothing.
            let rest = lower.get(said..).map_or("", |rest| rest.trim_start_matches(|c: char| !c.is_alphanumeric()));
            let rest = GIVES.iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest);
            let from = line.len().checked_sub(rest.len()).filter(|from| line.is_char_boundary(*from));
            let mut given = from.and_then(|from| line.get(from..)).unwrap_or_default();
            if given.chars().all(|c| !c.is_alphanumeric()) {
                while lines.peek().is_some_and(|line| line.trim().is_empty()) {
                    lines.next();
                }
                given = lines.peek().copied().unwrap_or_default();
            }
            let word = given.split_whitespace().next().unwrap_or_default();
            add(word, &mut found);
            add(word.trim_matches(|c: char| "«»\"<>()',;:.".contains(c)), &mut found);
        }
    }
    found
}

/// Words between the announcement and the password.
const GIVES: [&str; 8] = ["est :", "est", "is:", "is", "lautet:", "lautet", "ist", "هي"];

/// A word that nobody writes in a sentence.
fn is_striking(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit()) || word.chars().any(|c| c.is_uppercase() || "!?#@_-".contains(c))
}

fn add(word: &str, found: &mut Vec<String>) {
    let plausible = (4..=64).contains(&word.chars().count());
    if plausible && found.len() < MOST_PASSWORDS && !found.iter().any(|f| f == word) {
        found.push(word.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::memory_budget::MemoryBudget;
    use crate::worker::{Extent, WorkerError, WorkerSettings};

    /// A pool of workers that never answer, all of them taken: whoever asks is told that, before its time is up.
    #[tokio::test]
    async fn a_full_pool_is_no_fault_of_the_document() {
        use std::os::unix::fs::PermissionsExt;
        const LONG: Duration = Duration::from_secs(600);
        let folder = tempfile::tempdir().unwrap();
        let (program, marker) = (folder.path().join("stand-in"), folder.path().join("started"));
        std::fs::write(&program, format!("#!/bin/sh\n: > {}\nexec /bin/sleep 600\n", marker.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let settings = WorkerSettings { count: 1, deadline: LONG, timeout: LONG, ..WorkerSettings::new(program) };
        let workers = Arc::new(Workers::new(settings));
        let file = |bytes: &'static [u8]| File { name: "a".into(), bytes: bytes.into(), passwords: Vec::new() };
        let (theirs, slow) = (workers.clone(), file(b"slow"));
        let slow = tokio::spawn(async move { theirs.open(&slow, Extent::WHOLE, LONG, |_, _| ()).await });
        while !marker.exists() {
            tokio::task::yield_now().await;
        }
        let reserved = MemoryBudget::new(64 << 20).take(1024, Deadline::after(LONG)).await.ok().unwrap();
        let deadline = Deadline::after(Duration::from_secs(2));
        let opened = deadline.wait(open_document(&file(b"other"), &workers, &reserved, deadline)).await;
        assert!(matches!(opened, Ok(Err(PipelineError::Worker(WorkerError::Busy)))), "{:?}", opened.map(|_| ()));
        slow.abort();
    }
}
