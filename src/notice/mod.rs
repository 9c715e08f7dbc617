// SPDX-License-Identifier: EUPL-1.2
//! Texts to people: notices in several languages, filled with the facts of a mail and laid out as mail; and failure
//! reports.
//!
//! What must not live here: whether, when and to whom a notice goes (`pipeline/tell`), what is still to be sent
//! (`store`), and any words that an administration may want to change: they are in `policies/notices`.
//!
//! How it fails: an error in a text is a [`Diagnostic`](crate::diagnostic::Diagnostic) with place and remedy when
//! policies are loaded. Filling a text never fails: if a fact is missing, the passage that names it is left out. A
//! notice that cannot be laid out is a [`NoticeError`].
//!
//! Standards: RFC 5322, RFC 2046 §5.1.4 (two versions of one text), RFC 3834 (no program may answer), RFC 3464 and RFC
//! 6533 (failure reports); decisions D16 and D20.

mod dates;
mod digest;
pub mod dsn;
mod facts;
mod fill;
mod language;
mod layout;
mod outcome;
mod read;
mod text;
mod texts;

pub use dates::date_in;
pub use digest::{DIGEST, Digest, DigestFigure, DigestList};
pub use dsn::{Cause, FailureReport, ReportedRecipient, Stamp};
pub use facts::{counted, named, subject};
pub use fill::{Block, Chosen, Filled, HouseFacts, NoticeFacts, OutcomeGroup};
pub use language::spoken;
pub use layout::{Heading, NoticeError, compose, compose_report};
pub use outcome::NoticeOutcome;
pub use texts::{ADVICE, HELD, Notices, SEVERAL};
