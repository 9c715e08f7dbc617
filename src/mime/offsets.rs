// SPDX-License-Identifier: EUPL-1.2
//! Reads at the offsets that mail-parser gives.

use std::ops::Range;

/// Offsets come from another library: what they name may not be there.
pub(super) fn slice(raw: &[u8], range: Range<usize>) -> &[u8] {
    raw.get(range).unwrap_or_default()
}
