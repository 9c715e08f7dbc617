// SPDX-License-Identifier: EUPL-1.2
//! The administration's agents, from `policies/units/people.csv`.

use std::collections::HashMap;

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
}
