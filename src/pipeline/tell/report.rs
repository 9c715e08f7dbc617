// SPDX-License-Identifier: EUPL-1.2
//! Failure reports about copies that failed while others passed: the rules or the next hop refused them.

use super::letter::item;
use crate::mail::{Mail, Reply, Verbatim};
use crate::notice::{Cause, FailureReport, ReportedRecipient, Stamp, dsn};
use crate::store::{OutboxItem, OutboxKind};

/// What tells the sender which copies (indices in the envelope) the rules refused while others were not (decision D1c);
/// `None` if nobody wants a report: null reverse-path, or NOTIFY without FAILURE.
pub(super) fn refusal(mail: &Mail, private: bool, refused: &[usize]) -> Option<FailureReport> {
    report(mail, private, Cause::Refused, refused.iter().map(|copy| (*copy, None)))
}

/// Likewise, of copies that the next hop refused for good, each with its own reply, while it took others (decision D2).
pub(in crate::pipeline) fn undelivered(
    mail: &Mail,
    private: bool,
    refused: &[&(usize, Reply)],
    stamp: &Stamp<'_>,
) -> Option<OutboxItem> {
    let refused = refused.iter().map(|(copy, reply)| (*copy, Some(reply.to_string())));
    letter(&report(mail, private, Cause::Undeliverable, refused)?, mail, stamp)
}

/// The outbox item that takes a report to the sender.
pub(super) fn letter(report: &FailureReport, mail: &Mail, stamp: &Stamp<'_>) -> Option<OutboxItem> {
    let sender = mail.envelope.reverse_path.mailbox()?;
    Some(item(OutboxKind::Failure, sender, dsn::compose(report, &mail.content, stamp), stamp.date))
}

fn report(
    mail: &Mail,
    private: bool,
    cause: Cause,
    failed: impl Iterator<Item = (usize, Option<String>)>,
) -> Option<FailureReport> {
    mail.envelope.reverse_path.mailbox()?;
    let recipients: Vec<_> = failed
        .filter_map(|(copy, reply)| {
            let verbatim = mail.envelope.recipients.get(copy)?.verbatim.clone();
            Verbatim::read(&verbatim).wants_failure().then_some(ReportedRecipient { verbatim, reply })
        })
        .collect();
    let report = FailureReport {
        cause,
        mail: mail.id.to_string(),
        reverse_path: mail.envelope.verbatim.clone(),
        received: mail.received,
        private,
        recipients,
    };
    (!report.recipients.is_empty()).then_some(report)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::mail::{Client, Content, Envelope, ForwardPath, MailId, Parameters, Recipient, ReversePath};
    use crate::store::OutboxContent;

    #[test]
    fn a_refusal_is_told_to_whoever_wants_to_hear() {
        let to = |verbatim: &str| Recipient {
            path: ForwardPath::parse(Verbatim::read(verbatim).path).unwrap(),
            parameters: Parameters::default(),
            verbatim: verbatim.into(),
        };
        let mut mail = Mail {
            id: MailId::parse("M1").unwrap(),
            received: Timestamp::UNIX_EPOCH,
            client: Client::default(),
            envelope: Envelope {
                reverse_path: ReversePath::parse("agent@town.example").unwrap(),
                parameters: Parameters::default(),
                verbatim: "<agent@town.example>".into(),
                recipients: vec![to("<a@x.example>"), to("<b@x.example> NOTIFY=NEVER"), to("<c@x.example>")],
            },
            content: Content(bytes::Bytes::from_static(b"Subject: plan\r\n\r\nbody\r\n")),
        };
        let stamp = Stamp { host: "gate.town.example", date: Timestamp::UNIX_EPOCH, message_id: "1@gate" };
        let item = letter(&refusal(&mail, false, &[0, 1]).unwrap(), &mail, &stamp).unwrap();
        assert_eq!(
            (item.reverse_path.as_str(), &item.recipients[..]),
            ("<>", &["<agent@town.example>".to_owned()][..])
        );
        let OutboxContent::Own(content) = item.content else { panic!("no content") };
        let content = String::from_utf8_lossy(&content).into_owned();
        assert!(
            content.contains("a@x.example") && !content.contains("b@x.example") && !content.contains("c@x.example")
        );
        assert!(refusal(&mail, false, &[1]).is_none());
        mail.envelope.reverse_path = ReversePath::Null;
        assert!(refusal(&mail, false, &[0]).is_none());
    }
}
