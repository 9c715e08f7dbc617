// SPDX-License-Identifier: EUPL-1.2
//! The roles of the desk.

/// What a person is at the desk; an account may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks at held copies of its units, proposes, and decides where one suffices.
    Reviewer,
    /// The same, and confirms what another proposed.
    Approver,
    /// Answers for rules and lists; sees counts.
    PolicyAdmin,
    /// Looks, at the audit too, and decides nothing.
    Auditor,
    /// Sees all units, advises, and decides no mail (GDPR art. 38(6); decision D43).
    DataProtectionOfficer,
    /// Keeps the gateway running; sees counts.
    Operator,
}

impl Role {
    pub const ALL: [Role; 6] =
        [Role::Reviewer, Role::Approver, Role::PolicyAdmin, Role::Auditor, Role::DataProtectionOfficer, Role::Operator];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reviewer => "reviewer",
            Role::Approver => "approver",
            Role::PolicyAdmin => "policy-admin",
            Role::Auditor => "auditor",
            Role::DataProtectionOfficer => "data-protection-officer",
            Role::Operator => "operator",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
