// SPDX-License-Identifier: EUPL-1.2
//! The refusals of the room, as sentences that say what would allow the request.

use super::{GroundError, Resolution, Role};

/// A refusal for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(
        "user {uid} has no account on this gateway; to add one, write in section [cli.accounts] of the settings: \
         {uid} = {{ account = \"a.martin\", role = \"reviewer\" }}"
    )]
    Stranger { uid: u32 },
    #[error("{name} has the role {} and may not {deed}; roles that may: {}", names(.has, ", "), names(.may, ", "))]
    Role { name: String, has: Vec<Role>, deed: &'static str, may: &'static [Role] },
    #[error(
        "root without an account has the role operator and may not {deed} (roles that may: {}); to give the person at this \
         terminal an account, write in section [cli.accounts] of the settings: \
         root = {{ account = \"a.martin\", role = \"{}\" }}",
        names(.may, ", "), names(.may.get(..1).unwrap_or_default(), "")
    )]
    UnmappedRoot { deed: &'static str, may: &'static [Role] },
    /// Mail of another unit. The text does not say that it exists.
    #[error("there is no held copy and no outbox item with the id {id}")]
    OutOfScope { id: String },
    /// Decision D20.
    #[error("{id} is private mail: it can be released or rejected, and nobody reads it")]
    Private { id: String },
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// Decision D26.
    #[error("you are the sender of {id}: nobody approves their own mail, a colleague decides")]
    OwnMail { id: String },
    /// Decision D43.
    #[error("{id} comes from {unit}: who decides about a bulk send is of another branch")]
    Branch { id: String, unit: String },
    /// Decision D43.
    #[error("you are a recipient of {id}: a colleague confirms what {proposer} proposed")]
    Recipient { id: String, proposer: String },
    #[error("{proposer} proposed to {} {id}; an approver confirms or decides otherwise", .to.as_str())]
    NeedsApprover { id: String, proposer: String, to: Resolution },
}

fn names(roles: &[Role], between: &str) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(between)
}
