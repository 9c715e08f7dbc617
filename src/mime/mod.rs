// SPDX-License-Identifier: EUPL-1.2
//! MIME: a message as a tree of parts with its defects. It is read once, and the original bytes are not changed.
//!
//! What must not live here: opinions about what was found (`detect`), and the inside of documents (`document`).
//!
//! How it fails: it does not. A deviation is a [`Defect`], an exceeded budget is [`Message::exceeded`] (decision D17).
//!
//! Standards: RFC 5322, 2045 to 2047, 2231. mail-parser does the grammar; `encoding.rs`, `outside.rs` and `hidden.rs`
//! close the evasions it leaves open.

mod bomb;
mod boundary;
mod budget;
pub mod card;
pub mod charset;
pub mod cms;
mod cut;
mod encoding;
pub mod envelope;
pub mod filetype;
mod flowed;
mod header;
pub mod hidden;
pub mod html;
mod kind;
mod magic;
mod offsets;
mod outside;
mod parse;
mod stop;
pub mod transfer;
mod walk;

pub use budget::{AMBIGUOUS, ParseBudget, TIME};
pub use cut::{cut, is_signed_or_encrypted, trace_free};
pub use header::parameter;
pub use parse::{parse, parse_until};
pub use stop::Stop;
pub use transfer::percent_decoded;

use std::ops::Range;

use bytes::Bytes;

/// One header field of the message or of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// As written.
    pub name: String,
    /// Unfolded, RFC 2047 words decoded, trimmed.
    pub value: String,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Multipart,
    /// Text shown to the reader as body (not sent as an attachment): charset decoded, HTML kept as HTML.
    Text {
        html: bool,
        text: String,
    },
    /// Anything carried as a file: decoded bytes.
    Attachment(Bytes),
    /// A nested message/rfc822: its header; its parts follow with this part as ancestor.
    Message(Vec<Header>),
}

/// One part of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Numbers as in IMAP (`1`, `2.1`); the parts of a nested message continue its number.
    pub path: String,
    pub parent: Option<usize>,
    /// How many nested messages stand around it; 0 for the message's own parts.
    pub depth: usize,
    pub name: Option<String>,
    /// Lower case `type/subtype` as declared.
    pub declared_type: String,
    /// By content, lower case media type such as `application/pdf`; for text parts the declared one.
    pub true_type: String,
    /// Short name of the true type: `pdf`, `zip`, `docx`, `exe`, `png`, `ole`, `txt`, `html` …; empty if unknown.
    pub extension: String,
    pub headers: Vec<Header>,
    pub body: Body,
    /// Where the part (header and body, without the line end before the next boundary) stands in the
    /// original bytes; `None` inside an encoded nested message, which can only be cut as a whole.
    pub range: Option<Range<usize>>,
}

/// A deviation from the standards. Evidence, never an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// A short name such as `duplicate-header`, `missing-boundary`, `bad-encoding`, `folded-parameter`, `hidden-parts`,
    /// `ambiguous-boundary`.
    pub kind: &'static str,
    pub place: String,
}

/// A message, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub headers: Vec<Header>,
    /// Depth first; index 0 is the root.
    pub parts: Vec<Part>,
    pub defects: Vec<Defect>,
    /// A budget was exceeded (which one): the parts listed are not all there are (decision D17).
    pub exceeded: Option<&'static str>,
}

impl Part {
    /// The charset that the part declares.
    pub fn charset(&self) -> Option<String> {
        parameter(header::first(&self.headers, "Content-Type")?, "charset")
    }

    /// A second name: Content-Type and Content-Disposition each carry one, and programs show the one or the other.
    pub fn other_name(&self) -> Option<String> {
        let of = |field: &str, name: &str| parameter(header::first(&self.headers, field)?, name);
        let names = [of("Content-Disposition", "filename"), of("Content-Type", "name")];
        names.into_iter().flatten().find(|name| self.name.as_ref() != Some(name))
    }
}

impl Message {
    /// The first header field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header::first(&self.headers, name)
    }

    /// The place of a part in the contract's words: `body`, `attachment:NAME`, `attachment:dossier.eml/annexe.pdf`.
    pub fn place(&self, part: usize) -> String {
        let Some(this) = self.parts.get(part) else { return "body".into() };
        let mut path = Vec::new();
        let mut at = Some(part);
        while let Some(part) = at.and_then(|i| self.parts.get(i)) {
            match &part.body {
                Body::Message(_) => path.push(part.name.as_deref().unwrap_or("message")),
                Body::Attachment(_) => path.push(part.name.as_deref().unwrap_or("unnamed")),
                Body::Text { .. } if part.depth > 0 => path.push("body"),
                _ => {}
            }
            at = part.parent;
        }
        path.reverse();
        match &this.body {
            Body::Text { .. } | Body::Multipart if path.is_empty() => "body".into(),
            _ => format!("attachment:{}", path.join("/")),
        }
    }
}
