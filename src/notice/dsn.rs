// SPDX-License-Identifier: EUPL-1.2
//! Failure reports to senders (RFC 3464), built only from facts: no clock, no randomness, no socket.
//!
//! The caller has already obeyed NOTIFY; this file obeys RET, ENVID and ORCPT. A report contains the header of the
//! message and never its body, whatever RET says: RFC 3461 §4.3 allows a server to return less, and held content must
//! not leave by a report.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::Verbatim;

/// How much of the original's header is returned at most, in bytes.
const HEADER: usize = 16 * 1024;
/// RFC 5321 §4.5.3.1.6, without the line end.
const LINE: usize = 998;

/// What a report needs beside the facts of its failure.
pub struct Stamp<'a> {
    /// The name we go by, for Reporting-MTA and From.
    pub host: &'a str,
    pub date: Timestamp,
    /// The inside of the angle brackets of Message-ID.
    pub message_id: &'a str,
}

/// Why a failure report is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Refused by the rules while other copies went on (decision D1).
    Refused,
    /// A reviewer rejected the held copy.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The next hop refused it for good.
    Undeliverable,
    /// The next hop did not take it within the outbox's time.
    TimedOut,
}

/// The facts of a failure report (RFC 3464).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    pub cause: Cause,
    pub mail: String,
    /// All that followed `MAIL FROM:` of the original (RET, ENVID).
    pub reverse_path: String,
    pub received: Timestamp,
    /// Of private mail no header is returned.
    pub private: bool,
    pub recipients: Vec<ReportedRecipient>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedRecipient {
    /// All that followed `RCPT TO:` (NOTIFY, ORCPT).
    pub verbatim: String,
    /// The next hop's reply, where it was the next hop.
    pub reply: Option<String>,
}

/// Composes the whole message, lines ended by CRLF. `original` is the failed message; only its header is read, and of
/// private mail not even that.
pub fn compose(report: &FailureReport, original: &[u8], stamp: &Stamp<'_>) -> Vec<u8> {
    let sender = Verbatim::read(&report.reverse_path);
    let boundary = boundary(report, stamp);
    let mut out = String::with_capacity(4096);
    let mut line = |text: &str| {
        out.push_str(text);
        out.push_str("\r\n");
    };
    line(&format!("From: Mail Delivery System <MAILER-DAEMON@{}>", one_line(stamp.host)));
    line(&format!("To: <{}>", one_line(sender.path)));
    line("Subject: =?UTF-8?Q?Message_non_remis_/_Mail_not_delivered?=");
    line(&format!("Date: {}", rfc5322_date(stamp.date)));
    line(&format!("Message-ID: <{}>", one_line(stamp.message_id)));
    // RFC 3834 §5: nobody's program may answer this.
    line("Auto-Submitted: auto-replied");
    line("MIME-Version: 1.0");
    line(&format!("Content-Type: multipart/report; report-type=delivery-status; boundary=\"{boundary}\""));
    line("");
    line(&format!("--{boundary}"));
    line("Content-Type: text/plain; charset=utf-8");
    line("Content-Transfer-Encoding: 8bit");
    line("");
    for text in human_text(report) {
        line(&text);
    }
    line("");
    line(&format!("--{boundary}"));
    line(&format!("Content-Type: {}", status_type(report, &sender)));
    line("");
    for text in status_fields(report, &sender, stamp) {
        line(&text);
    }
    line("");
    let header = header_of(original);
    if !report.private && !header.is_empty() {
        line(&format!("--{boundary}"));
        line(if header.is_ascii() {
            "Content-Type: text/rfc822-headers"
        } else {
            "Content-Type: message/global-headers"
        });
        line("");
    }
    let mut out = out.into_bytes();
    if !report.private && !header.is_empty() {
        out.extend_from_slice(&header);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// The part for programs alone (RFC 3464 §2), its content type and its lines: for a report whose words a notice says.
pub(super) fn status_part(report: &FailureReport, stamp: &Stamp<'_>) -> (&'static str, String) {
    let sender = Verbatim::read(&report.reverse_path);
    (status_type(report, &sender), status_fields(report, &sender, stamp).join("\n") + "\n")
}

/// RFC 6533 §3: addresses beyond ASCII want the global form.
fn status_type(report: &FailureReport, sender: &Verbatim<'_>) -> &'static str {
    let international = report.recipients.iter().any(|r| !r.verbatim.is_ascii()) || !sender.path.is_ascii();
    if international { "message/global-delivery-status" } else { "message/delivery-status" }
}

/// French first, then English.
fn human_text(report: &FailureReport) -> Vec<String> {
    let (french, english) = match report.cause {
        Cause::Refused => (
            "Votre message n'a pas été remis aux destinataires ci-dessous : les règles de\r\nvotre administration ne l'autorisent pas.",
            "Your message was not delivered to the recipients below: your administration's\r\nrules do not allow it.",
        ),
        Cause::Rejected => (
            "Votre message, retenu par votre administration, n'a pas été libéré pour les\r\ndestinataires ci-dessous.",
            "Your message was held by your administration and not released to the\r\nrecipients below.",
        ),
        Cause::Expired => (
            "Votre message, retenu par votre administration, n'a pas été libéré dans le délai\r\nprévu. Il n'a pas été remis aux destinataires ci-dessous.",
            "Your message was held by your administration and not released in time. It was\r\nnot delivered to the recipients below.",
        ),
        Cause::Undeliverable => (
            "Votre message n'a pas pu être remis aux destinataires ci-dessous : le serveur\r\nsuivant l'a refusé.",
            "Your message could not be delivered to the recipients below: the next server\r\nrefused it.",
        ),
        Cause::TimedOut => (
            "Votre message n'a pas pu être remis aux destinataires ci-dessous malgré plusieurs\r\njours d'essais.",
            "Your message could not be delivered to the recipients below in several days of\r\nattempts.",
        ),
    };
    let mut lines = Vec::new();
    for (text, reference, help) in [
        (french, "Référence", "Pour toute question, indiquez cette référence à votre service informatique."),
        (english, "Reference", "If you have a question, give this reference to your help desk."),
    ] {
        lines.push(text.to_owned());
        lines.push(String::new());
        for recipient in &report.recipients {
            lines.push(format!("    {}", one_line(Verbatim::read(&recipient.verbatim).path)));
        }
        lines.push(String::new());
        lines.push(format!("{reference}: {}", one_line(&report.mail)));
        lines.push(help.to_owned());
        lines.push(String::new());
    }
    lines
}

/// RFC 3464 §2.2 and §2.3.
fn status_fields(report: &FailureReport, sender: &Verbatim<'_>, stamp: &Stamp<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(envid) = sender.get("ENVID").filter(|id| !id.is_empty()) {
        lines.push(format!("Original-Envelope-Id: {}", one_line(&xtext(envid))));
    }
    lines.push(format!("Reporting-MTA: dns; {}", one_line(stamp.host)));
    lines.push(format!("Arrival-Date: {}", rfc5322_date(report.received)));
    for recipient in &report.recipients {
        lines.push(String::new());
        let read = Verbatim::read(&recipient.verbatim);
        if let Some(original) = read.get("ORCPT").and_then(|orcpt| orcpt.split_once(';')) {
            lines.push(format!("Original-Recipient: {};{}", one_line(original.0), one_line(&xtext(original.1))));
        }
        let kind = if read.path.is_ascii() { "rfc822" } else { "utf-8" };
        lines.push(format!("Final-Recipient: {kind};{}", one_line(read.path)));
        lines.push("Action: failed".to_owned());
        lines.push(format!("Status: {}", status(report.cause, recipient)));
        if let Some(reply) = &recipient.reply {
            lines.push(format!("Diagnostic-Code: smtp; {}", one_line(reply)));
        }
        lines.push(format!("Last-Attempt-Date: {}", rfc5322_date(stamp.date)));
    }
    lines
}

/// RFC 3463: 7.1 is "delivery not authorized", 4.7 "delivery time expired".
fn status(cause: Cause, recipient: &ReportedRecipient) -> String {
    let own = match cause {
        Cause::Refused | Cause::Rejected => return "5.7.1".to_owned(),
        Cause::Expired | Cause::TimedOut => return "5.4.7".to_owned(),
        Cause::Undeliverable => "5.0.0",
    };
    recipient.reply.as_deref().and_then(enhanced).unwrap_or(own).to_owned()
}

/// The enhanced status code of a 5xx reply, if it has one (RFC 2034 §4).
fn enhanced(reply: &str) -> Option<&str> {
    let word = reply.split_ascii_whitespace().nth(1)?;
    let mut parts = word.split('.');
    let number =
        |part: Option<&str>| part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    let sound = parts.next() == Some("5") && number(parts.next()) && number(parts.next()) && parts.next().is_none();
    sound.then_some(word)
}

/// Undoes xtext (RFC 3461 §4): `+2B` is `+`. What is not xtext stays as it is; what would break a line does not come out.
fn xtext(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let decoded =
            text.get(at + 1..at + 3).filter(|_| byte == b'+').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(decoded.unwrap_or(byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// No text of others may begin a line of ours.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE - 100).collect()
}

/// The header of a message, whole lines only, at most [`HEADER`] bytes, lines ended by CRLF and none too long.
fn header_of(message: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    for line in message.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii_end();
        if text.is_empty() || header.len() + text.len() > HEADER {
            break;
        }
        // A bare CR inside would be a second reading of the line.
        header.extend(text.iter().take(LINE).map(|b| if *b == b'\r' || *b == 0 { b' ' } else { *b }));
        header.extend_from_slice(b"\r\n");
    }
    header
}

/// A boundary that follows from the facts and is found in no header by chance.
fn boundary(report: &FailureReport, stamp: &Stamp<'_>) -> String {
    let hash = blake3::hash(format!("{}\0{}\0{}", report.mail, stamp.message_id, report.reverse_path).as_bytes());
    format!("=_octroi_{}", &hash.to_hex()[..32])
}

/// `Wed, 25 Nov 2026 16:09:00 +0000` (RFC 5322 §3.3), always in UTC.
pub fn rfc5322_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(private: bool) -> FailureReport {
        FailureReport {
            cause: Cause::Rejected,
            mail: "M1".into(),
            reverse_path: "<agent@town.example> RET=FULL ENVID=QQ+2B7+0D+0AX".into(),
            received: Timestamp::UNIX_EPOCH,
            private,
            recipients: vec![ReportedRecipient {
                verbatim: "<b@home.example> NOTIFY=FAILURE ORCPT=rfc822;b+2Bx@home.example".into(),
                reply: None,
            }],
        }
    }

    const ORIGINAL: &[u8] = b"Subject: plan secret\r\nX-Long: a\r\n folded\r\n\r\nbody text\r\n";

    fn text(report: &FailureReport) -> String {
        let stamp = Stamp { host: "gate.town.example", date: Timestamp::UNIX_EPOCH, message_id: "1@gate.town.example" };
        String::from_utf8(compose(report, ORIGINAL, &stamp)).unwrap()
    }

    #[test]
    fn a_report_obeys_envid_and_orcpt_and_returns_the_header_alone() {
        let text = text(&report(false));
        for wanted in [
            "To: <agent@town.example>\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "\r\nOriginal-Envelope-Id: QQ+7  X\r\n",
            "\r\nReporting-MTA: dns; gate.town.example\r\n",
            "\r\nOriginal-Recipient: rfc822;b+x@home.example\r\nFinal-Recipient: rfc822;b@home.example\r\nAction: failed\r\nStatus: 5.7.1\r\n",
            "Content-Type: text/rfc822-headers\r\n\r\nSubject: plan secret\r\nX-Long: a\r\n folded\r\n\r\n--",
        ] {
            assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
        }
        assert!(!text.contains("body text"));
    }

    #[test]
    fn of_private_mail_nothing_returns() {
        let text = text(&report(true));
        assert!(!text.contains("plan secret") && !text.contains("rfc822-headers"));
        assert!(text.contains("Final-Recipient: rfc822;b@home.example"));
    }

    #[test]
    fn a_report_is_a_sound_message_to_another_reader() {
        let composed = text(&report(false));
        let message = mail_parser::MessageParser::new().parse(composed.as_bytes()).unwrap();
        assert_eq!(message.subject(), Some("Message non remis / Mail not delivered"));
        let kinds: Vec<_> =
            message.parts.iter().filter_map(|p| mail_parser::MimeHeaders::content_type(p)?.subtype()).collect();
        assert_eq!(kinds, ["report", "plain", "delivery-status", "rfc822-headers"]);
        assert!(composed.split("\r\n").all(|line| !line.contains('\n') && line.len() <= LINE));
    }

    #[test]
    fn the_status_is_the_next_hops_where_it_gave_one() {
        let mut report = report(false);
        report.cause = Cause::Undeliverable;
        report.recipients[0].reply = Some("550 5.1.1 no such\r\nAction: delivered".into());
        let text = text(&report);
        assert!(text.contains("Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such  Action: delivered\r\n"));
        assert_eq!(enhanced("550 5.1"), None);
        assert_eq!(enhanced("550 4.1.1 odd"), None);
    }
}
