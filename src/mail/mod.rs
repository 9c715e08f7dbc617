// SPDX-License-Identifier: EUPL-1.2
//! The words that all other rooms use: addresses, envelopes, ids, mail, replies.
//!
//! What must not live here: parsing of protocol lines (`smtp`), reading of content (`mime`), opinions about a mail
//! (`policy`).
//!
//! How it fails: a text that is not an address is an [`AddressError`], one that is not an id an [`IdError`]; nothing else
//! here can fail.
//!
//! Standards: RFC 5321 (paths, replies), RFC 5322 (*message* is content, *mail* is envelope plus content), RFC 2034
//! and RFC 3463 (enhanced status codes).

mod address;
mod envelope;
mod identity;
mod ids;
mod providers;
mod refused;
pub mod reply;
mod route;
mod verbatim;

pub use address::{AddressError, Domain, ForwardPath, Mailbox, ReversePath, complete_login};
pub use envelope::{Client, Content, Envelope, Mail, Parameter, Parameters, Recipient, Tls};
pub use identity::Identity;
pub use ids::{CopyId, IdError, ItemId, MailId, MailOrCopy};
pub use refused::{KEPT_OF_REFUSED, Parties, Refused};
pub use reply::Reply;
pub use route::FinalDomains;
pub use verbatim::{Verbatim, address_key, closing_bracket};
