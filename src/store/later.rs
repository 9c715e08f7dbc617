// SPDX-License-Identifier: EUPL-1.2
//! What was judged of a copy that had been put off before: it stands in the copy's own row, sealed, and counts in the
//! place of what its mail's row says of it.

use super::entry::{Entry, EntryCopy};
use super::packed::{Context, Sealed, pack, unpack};
use crate::mail::CopyId;
use crate::policy::bytes::{read_byte, read_number, read_text, write_number, write_text};

/// The first byte. A form is never changed: rows of each stand in databases.
const FORM: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Later {
    /// With this one recipient.
    pub sealed: Sealed,
    /// The numbers of the words for the unit and for what it was judged by.
    pub unit: Option<i64>,
    pub sources: Option<i64>,
    /// The copy that an earlier attempt holds.
    pub kept_as: Option<CopyId>,
}

/// The entry of a later attempt, for one of its copies; `tls`, `unit` and `sources` are the numbers of their words.
pub(super) fn pack_later(
    entry: &Entry,
    copy: &EntryCopy,
    tls: [i64; 2],
    unit: Option<i64>,
    sources: Option<i64>,
) -> Vec<u8> {
    let began = entry.time.as_millisecond();
    let mut out = vec![FORM, u8::from(entry.private)];
    write_number(began.cast_unsigned(), &mut out);
    [unit, sources].into_iter().for_each(|word| write_number(word.unwrap_or(0).cast_unsigned(), &mut out));
    write_text(copy.kept_as.as_ref().map_or("", CopyId::as_str), &mut out);
    let its = Entry {
        recipients: entry.recipients.get(copy.recipient).cloned().into_iter().collect(),
        copies: vec![EntryCopy { recipient: 0, ..copy.clone() }],
        ..entry.clone()
    };
    out.extend(pack(&its, &Context { began, tls }));
    out
}

/// Reads what [`pack_later`] wrote; `None` where the bytes are none of that.
pub(super) fn unpack_later(mut bytes: &[u8]) -> Option<Later> {
    let (FORM, private) = (read_byte(&mut bytes)?, read_byte(&mut bytes)? != 0) else { return None };
    let began = read_number(&mut bytes)?.cast_signed();
    let mut word = || Some(Some(read_number(&mut bytes)?.cast_signed()).filter(|number| *number != 0));
    let (unit, sources) = (word()?, word()?);
    let kept_as = match read_text(&mut bytes)? {
        "" => None,
        id => Some(CopyId::parse(id).ok()?),
    };
    let sealed = unpack(bytes, began, private).filter(|sealed| sealed.copies.len() == 1)?;
    Some(Later { sealed, unit, sources, kept_as })
}
