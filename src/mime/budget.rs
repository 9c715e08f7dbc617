// SPDX-License-Identifier: EUPL-1.2
//! How much of a message octroi reads, and the words for what was too much.

/// How much of one message is read; beyond it [`Message::exceeded`] says which limit.
#[derive(Debug, Clone, Copy)]
pub struct ParseBudget {
    pub parts: usize,
    /// Multiparts and messages within one another.
    pub depth: usize,
    /// Decoded bytes of all parts together.
    pub decoded: usize,
    /// Bytes of one header section.
    pub header: usize,
    /// Bytes parsed, where those of nested messages count at every level that they are read on.
    pub reread: usize,
}

impl Default for ParseBudget {
    fn default() -> ParseBudget {
        ParseBudget { parts: 5_000, depth: 100, decoded: 256 << 20, header: 1 << 20, reread: 512 << 20 }
    }
}

/// [`Message::exceeded`] where the time for reading ran out.
pub const TIME: &str = "time";
/// [`Message::exceeded`] where programs may disagree on what the message is.
pub const AMBIGUOUS: &str = "ambiguous";
