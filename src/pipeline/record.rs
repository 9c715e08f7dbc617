// SPDX-License-Identifier: EUPL-1.2
//! Records what became of each mail in the journal, with the facts judged; never waits, never keeps content (decisions
//! D23 and D24).

use jiff::Timestamp;

use super::{Judged, Outcome, Pipeline};
use crate::mail::{Client, Mail, MailId, Mailbox, Refused, Reply, Tls, reply};
use crate::mime;
use crate::policy::verdict::{Disposition, Verdict};
use crate::store::{Entry, EntryCopy, EntryFacts, retry_digest};

/// Bytes of a message in which its Message-ID is looked for where nobody read the whole.
const MOST_HEADER: usize = 64 << 10;

impl Pipeline {
    /// Records what was refused before there was a mail: a row for each recipient it would have had, one without where
    /// none was named (decision D39). Where the content had begun to come nobody knows whether it is private, so that it
    /// is kept as if it were (decision D20).
    pub fn record_refused(&self, id: &MailId, refused: &Refused, client: &Client, now: Timestamp) {
        let Some(sender) = &refused.sender else { return };
        let disposition = if refused.reply.is_transient() { Disposition::Defer } else { Disposition::Reject };
        let mut recipients: Vec<String> = refused.recipients.iter().map(ToString::to_string).collect();
        if recipients.is_empty() {
            recipients.push(String::new());
        }
        let is_put_off = refused.reply.is_transient();
        let cause = is_put_off.then(|| reply::cause(&refused.reply));
        let message_id = refused.unread.as_deref().and_then(message_id);
        let again = is_put_off.then(|| unseen_digest(refused.queue_id.as_deref().or(message_id.as_deref())));
        let copies = (0..recipients.len()).map(|recipient| unjudged(recipient, disposition, cause, again)).collect();
        self.journal.record(Entry {
            mail: id.clone(),
            time: now,
            client: client.address,
            queue_id: refused.queue_id.clone(),
            message_id,
            reverse_path: sender.to_string(),
            recipients,
            private: refused.unread.is_some(),
            size: 0,
            reply: refused.reply.to_string(),
            maybe_duplicate: false,
            client_tls: client.tls.as_ref().map(Tls::to_string),
            next_hop_tls: None,
            judged: None,
            copies,
        });
    }

    /// Too late to refuse: what does not fit is counted as lost by the journal itself.
    pub(super) fn record(&self, mail: &Mail, judged: &Judged, outcome: &Outcome) {
        let policy = &judged.ruleset.policy;
        let facts = EntryFacts {
            sender: judged.sender.mailbox.as_ref().map(Mailbox::to_string),
            unit: judged.kept.sender.unit.to_string(),
            sources: policy.sources_text.clone(),
            bytes: judged.kept.mail_bytes(),
        };
        let is_repeat = outcome.copies.iter().any(|copy| copy.repeat);
        let known_by = (is_repeat || outcome.reply.is_transient()).then(|| retry_digest(&mail.content));
        let mut copies = Vec::with_capacity(judged.kept.copies.len());
        for (index, (kept, judgement)) in judged.kept.copies.iter().zip(&judged.verdicts.0).enumerate() {
            let copy = outcome.copies.get(index);
            // Its first attempt is in the journal (decision D11), and may stand there as put off.
            let kept_as = copy.filter(|copy| copy.repeat).and_then(|copy| copy.held.clone());
            let (because, reply) = (judgement.verdict.because(), outcome.reply_of(index));
            let rules = because.into_iter().chain(&judgement.observed).flat_map(|reasons| reasons.rules());
            let limit = outcome.limit.as_ref().map(|limit| format!("limit:{limit}"));
            copies.push(EntryCopy {
                recipient: index,
                class: Some(kept.facts.class),
                disposition: became(&judgement.verdict, reply),
                verdict: Some(judgement.verdict.disposition()),
                observed: judgement.observed.as_ref().map(|observed| observed.first().disposition),
                rules: rules.map(str::to_owned).chain(limit).collect(),
                held: copy.is_some_and(|copy| copy.held.is_some()),
                reply: copy.and_then(|copy| copy.reply.as_ref()).map(Reply::to_string),
                facts: kept.bytes(),
                cause: reply.is_transient().then(|| outcome.cause().to_owned()),
                put_off: known_by.filter(|_| reply.is_transient() || kept_as.is_some()),
                kept_as,
            });
        }
        let message_id = judged.message.header("message-id").map(str::to_owned);
        self.journal.record(Entry {
            message_id,
            private: judged.is_private(),
            judged: Some(facts),
            copies,
            ..entry(mail, outcome)
        });
    }

    /// A mail that nobody judged, since a fault of ours put it off (decision D39). It may be somebody's own affair:
    /// nobody looked, so that it is kept like one (decision D20).
    pub(super) fn record_put_off(&self, mail: &Mail, outcome: &Outcome) {
        let put_off = outcome.put_off(mail);
        let copy = |recipient| unjudged(recipient, Disposition::Defer, Some(outcome.cause()), put_off);
        let copies = (0..mail.envelope.recipients.len()).map(copy).collect();
        self.journal.record(Entry {
            private: true,
            message_id: message_id(&mail.content),
            copies,
            ..entry(mail, outcome)
        });
    }
}

/// What a mail put off before its content was seen is known by, beside sender and recipient, when it comes again.
fn unseen_digest(name: Option<&str>) -> [u8; 32] {
    *blake3::hash(format!("unseen {}", name.unwrap_or_default()).as_bytes()).as_bytes()
}

/// A copy that nobody judged.
fn unjudged(recipient: usize, disposition: Disposition, cause: Option<&str>, put_off: Option<[u8; 32]>) -> EntryCopy {
    EntryCopy {
        recipient,
        class: None,
        disposition,
        verdict: None,
        observed: None,
        rules: Vec::new(),
        held: false,
        reply: None,
        facts: Vec::new(),
        cause: cause.map(str::to_owned),
        put_off,
        kept_as: None,
    }
}

/// Out of the header section alone.
fn message_id(content: &[u8]) -> Option<String> {
    let head = &content[..content.len().min(MOST_HEADER)]; // within it
    let end = memchr::memmem::find(head, b"\r\n\r\n").unwrap_or(head.len());
    let read = mime::parse(&head[..end], &mime::ParseBudget::default());
    read.header("message-id").map(str::to_owned)
}

fn entry(mail: &Mail, outcome: &Outcome) -> Entry {
    Entry {
        mail: mail.id.clone(),
        time: mail.received,
        client: mail.client.address,
        queue_id: mail.client.queue_id.clone(),
        message_id: None,
        reverse_path: mail.envelope.reverse_path.to_string(),
        recipients: mail.envelope.recipients.iter().map(|recipient| recipient.path.to_string()).collect(),
        private: false,
        size: mail.content.len() as u64,
        reply: outcome.reply.to_string(),
        maybe_duplicate: outcome.maybe_duplicate,
        client_tls: mail.client.tls.as_ref().map(Tls::to_string),
        next_hop_tls: outcome.onward_tls.as_ref().map(Tls::to_string),
        judged: None,
        copies: Vec::new(),
    }
}

impl Outcome {
    /// What its copies are known by when they come again, where the whole is put off.
    fn put_off(&self, mail: &Mail) -> Option<[u8; 32]> {
        self.reply.is_transient().then(|| retry_digest(&mail.content))
    }

    /// Why it was put off, in a word: a fault of ours, the policy, a limit, else the next hop.
    fn cause(&self) -> &str {
        match (&self.cause, &self.limit) {
            (Some(cause), _) => cause,
            (None, Some(_)) => "limit",
            (None, None) => "next-hop",
        }
    }
}

/// What happened, which a 4xx or 5xx of the next hop may have made weaker or stronger than the verdict.
pub fn became(verdict: &Verdict, reply: &Reply) -> Disposition {
    if reply.is_transient() {
        return Disposition::Defer;
    }
    if reply.is_permanent() {
        return Disposition::Reject;
    }
    verdict.disposition()
}
