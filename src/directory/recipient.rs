// SPDX-License-Identifier: EUPL-1.2
//! A recipient's class, and the evidence about it.

use serde::Serialize;

use crate::mail::Mailbox;

/// The contract's five classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Own,
    Partner,
    PrivateWebmail,
    Disposable,
    #[default]
    Other,
}

impl Class {
    /// The contract's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Own => "own",
            Class::Partner => "partner",
            Class::PrivateWebmail => "private-webmail",
            Class::Disposable => "disposable",
            Class::Other => "other",
        }
    }

    /// The number under which the journal keeps it: it never changes.
    pub fn number(self) -> u8 {
        match self {
            Class::Own => 0,
            Class::Partner => 1,
            Class::PrivateWebmail => 2,
            Class::Disposable => 3,
            Class::Other => 4,
        }
    }

    /// The class of such a number.
    pub fn of_number(number: u8) -> Option<Class> {
        let all = [Class::Own, Class::Partner, Class::PrivateWebmail, Class::Disposable, Class::Other];
        all.into_iter().find(|class| class.number() == number)
    }
}

/// One recipient with its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifiedRecipient {
    /// `None` for bare `postmaster`, which is `own`.
    pub mailbox: Option<Mailbox>,
    pub class: Class,
    /// The MX records point to a consumer mail host although the domain is on no list. Never decides alone.
    pub consumer_hosted: bool,
    /// The exception that names this recipient (decision D19): its list entry as written.
    pub allowed_by: Option<String>,
}
