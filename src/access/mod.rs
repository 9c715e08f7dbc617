// SPDX-License-Identifier: EUPL-1.2
//! Who may do what at the desk: roles, accounts, commands, units as scope, grounds, and when two must decide. A
//! [`Permit`] or a [`Decision`] comes out of here and from nowhere else. To come: the store acts for nobody without one.
//!
//! What must not live here: sockets, sessions, held mail itself. The caller's identity is proven before (the kernel
//! names the peer of a socket); the facts of a copy come in a [`Case`].
//!
//! How it fails: with a [`Denied`], a sentence for the person who asked that says what would allow it.
//!
//! Standards: decisions D20, D25, D26, D40, D43; the contract's names of roles, actions and grounds.

mod account;
mod campaign_case;
mod command;
mod decide;
mod denied;
mod ground;
mod permit;
mod resolution;
mod role;
mod scope;

pub use account::{Account, Accounts, Caller, Directory, Reach, User};
pub use campaign_case::CampaignCase;
pub use command::{Action, COMMANDS, Command, CommandRow};
pub use decide::{Case, Decision, MANY_RECIPIENTS, Proposal, Ruling, Step};
pub use denied::Denied;
pub use ground::{GROUND_LENGTH, Ground, GroundCode, GroundError};
pub use permit::{
    Actor, Entry, Export, ListExport, ListImport, ListMatch, Look, LookAtBulk, Object, Open, Permit, PermitKind, Retry,
    Reveal,
};
pub use resolution::Resolution;
pub use role::Role;
pub use scope::Scope;
