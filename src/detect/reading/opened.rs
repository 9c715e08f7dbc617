// SPDX-License-Identifier: EUPL-1.2
//! The result of opening the attachments of a mail: their text and properties, or why there are none.

use std::sync::Arc;

use crate::document::Extract;

/// One attachment that was opened, or could not be.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Index of the part in [`Message::parts`](crate::mime::Message::parts).
    pub part: usize,
    /// The part's place, such as `attachment:dossier.zip`.
    pub place: String,
    pub extract: Arc<Extract>,
}
