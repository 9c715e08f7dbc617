// SPDX-License-Identifier: EUPL-1.2
//! The SMTP sessions: transcripts, the table of RFC 5321, smuggling, and nonsense that must not panic.

pub mod transcript;
mod nonsense;
pub mod rfc5321;
mod smuggling;
