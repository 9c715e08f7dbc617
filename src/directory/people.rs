// SPDX-License-Identifier: EUPL-1.2
//! The agents of the administration, from `policies/units/people.csv`.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::fold::{letters, words};
use super::upwards::upwards;
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
    /// First and last day in the administration's service.
    pub from: Option<Date>,
    pub until: Option<Date>,
}

impl Person {
    pub fn serves_on(&self, day: Date) -> bool {
        serves_on(self.from, self.until, day)
    }
}

fn serves_on(from: Option<Date>, until: Option<Date>, day: Date) -> bool {
    from.is_none_or(|from| from <= day) && until.is_none_or(|until| day <= until)
}

/// The day of an instant, in UTC as everywhere in policies.
pub fn day(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

/// One agent as names are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub identity: Identity,
    /// As written.
    pub given: String,
    pub nickname: String,
    /// Its letters.
    pub surname: String,
    from: Option<Date>,
    until: Option<Date>,
}

impl Called {
    fn serves_on(&self, day: Date) -> bool {
        serves_on(self.from, self.until, day)
    }
}

/// First and last day in the administration's service.
type Service = (Option<Date>, Option<Date>);

/// All agents, by lower-case address.
#[derive(Debug, Clone, Default)]
pub struct People {
    pub by_mail: HashMap<String, Person>,
    /// To the key in `by_mail`; where agents share an identity, the first in the alphabet.
    by_identity: HashMap<Identity, String>,
    called: Vec<Called>,
    /// Given name and surname run together, either order, and an initial with the surname likewise, to those called so.
    by_name: HashMap<String, Vec<u32>>,
    by_initial: HashMap<String, Vec<u32>>,
    /// Different given names that a surname has.
    bearers: HashMap<String, u32>,
    /// From when until when those serve who are in a unit or below it.
    in_unit: HashMap<String, Vec<Service>>,
}

/// A unit of fewer people may name one of them (decision D20).
const MANY: usize = 10;

impl People {
    pub fn new(persons: impl IntoIterator<Item = Person>) -> People {
        let mut people = People::default();
        let mut names = HashSet::new();
        for person in persons {
            let mail = person.mail.to_lowercase();
            let identity = Mailbox::parse(&mail).ok().map(|mailbox| mailbox.identity());
            if let Some(identity) = identity {
                people.call(&person, &identity, &mut names);
                let known = people.by_identity.entry(identity).or_insert_with(|| mail.clone());
                if mail < *known {
                    known.clone_from(&mail);
                }
            }
            people.by_mail.insert(mail, person);
        }
        let mut in_unit: HashMap<String, Vec<_>> = HashMap::new();
        for person in people.by_mail.values() {
            for unit in upwards(&person.unit) {
                in_unit.entry(unit.to_owned()).or_default().push((person.from, person.until));
            }
        }
        people.in_unit = in_unit;
        people
    }

    fn call(&mut self, person: &Person, identity: &Identity, names: &mut HashSet<String>) {
        let given = letters(&person.given);
        let Some(initial) = given.chars().next().filter(|_| given.len() >= 2) else { return };
        let compound: String = words(&person.given).iter().filter_map(|word| word.chars().next()).collect();
        let nickname = letters(&person.nickname);
        for surname in [letters(&person.surname), letters(&person.birth_name)] {
            if surname.len() < 2 {
                continue;
            }
            let at = u32::try_from(self.called.len()).unwrap_or(u32::MAX);
            let (from, until) = (person.from, person.until);
            self.called.push(Called {
                identity: identity.clone(),
                given: person.given.clone(),
                nickname: person.nickname.clone(),
                surname: surname.clone(),
                from,
                until,
            });
            for name in [format!("{given}{surname}"), format!("{surname}{given}")] {
                if names.insert(name.clone()) && name.starts_with(given.as_str()) {
                    *self.bearers.entry(surname.clone()).or_default() += 1;
                }
                self.by_name.entry(name).or_default().push(at);
            }
            if nickname.len() >= 2 && nickname != given {
                for name in [format!("{nickname}{surname}"), format!("{surname}{nickname}")] {
                    self.by_name.entry(name).or_default().push(at);
                }
            }
            // Jean-Baptiste is "j" or "jb".
            let mut initials = vec![initial.to_string()];
            initials.extend(Some(compound.clone()).filter(|all| all.chars().count() > 1));
            for initials in initials {
                for name in [format!("{initials}{surname}"), format!("{surname}{initials}")] {
                    self.by_initial.entry(name).or_default().push(at);
                }
            }
        }
    }

    /// The person of that address, as it is written in the file but for its case.
    pub fn at(&self, mail: &str) -> Option<&Person> {
        self.by_mail.get(mail)
    }

    /// The person who sends: what relays and lists do to an address is undone first (decision D18).
    pub fn sender(&self, mailbox: &Mailbox) -> Option<&Person> {
        self.at(&mailbox.key()).or_else(|| self.at(self.by_identity.get(&mailbox.sender_identity())?))
    }

    /// The same, where the person serves on that day.
    pub fn serving(&self, mailbox: &Mailbox, day: Date) -> Option<&Person> {
        self.sender(mailbox).filter(|person| person.serves_on(day))
    }

    /// The agents of that day whose name, run together, is `letters`: given name or nickname, and a surname.
    pub fn called<'p>(&'p self, letters: &str, day: Date) -> impl Iterator<Item = &'p Called> + use<'p> {
        self.those(self.by_name.get(letters), day)
    }

    /// The agents of that day whose surname and initials, run together, are `letters`.
    pub fn with_initial<'p>(&'p self, letters: &str, day: Date) -> impl Iterator<Item = &'p Called> + use<'p> {
        self.those(self.by_initial.get(letters), day)
    }

    fn those<'p>(&'p self, found: Option<&'p Vec<u32>>, day: Date) -> impl Iterator<Item = &'p Called> {
        let all = found.map_or(&[][..], Vec::as_slice).iter();
        all.filter_map(|at| self.called.get(*at as usize)).filter(move |called| called.serves_on(day))
    }

    /// The nearest of this unit and those above it in which so many people serve on that day that it names nobody.
    pub fn unit_of_many<'u>(&self, unit: &'u str, day: Date) -> Option<&'u str> {
        let serves = |(from, until): &&Service| serves_on(*from, *until, day);
        let is_large = |unit: &&str| {
            self.in_unit.get(*unit).is_some_and(|people| people.iter().filter(serves).take(MANY).count() == MANY)
        };
        upwards(unit).find(is_large)
    }

    /// How many agents of different names have this surname.
    pub fn bearers(&self, surname: &str) -> u32 {
        self.bearers.get(surname).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_count_while_they_serve() {
        let row = |mail: &str, from, until| Person {
            mail: mail.into(),
            given: "Ève".into(),
            surname: "Le Goff".into(),
            from,
            until,
            ..Person::default()
        };
        let date = jiff::civil::date;
        let people = People::new([
            row("a@x.example", None, Some(date(2025, 12, 31))),
            row("b@x.example", Some(date(2026, 6, 1)), None),
        ]);
        let who = |day| people.called("evelegoff", day).map(|called| called.identity.to_string()).collect::<Vec<_>>();
        assert_eq!(who(date(2025, 12, 31)), ["a@x.example"]);
        assert_eq!(who(date(2026, 1, 1)), Vec::<String>::new());
        assert_eq!(who(date(2026, 6, 1)), ["b@x.example"]);
        assert_eq!(people.with_initial("elegoff", date(2026, 7, 1)).count(), 1);
        assert_eq!(people.bearers("legoff"), 1);
        let mailbox = Mailbox::parse("a@x.example").unwrap();
        assert!(
            people.serving(&mailbox, date(2025, 1, 1)).is_some()
                && people.serving(&mailbox, date(2026, 1, 1)).is_none()
        );
    }

    #[test]
    fn a_unit_names_nobody_where_ten_serve_in_it_or_below() {
        let date = jiff::civil::date;
        let row = |n: u32, unit: &str, until| Person {
            mail: format!("{unit}-{n}@x.example").replace('/', "-"),
            unit: unit.into(),
            until,
            ..Person::default()
        };
        let gone = Some(date(2025, 12, 31));
        let people = People::new(
            [("sg/achats", 9), ("sg/rh", 1), ("dsi", 10)]
                .into_iter()
                .flat_map(|(unit, count)| (0..count).map(move |n| row(n, unit, None)))
                .chain((20..29).map(|n| row(n, "sg/rh", gone))),
        );
        let of = |unit, day| people.unit_of_many(unit, day);
        let today = date(2026, 3, 1);
        assert_eq!((of("dsi", today), of("dsi/bureau", today)), (Some("dsi"), Some("dsi")));
        assert_eq!((of("sg/achats", today), of("sg/rh", today)), (Some("sg"), Some("sg")));
        assert_eq!(of("sg/rh", date(2025, 12, 31)), Some("sg/rh"), "nine more served then");
        assert_eq!((of("", today), of("unheard", today)), (None, None));
    }
}
