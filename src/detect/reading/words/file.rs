// SPDX-License-Identifier: EUPL-1.2
//! The form of a file of `policies/words/`: every section and key may be missing, an unknown one is a fault.

use serde::Deserialize;
use toml::Spanned;

/// Words of one key, each with its place in the file.
pub(super) type List = Vec<Spanned<String>>;

macro_rules! sections {
    ($($(#[$doc:meta])* $section:ident $type:ident { $($key:ident),* $(,)? })*) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct File {
            $($(#[$doc])* pub $section: $type,)*
        }

        $(
            #[derive(Debug, Default, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub(super) struct $type {
                $(pub $key: List,)*
            }
        )*

        impl File {
            /// Every list with the key it stands under.
            pub(super) fn lists(&self) -> Vec<(&'static str, &List)> {
                vec![$($((concat!(stringify!($section), ".", stringify!($key)), &self.$section.$key)),*),*]
            }
        }
    };
}

sections! {
    /// Prefixes of a subject.
    subject Subject { forward, answer }
    /// Lines over a quoted message.
    lines Lines { forward, original, wrote_begins, wrote }
    /// Names of the header lines of a quoted message.
    header Header { from, to, cc, subject, date, other }
    /// How a reader is spoken to.
    greeting Greeting { words, distant, titles, offices, formal, turns, familiar }
    /// Marks of private correspondence.
    private Private { marks, opening, staff, not_after }
    /// Names and local parts of mailboxes.
    mailbox Mailboxes { me, private, mine, yours, roles }
    /// Who is family.
    family Family { relatives, endearments }
    /// Answers that a machine gives.
    automatic Automatic { subjects }
    /// The legal paragraph under a mail.
    footer Footer { begins }
    /// Invitations by telephone.
    meeting Meeting { id, code }
}
