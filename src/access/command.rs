// SPDX-License-Identifier: EUPL-1.2
//! What one may do, and who may: one table, read by the control socket, the pages and the tests.

use super::Role;

/// What is asked of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    List,
    Show,
    Open,
    Release,
    Reject,
    Export,
    Find,
    OutboxList,
    OutboxRetry,
    AuditVerify,
    AuditList,
    ListsShow,
    ListsMatch,
    ListsImport,
    ListsExport,
    ListsCanaries,
    /// The addresses of canaries.
    ListsReveal,
    CampaignsList,
    CampaignsShow,
    CampaignsAllow,
    CampaignsStop,
}

/// What an entry of the audit says was done; the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Look,
    Open,
    Export,
    Release,
    Reject,
    Propose,
    Approve,
    Refuse,
    Withdraw,
    Retry,
    /// By the calendar.
    Expire,
    /// By the outbox.
    GiveUp,
    /// Somebody asked for the content of private mail (decision D20), or for an id that no mail of their units has: whether
    /// another unit's mail has it makes no difference here either.
    RefusedLook,
    /// Somebody looked for a person's mail by the address; the object is the address's keyed hash (decision D40).
    Search,
    /// The gateway is in another mode than the safe one; the object says which (decision D43).
    Mode,
    /// Members of a list were registered; the object is the list's name.
    ListImport,
    /// A list was written out with canaries; the ground says for whom.
    ListExport,
    /// Somebody asked which lists an address is on; the object is the address's keyed hash.
    ListMatch,
    /// A bulk send may go; the object is its id (decision D22).
    CampaignAllow,
    /// It may not.
    CampaignStop,
}

impl Action {
    pub const ALL: [Action; 20] = [
        Action::Look,
        Action::Open,
        Action::Export,
        Action::Release,
        Action::Reject,
        Action::Propose,
        Action::Approve,
        Action::Refuse,
        Action::Withdraw,
        Action::Retry,
        Action::Expire,
        Action::GiveUp,
        Action::RefusedLook,
        Action::Search,
        Action::Mode,
        Action::ListImport,
        Action::ListExport,
        Action::ListMatch,
        Action::CampaignAllow,
        Action::CampaignStop,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Action::Look => "look",
            Action::Open => "open",
            Action::Export => "export",
            Action::Release => "release",
            Action::Reject => "reject",
            Action::Propose => "propose",
            Action::Approve => "approve",
            Action::Refuse => "refuse",
            Action::Withdraw => "withdraw",
            Action::Retry => "retry",
            Action::Expire => "expire",
            Action::GiveUp => "give-up",
            Action::RefusedLook => "refused-look",
            Action::Search => "search",
            Action::Mode => "mode",
            Action::ListImport => "list-import",
            Action::ListExport => "list-export",
            Action::ListMatch => "list-match",
            Action::CampaignAllow => "campaign-allow",
            Action::CampaignStop => "campaign-stop",
        }
    }

    pub fn parse(text: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct CommandRow {
    pub command: Command,
    /// What it is, behind "may not".
    pub deed: &'static str,
    pub roles: &'static [Role],
    /// Who gets the answer without addresses, or as counts (decision D25).
    pub counts: &'static [Role],
    /// Whether a reason is needed (decision D40).
    pub needs_ground: bool,
    /// Whether the content is needed, which nobody sees of private mail (decision D20).
    pub needs_content: bool,
    /// The audit's entry; nothing is written of what tells no person's affairs.
    pub action: Option<Action>,
}

use Role::{Approver, Auditor, DataProtectionOfficer, Operator, PolicyAdmin, Reviewer};

const LOOKS: &[Role] = &[Reviewer, Approver, Auditor, DataProtectionOfficer];
/// The data protection officer decides nothing about a mail (decision D43).
pub(super) const DECIDES: &[Role] = &[Reviewer, Approver];

/// Every command, once.
pub const COMMANDS: [CommandRow; 21] = [
    row(Command::List, "list held copies", LOOKS).or_counts(&[PolicyAdmin, Operator]),
    row(Command::Show, "look at a held copy", LOOKS).audited(Action::Look),
    row(Command::Open, "read a held message", LOOKS).of_content().audited(Action::Open),
    row(Command::Release, "release", DECIDES).with_ground().audited(Action::Release),
    row(Command::Reject, "reject", DECIDES).with_ground().audited(Action::Reject),
    row(Command::Export, "export a message", &[Reviewer, Approver, DataProtectionOfficer])
        .with_ground()
        .of_content()
        .audited(Action::Export),
    row(Command::Find, "look for mail", LOOKS).or_counts(&[Operator]),
    row(Command::OutboxList, "see the outbox", LOOKS).or_counts(&[Operator]),
    row(Command::OutboxRetry, "retry the outbox", &[Reviewer, Approver, Operator]).audited(Action::Retry),
    row(Command::AuditVerify, "verify the audit", &[Auditor, DataProtectionOfficer, Operator]),
    row(Command::AuditList, "read the audit", &[Auditor, DataProtectionOfficer]),
    row(Command::ListsShow, "see the register of lists", &Role::ALL),
    row(Command::ListsMatch, "ask which lists an address is on", LOOKS).with_ground().audited(Action::ListMatch),
    row(Command::ListsImport, "import a list", &[PolicyAdmin]).audited(Action::ListImport),
    row(Command::ListsExport, "export a list", &[PolicyAdmin]).with_ground().audited(Action::ListExport),
    row(Command::ListsCanaries, "count canaries", &[PolicyAdmin, Auditor, DataProtectionOfficer]),
    row(Command::ListsReveal, "see canaries", &[DataProtectionOfficer]).with_ground().audited(Action::Look),
    row(Command::CampaignsList, "list bulk sends", LOOKS).or_counts(&[PolicyAdmin, Operator]),
    row(Command::CampaignsShow, "look at a bulk send", LOOKS).audited(Action::Look),
    row(Command::CampaignsAllow, "allow a bulk send", DECIDES).with_ground().audited(Action::CampaignAllow),
    row(Command::CampaignsStop, "stop a bulk send", DECIDES).with_ground().audited(Action::CampaignStop),
];

impl Command {
    pub fn row(self) -> &'static CommandRow {
        // A test reads every command's row; the order is that of the enumeration.
        &COMMANDS[self as usize]
    }
}

const fn row(command: Command, deed: &'static str, roles: &'static [Role]) -> CommandRow {
    CommandRow { command, deed, roles, counts: &[], needs_ground: false, needs_content: false, action: None }
}

impl CommandRow {
    const fn or_counts(self, counts: &'static [Role]) -> CommandRow {
        CommandRow { counts, ..self }
    }

    const fn with_ground(self) -> CommandRow {
        CommandRow { needs_ground: true, ..self }
    }

    const fn of_content(self) -> CommandRow {
        CommandRow { needs_content: true, ..self }
    }

    const fn audited(self, action: Action) -> CommandRow {
        CommandRow { action: Some(action), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_finds_its_row() {
        for row in &COMMANDS {
            assert_eq!(row.command.row().command, row.command);
            assert!(!row.roles.is_empty(), "{:?}: nobody may", row.command);
            assert!(!row.counts.iter().any(|role| row.roles.contains(role)), "{:?}", row.command);
        }
    }

    #[test]
    fn what_takes_content_away_or_decides_says_why_and_leaves_an_entry() {
        for row in &COMMANDS {
            assert!(!row.needs_ground || row.action.is_some(), "{:?}: a reason that nobody keeps", row.command);
            assert!(!row.needs_content || row.action.is_some(), "{:?}: content without a trace", row.command);
        }
        for decides in [Command::Release, Command::Reject, Command::CampaignsAllow, Command::CampaignsStop] {
            assert!(!decides.row().roles.contains(&DataProtectionOfficer), "{decides:?}");
        }
    }

    #[test]
    fn actions_read_back() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
    }
}
