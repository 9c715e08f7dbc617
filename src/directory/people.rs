// SPDX-License-Identifier: EUPL-1.2
//! The agents of the administration, from `policies/units/people.csv`.

use std::collections::HashMap;

use super::fold::letters;
use crate::mail::{Identity, Mailbox};

/// One agent. Every field but `mail` may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    pub mail: String,
    pub given: String,
    pub surname: String,
    pub birth_name: String,
    pub nickname: String,
    pub unit: String,
    pub role: String,
}

/// All agents, by lower-case address.
#[derive(Debug, Clone, Default)]
pub struct People {
    pub by_mail: HashMap<String, Person>,
    /// To the key in `by_mail`; where agents share an identity, the first in the alphabet.
    by_identity: HashMap<Identity, String>,
    /// Given name and surname run together, either order, to those called so.
    by_name: HashMap<String, Vec<Identity>>,
}

impl People {
    pub fn new(persons: impl IntoIterator<Item = Person>) -> People {
        let mut people = People::default();
        for person in persons {
            let mail = person.mail.to_lowercase();
            let identity = Mailbox::parse(&mail).ok().map(|mailbox| mailbox.identity());
            let given = letters(&person.given);
            for surname in [&person.surname, &person.birth_name] {
                let surname = letters(surname);
                if given.len() >= 2 && surname.len() >= 2 {
                    for name in [format!("{given}{surname}"), format!("{surname}{given}")] {
                        people.by_name.entry(name).or_default().extend(identity.clone());
                    }
                }
            }
            if let Some(identity) = identity {
                let known = people.by_identity.entry(identity).or_insert_with(|| mail.clone());
                if mail < *known {
                    known.clone_from(&mail);
                }
            }
            people.by_mail.insert(mail, person);
        }
        people
    }

    /// The person of that address, as it is written in the file but for its case.
    pub fn at(&self, mail: &str) -> Option<&Person> {
        self.by_mail.get(mail)
    }

    /// The person who sends: what relays and lists do to an address is undone first (decision D18).
    pub fn sender(&self, mailbox: &Mailbox) -> Option<&Person> {
        self.at(&mailbox.key()).or_else(|| self.at(self.by_identity.get(&mailbox.sender_identity())?))
    }

    /// The agents whose full name, run together, is `letters`.
    pub fn called(&self, letters: &str) -> &[Identity] {
        self.by_name.get(letters).map_or(&[], Vec::as_slice)
    }
}
