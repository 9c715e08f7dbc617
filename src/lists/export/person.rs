// SPDX-License-Identifier: EUPL-1.2
//! Names within addresses: what a column of names has to do with the column of addresses.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::mail::Mailbox;

/// Which part of an address a cell repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Given,
    Surname,
    /// `zoe roux`.
    Full,
    /// `roux zoe`.
    Reversed,
    /// The local part as it stands: a login.
    Login,
}

pub const ROLES: [Role; 5] = [Role::Given, Role::Surname, Role::Full, Role::Reversed, Role::Login];

/// The words of a local part: `zoe.roux2` is `zoe`, `roux`.
pub fn names(mailbox: &Mailbox) -> Vec<String> {
    let local = mailbox.local().split('+').next().unwrap_or_default();
    words(&local.replace(char::is_numeric, " "))
}

/// The words of a text without case and accents.
fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Role {
    /// Whether a cell is this part of an address with these words.
    pub fn fits(self, cell: &str, mailbox: &Mailbox, names: &[String]) -> bool {
        if self == Role::Login {
            return cell.trim().eq_ignore_ascii_case(mailbox.local());
        }
        let (Some(first), Some(last), true) = (names.first(), names.last(), names.len() > 1) else { return false };
        let cell = words(cell);
        match self {
            Role::Given => cell.len() == 1 && cell[0] == *first,
            Role::Surname => cell.len() == 1 && cell[0] == *last,
            Role::Full => cell == names,
            Role::Reversed => cell.iter().eq(names.iter().rev()),
            Role::Login => false,
        }
    }

    /// The part of an address; `None` where it has no such part.
    pub fn of(self, mailbox: &Mailbox) -> Option<String> {
        if self == Role::Login {
            return Some(mailbox.local().to_owned());
        }
        let mut names = names(mailbox);
        let is_name = |name: &String| name.chars().count() > 1;
        match self {
            _ if names.len() < 2 => None,
            Role::Given => names.into_iter().next().filter(is_name),
            Role::Surname => names.pop().filter(is_name),
            Role::Full => Some(names.join(" ")),
            Role::Reversed => {
                names.reverse();
                Some(names.join(" "))
            }
            Role::Login => None,
        }
    }
}

/// How the letters of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    Upper,
    Lower,
    #[default]
    Title,
}

impl Case {
    pub fn of(text: &str) -> Option<Case> {
        let upper = text.chars().filter(|c| c.is_uppercase()).count();
        let lower = text.chars().filter(|c| c.is_lowercase()).count();
        match (upper, lower) {
            (0, 0) => None,
            (_, 0) => Some(Case::Upper),
            (0, _) => Some(Case::Lower),
            _ => Some(Case::Title),
        }
    }

    pub fn write(self, text: &str) -> String {
        match self {
            Case::Upper => text.to_uppercase(),
            Case::Lower => text.to_lowercase(),
            Case::Title => {
                let mut is_start = true;
                text.chars()
                    .flat_map(|c| {
                        let written: Vec<char> =
                            if is_start { c.to_uppercase().collect() } else { c.to_lowercase().collect() };
                        is_start = !c.is_alphanumeric();
                        written
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_addresses() {
        let mailbox = Mailbox::parse("Zoe.Roux2+x@web.example").unwrap();
        let names = names(&mailbox);
        assert_eq!(names, ["zoe", "roux"]);
        assert!(Role::Given.fits(" Zoé ", &mailbox, &names) && Role::Surname.fits("ROUX", &mailbox, &names));
        assert!(Role::Reversed.fits("ROUX Zoé", &mailbox, &names) && !Role::Full.fits("Roux Zoé", &mailbox, &names));
        assert_eq!(Case::Title.write(&Role::Full.of(&mailbox).unwrap()), "Zoe Roux");
        assert_eq!(Role::Given.of(&Mailbox::parse("zroux@web.example").unwrap()), None);
        assert_eq!(
            (Case::of("ÉLISE 2"), Case::of("12"), Case::of("Élise")),
            (Some(Case::Upper), None, Some(Case::Title))
        );
    }
}
