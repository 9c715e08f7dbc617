// SPDX-License-Identifier: EUPL-1.2
//! A finished letter on its way to the outbox.

use jiff::Timestamp;

use crate::mail::Mailbox;
use crate::store::{OutboxContent, OutboxItem, OutboxKind};

/// From the null reverse-path, so that nothing comes back (RFC 3464 §2, RFC 3834 §4).
pub(super) fn item(kind: OutboxKind, to: &Mailbox, content: Vec<u8>, not_before: Timestamp) -> OutboxItem {
    let to = to.to_string();
    OutboxItem {
        kind,
        // RFC 6531 §3.4: an address beyond ASCII needs the extension on the way back too.
        reverse_path: if to.is_ascii() { "<>" } else { "<> SMTPUTF8" }.to_owned(),
        recipients: vec![format!("<{to}>")],
        content: OutboxContent::Own(content.into()),
        not_before,
    }
}
