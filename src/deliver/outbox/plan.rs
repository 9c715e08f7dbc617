// SPDX-License-Identifier: EUPL-1.2
//! The commands of one outbox transaction: what the sender asked for, if the next hop offers it (decision D10).

use smtp_proto::{
    EXT_8BIT_MIME, EXT_CHUNKING, EXT_DSN, EXT_MT_PRIORITY, EXT_REQUIRE_TLS, EXT_SIZE, EXT_SMTP_UTF8, EhloResponse,
};

use crate::mail::Verbatim;
use crate::smtp::data::{BareNewline, Ending, line_ends};
use crate::store::DueItem;

/// One transaction to be made, as the store has it.
#[derive(Clone, Copy)]
pub(super) struct Transaction<'a> {
    /// All that follows `MAIL FROM:`.
    pub reverse_path: &'a str,
    /// Place and all that follows `RCPT TO:`.
    pub recipients: &'a [(i64, String)],
    pub content: &'a [u8],
    /// It was tried before.
    pub is_repeated: bool,
}

impl Transaction<'_> {
    pub fn of<'a>(item: &'a DueItem, content: &'a [u8]) -> Transaction<'a> {
        let DueItem { reverse_path, recipients, attempts, .. } = item;
        Transaction { reverse_path, recipients, content, is_repeated: *attempts > 0 }
    }
}

/// The commands of one transaction, checked against what the hop offers.
pub(super) struct Plan {
    pub mail: Vec<u8>,
    pub recipients: Vec<(i64, Vec<u8>)>,
    pub chunked: bool,
}

/// Composes the commands; `Err` is the reply the hop would have to give.
pub(super) fn plan(
    transaction: &Transaction<'_>,
    offer: &EhloResponse<String>,
    verified: bool,
) -> Result<Plan, &'static str> {
    let has = |bit| offer.has_capability(bit);
    let Transaction { reverse_path, recipients, content, .. } = *transaction;
    let lines = recipients.iter().map(|(_, verbatim)| verbatim.as_str()).chain([reverse_path]);
    // RFC 5321 §4.1.1: a command is one line; whatever was stored, no second one comes out of it.
    if lines.clone().any(|line| line.chars().any(char::is_control)) {
        return Err("553 5.1.0 an address of this item is not valid");
    }
    let from = Verbatim::read(reverse_path);
    let international = !from.path.is_ascii() || recipients.iter().any(|(_, r)| !Verbatim::read(r).path.is_ascii());
    let utf8 = from.get("SMTPUTF8").is_some() || international;
    if utf8 && !has(EXT_SMTP_UTF8) {
        return Err("554 5.6.7 the next server does not take internationalised mail");
    }
    if from.get("REQUIRETLS").is_some() && !(verified && has(EXT_REQUIRE_TLS)) {
        return Err("554 5.7.30 the next server cannot promise TLS onward");
    }
    if from.get("BODY").is_some_and(|b| b.eq_ignore_ascii_case("8BITMIME")) && !has(EXT_8BIT_MIME) {
        return Err("554 5.6.3 the next server does not take 8-bit content");
    }
    let bare = !matches!(line_ends(content, BareNewline::Refuse), Ending::Whole { .. });
    if bare && !has(EXT_CHUNKING) {
        return Err("550 5.6.11 the message holds a bare CR or LF and the next server has no BDAT");
    }
    let mut mail = format!("MAIL FROM:<{}>", from.path);
    if has(EXT_SIZE) {
        mail.push_str(&format!(" SIZE={}", content.len()));
    }
    if has(EXT_8BIT_MIME) && !content.is_ascii() {
        mail.push_str(" BODY=8BITMIME");
    }
    if utf8 {
        mail.push_str(" SMTPUTF8");
    }
    if from.get("REQUIRETLS").is_some() {
        mail.push_str(" REQUIRETLS");
    }
    push(&mut mail, &from, &["RET", "ENVID"], has(EXT_DSN));
    push(&mut mail, &from, &["MT-PRIORITY"], has(EXT_MT_PRIORITY));
    mail.push_str("\r\n");
    let recipients = recipients.iter().map(|(n, verbatim)| {
        let to = Verbatim::read(verbatim);
        let mut line = format!("RCPT TO:<{}>", to.path);
        push(&mut line, &to, &["NOTIFY", "ORCPT"], has(EXT_DSN));
        line.push_str("\r\n");
        (*n, line.into_bytes())
    });
    // DATA cannot end a message without a line end; BDAT keeps even that exact.
    let chunked = has(EXT_CHUNKING) && (bare || !content.ends_with(b"\r\n"));
    Ok(Plan { mail: mail.into_bytes(), recipients: recipients.collect(), chunked })
}

/// Adds the named parameters as the client wrote them, where the hop offers their extension.
fn push(line: &mut String, verbatim: &Verbatim<'_>, keywords: &[&str], offered: bool) {
    let wanted =
        verbatim.parameters.iter().filter(|(k, _)| offered && keywords.iter().any(|w| k.eq_ignore_ascii_case(w)));
    for (keyword, value) in wanted {
        line.push(' ');
        line.push_str(keyword);
        if let Some(value) = value {
            line.push('=');
            line.push_str(value);
        }
    }
}
