// SPDX-License-Identifier: EUPL-1.2
//! Administrative lists: what is registered of them, who is on them, for what they may be used.
//!
//! **Here live** the entries of the register, the reader of an owner's file, its export with canaries, templates, the
//! keyed hash of a mailbox, the members of an export with their positions, the merged index that answers for all lists
//! with one look-up, and the search for rows in attachments.
//!
//! **Not here**: files, the clock, randomness, judgement of mail. No address is kept, only what a keyed hash leaves of
//! it; the key is the caller's.
//!
//! **Fails** where an entry is wrong (diagnostics, all at once), where a file is no list ([`rows::RowsError`]), and where
//! stored bytes are not what was written ([`Damaged`]). Nothing is guessed from half a file.
//!
//! **Follows** the contract's names, RFC 4180, RFC 2849 and ECMA-376 as far as files go, and BLAKE3's keyed mode; two
//! mailboxes of 2.3 million meet in 64 bits with a chance of 1.5·10⁻⁷.

pub mod hashed;
mod key;
mod members;
mod index;
mod member_file;
mod lookup;
pub mod rows;
pub mod template;
pub mod entry;
pub mod attachment;
pub mod export;

pub use index::{Index, Listed};
pub use key::{ListKey, Member};
pub use lookup::Lookup;
pub use member_file::{About, MemberFile};
pub use members::{Damaged, Members, Place};
