// SPDX-License-Identifier: EUPL-1.2
//! Large work is done where it holds up nobody else's mail.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does the work, and tells the runtime beforehand where it is large: `size` is that of what is worked on, unpacked
/// (decision D32).
pub fn aside<T>(size: usize, work: impl FnOnce() -> T) -> T {
    /// Below this it is done in well under a millisecond.
    const LARGE: usize = 256 * 1024;
    let has_threads = || Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if size > LARGE && has_threads() { tokio::task::block_in_place(work) } else { work() }
}
