// SPDX-License-Identifier: EUPL-1.2
//! S/MIME and CAdES objects as files (RFC 8551, RFC 5652): what is signed is read, what is compressed is unpacked, what
//! is enveloped is said to be.

use super::DocumentError;
use super::opening::Opening;
use crate::mime::cms::{self, Cms};

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    match cms::read(opening.bytes) {
        Some(Cms::Clear(content)) => opening.paid_child(&inner_name(&opening.extract.name), &content),
        Some(Cms::Compressed(stream)) => {
            // RFC 3274 §2: ZLIB alone is defined.
            let (content, fault) = opening.inflate(&mut flate2::read::ZlibDecoder::new(&stream[..]));
            if !content.is_empty() {
                opening.child(&inner_name(&opening.extract.name), &content);
            }
            fault.map_or(Ok(()), Err)
        }
        Some(Cms::Encrypted) => {
            opening.extract.encrypted = Some("smime".into());
            Err(DocumentError::Encrypted)
        }
        // A detached signature or a chain of certificates says nothing.
        Some(Cms::Bare) => Ok(()),
        None => Err(DocumentError::Broken),
    }
}

/// `note.docx.p7m` holds `note.docx`; `smime.p7m` a message without a name.
fn inner_name(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    match base.rsplit_once('.') {
        Some((stem, _)) if stem.contains('.') => stem.to_owned(),
        _ => "content".to_owned(),
    }
}
