// SPDX-License-Identifier: EUPL-1.2
//! Proof that what is kept of a mail gives its verdicts again (promise 10). Builds with assertions ask it of every mail
//! that they judge.

use super::Policy;
use super::kept::{KeptAddresses, KeptCopy, KeptMail};
use super::replay::{Replay, Replayed, Unknown};
use super::verdict::{Judgement, Verdicts};
use crate::mail::Mailbox;

/// Judges the mail again out of the bytes and texts that the journal would hold.
///
/// # Errors
/// Says of which copy the verdict is another one, or what does not come back as it was.
pub fn judged_again(
    policy: &Policy,
    mail: &KeptMail,
    addresses: &KeptAddresses,
    verdicts: &Verdicts,
) -> Result<(), String> {
    let private = mail.message.private;
    let read = written_and_read(mail).ok_or("the bytes of the facts cannot be read")?;
    let copies = |mail: &KeptMail| mail.copies.iter().map(KeptCopy::bytes).collect::<Vec<_>>();
    if read.mail_bytes() != mail.mail_bytes() || copies(&read) != copies(mail) {
        return Err("what is kept comes back as something else".to_owned());
    }
    let addresses = addresses.spelled_and_parsed().ok_or("an address cannot be parsed")?;
    let again = Replay::new(policy).mail(&read, (!private).then_some(&addresses));
    if again.len() != verdicts.0.len() {
        return Err(format!("{} copies instead of {}", again.len(), verdicts.0.len()));
    }
    for (index, (again, then)) in again.iter().zip(&verdicts.0).enumerate() {
        // A rule asks for what is not kept of private mail (decision D20).
        let sealed = private && *again == Replayed::Unknown(Unknown::Sealed);
        if !sealed && !is_same(again, then) {
            return Err(format!("copy {index}: {again:?} instead of {then:?}"));
        }
    }
    Ok(())
}

/// Whether the same was said, for the same reasons.
pub fn is_same(again: &Replayed, then: &Judgement) -> bool {
    let Replayed::Judged { disposition, opinion } = again else { return false };
    *disposition == then.verdict.disposition()
        && opinion.because.as_ref() == then.verdict.because()
        && opinion.observed == then.observed
}

fn written_and_read(mail: &KeptMail) -> Option<KeptMail> {
    let sources = mail.sources.clone();
    let mut read = KeptMail::read(mail.instant, sources, &mail.sender.unit, &mail.mail_bytes())?;
    for copy in &mail.copies {
        read.read_copy(copy.recipient, &copy.bytes())?;
    }
    Some(read)
}

impl KeptAddresses {
    fn spelled_and_parsed(&self) -> Option<KeptAddresses> {
        let again = |mailbox: &Mailbox| Mailbox::parse(&mailbox.to_string()).ok();
        let recipients = self.recipients.iter().map(|known| match known {
            Some(mailbox) => again(mailbox).map(Some),
            None => Some(None),
        });
        let sender = match &self.sender {
            Some(mailbox) => Some(again(mailbox)?),
            None => None,
        };
        Some(KeptAddresses { sender, recipients: recipients.collect::<Option<_>>()? })
    }
}
