// SPDX-License-Identifier: EUPL-1.2
//! `[cli.accounts]`: which user of the system is which account of the desk, with its roles and units.

use super::build::Reader;
use super::values::AccountRow;
use crate::access::{Account, Accounts, Role, Scope, User};
use crate::diagnostic::{Diagnostic, listing, nearest};
use crate::mail::Mailbox;

impl Reader {
    pub(super) fn accounts(&mut self) -> Accounts {
        let mut accounts = Vec::new();
        let mut faults = Vec::new();
        for row in &self.values.accounts {
            let user = match row.user.text.trim().parse::<u32>() {
                Ok(uid) => User::Id(uid),
                Err(_) => User::Name(row.user.text.trim().to_owned()),
            };
            accounts.extend(self.account(row, &mut faults).map(|account| (user, account)));
        }
        self.faults.append(&mut faults);
        Accounts::new(accounts)
    }

    fn account(&self, row: &AccountRow, faults: &mut Vec<Diagnostic>) -> Option<Account> {
        let example = "write root = { account = \"a.martin\", role = \"reviewer\" }";
        let (Some(account), false) = (&row.account, row.roles.is_empty()) else {
            let text = format!("cli.accounts: \"{}\" needs both an account and a role", row.user.text.trim());
            faults.push(self.fault_at(&row.user.place, text, example));
            return None;
        };
        if account.text.trim().is_empty() {
            faults.push(self.fault_at(&account.place, "cli.accounts: the account's name is empty", example));
        }
        let before = faults.len();
        let mut roles = Vec::new();
        for role in &row.roles {
            match Role::parse(&role.text) {
                Some(role) => roles.push(role),
                None => {
                    let known = Role::ALL.iter().map(|role| role.as_str());
                    let help = match nearest(&role.text, known.clone()) {
                        Some(word) => format!("did you mean \"{word}\"?"),
                        None => format!("write {}", listing(known)),
                    };
                    let text = format!("cli.accounts: \"{}\" is not a role", role.text);
                    faults.push(self.fault_at(&role.place, text, help));
                }
            }
        }
        let mail = row.mail.as_ref().and_then(|mail| match Mailbox::parse(mail.text.trim()) {
            Ok(mailbox) => Some(mailbox),
            Err(error) => {
                let text = format!("cli.accounts: \"{}\": {error}", mail.text);
                faults.push(self.fault_at(&mail.place, text, "write mail = \"a.martin@example.org\""));
                None
            }
        });
        for unit in row.units.iter().filter(|unit| unit.text.trim().trim_matches('/').is_empty()) {
            let help = "write unit = \"sg/achats\", or \"*\" for all";
            faults.push(self.fault_at(&unit.place, "cli.accounts: the name of a unit is empty", help));
        }
        let scope = match row.units.as_slice() {
            [] => Scope::All,
            units => Scope::of(units.iter().map(|unit| unit.text.as_str())),
        };
        let name = account.text.trim().to_owned();
        (faults.len() == before).then_some(Account { name, roles, scope, mail })
    }
}
