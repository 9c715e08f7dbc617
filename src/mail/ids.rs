// SPDX-License-Identifier: EUPL-1.2
//! The ids of mails, held copies and outbox items, and the only place that knows how they are written.
//!
//! An id grows to the right, one part behind each hyphen: `1M8P0ZBWBY1V0E3XXM` is a mail, `1M8P0ZBWBY1V0E3XXM-2` the copy
//! for its second recipient, `1M8P0ZBWBY1V0E3XXM-2-release` the outbox item that sends this copy. People read them out and
//! type them, and the store and the log keep them: an id never changes once it is given.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not the id of {wanted}", shown(.text))]
pub struct IdError {
    text: String,
    wanted: &'static str,
}

impl IdError {
    fn new(text: &str, wanted: &'static str) -> IdError {
        IdError { text: text.to_owned(), wanted }
    }
}

/// The text comes from anywhere: at most a line of it is shown, without control characters.
fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let cut = if text.chars().nth(MOST).is_some() { "…" } else { "" };
    text.chars().take(MOST).flat_map(char::escape_debug).collect::<String>() + cut
}

/// Longest id of a mail: far beyond what this and earlier versions give.
const MAIL_LENGTH: usize = 64;
/// Longest id of an outbox item.
const ITEM_LENGTH: usize = 256;
/// Crockford's base 32: no letters that are read wrongly over the telephone.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits of an id that this version gives.
const PLACES: u32 = 18;
/// What stands before the hyphen in the id of a digest, which belongs to no mail. No mail's id has small letters.
const DIGEST: &str = "digest";

/// The id of one mail in journal, quarantine and replies: capital letters and digits, unique, sortable by time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailId(Box<str>);

impl MailId {
    /// Nine digits of the time in milliseconds, four of `count` and five of `process`: the lower bits of each.
    pub fn new(millis: u64, count: u32, process: u32) -> MailId {
        const COUNT: u128 = (1 << 20) - 1;
        const PROCESS: u128 = (1 << 25) - 1;
        MailId::of_number(
            u128::from(millis) << 45 | (u128::from(count) & COUNT) << 25 | (u128::from(process) & PROCESS),
        )
    }

    /// The id whose digits are the lower 90 bits of a number.
    pub fn of_number(number: u128) -> MailId {
        let digit = |place: u32| char::from(DIGITS[(number >> (5 * place)) as usize & 31]); // below 32, by the mask
        MailId((0..PLACES).rev().map(digit).collect::<String>().into())
    }

    /// The number again; `None` for an id that was not made of one.
    pub fn number(&self) -> Option<u128> {
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
        let digits = (self.0.len() == PLACES as usize).then(|| self.0.bytes())?;
        digits.map(digit).try_fold(0, |number, digit| Some((number << 5) | digit? as u128))
    }

    pub fn parse(text: &str) -> Result<MailId, IdError> {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if (1..=MAIL_LENGTH).contains(&text.len()) && text.bytes().all(fits) {
            Ok(MailId(text.into()))
        } else {
            Err(IdError::new(text, "a mail"))
        }
    }

    /// The mail that a text names: by its own id, or by that of a copy or an outbox item of it.
    pub fn named_by(text: &str) -> Option<MailId> {
        match MailOrCopy::parse(text) {
            Ok(id) => Some(id.mail()),
            Err(_) => ItemId::parse(text).ok()?.mail(),
        }
    }
}

/// The id of the copy of a mail for one recipient: `MAIL-2` for the second recipient of the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CopyId(Box<str>);

impl CopyId {
    /// `recipient` counts from 0, as the envelope's recipients do.
    pub fn new(mail: &MailId, recipient: usize) -> CopyId {
        CopyId(format!("{mail}-{}", recipient + 1).into())
    }

    pub fn parse(text: &str) -> Result<CopyId, IdError> {
        // `+2` and `02` would be other names of one copy.
        let counts = |number: &str| number.parse().is_ok_and(|n: u32| n > 0 && n.to_string() == number);
        match text.split_once('-') {
            Some((mail, number)) if MailId::parse(mail).is_ok() && counts(number) => Ok(CopyId(text.into())),
            _ => Err(IdError::new(text, "a held copy")),
        }
    }

    /// The mail that it is a copy of.
    pub fn mail(&self) -> MailId {
        MailId(self.parts().0.into())
    }

    /// The place of its recipient in the envelope, from 1.
    pub fn number(&self) -> u32 {
        self.parts().1
    }

    fn parts(&self) -> (&str, u32) {
        // Every copy's id has both, see `new` and `parse`.
        self.0.split_once('-').map_or((&self.0, 0), |(mail, number)| (mail, number.parse().unwrap_or(u32::MAX)))
    }
}

/// The id of what octroi itself sends: a release, a notice, a failure report, a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(Box<str>);

impl ItemId {
    /// What is kept with a mail; `number` counts from 1, and each time that the mail is kept has a `series` of its own.
    pub fn with_mail(mail: &MailId, series: &str, number: usize) -> ItemId {
        ItemId(format!("{mail}-{series}{number}").into())
    }

    /// The release of a copy.
    pub fn release(copy: &CopyId) -> ItemId {
        ItemId(format!("{copy}-release").into())
    }

    /// The report that a copy is not delivered, named by what became of it.
    pub fn report(copy: &CopyId, state: &str) -> ItemId {
        ItemId(format!("{copy}-{state}").into())
    }

    /// The notice that says what became of a copy.
    pub fn followup(copy: &CopyId, event: &str) -> ItemId {
        ItemId(format!("{copy}-{event}-told").into())
    }

    /// The report that another item failed at an attempt, or was still not delivered by then, which is too `late`.
    pub fn failure(item: &ItemId, late: bool, attempt: u32) -> ItemId {
        ItemId(format!("{item}-{}{attempt}", if late { "late" } else { "failed" }).into())
    }

    /// A digest; `turn` is in seconds since 1970, and `number` counts from 1.
    pub fn digest(turn: i64, number: u32) -> ItemId {
        ItemId(format!("{DIGEST}-{turn}-{number}").into())
    }

    /// Every text that may be one: what a newer version writes behind a mail's id stays an id.
    pub fn parse(text: &str) -> Result<ItemId, IdError> {
        let sound = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match text.split_once('-') {
            Some((first, rest))
                if text.len() <= ITEM_LENGTH
                    && (first == DIGEST || MailId::parse(first).is_ok())
                    && rest.split('-').all(sound)
                    && CopyId::parse(text).is_err() =>
            {
                Ok(ItemId(text.into()))
            }
            _ => Err(IdError::new(text, "an outbox item")),
        }
    }

    /// The mail that it is about; none for a digest.
    pub fn mail(&self) -> Option<MailId> {
        self.0.split_once('-').and_then(|(mail, _)| MailId::parse(mail).ok())
    }
}

/// What a person names: one copy, or a mail and with it all its copies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MailOrCopy {
    Mail(MailId),
    Copy(CopyId),
}

impl MailOrCopy {
    pub fn parse(text: &str) -> Result<MailOrCopy, IdError> {
        match (MailId::parse(text), CopyId::parse(text)) {
            (Ok(mail), _) => Ok(MailOrCopy::Mail(mail)),
            (_, Ok(copy)) => Ok(MailOrCopy::Copy(copy)),
            _ => Err(IdError::new(text, "a held copy or a mail")),
        }
    }

    pub fn mail(&self) -> MailId {
        match self {
            MailOrCopy::Mail(mail) => mail.clone(),
            MailOrCopy::Copy(copy) => copy.mail(),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            MailOrCopy::Mail(mail) => mail.as_str(),
            MailOrCopy::Copy(copy) => copy.as_str(),
        }
    }

    /// How the ids of everything that belongs to it begin.
    pub fn prefix(&self) -> String {
        format!("{self}-")
    }
}

macro_rules! written {
    ($($id:ty),+) => { $(
        impl $id {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        read_and_shown!($id);
    )+ };
}

macro_rules! read_and_shown {
    ($id:ty) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $id {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$id, IdError> {
                <$id>::parse(text)
            }
        }

        impl TryFrom<String> for $id {
            type Error = IdError;

            fn try_from(text: String) -> Result<$id, IdError> {
                <$id>::parse(&text)
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> String {
                id.as_str().to_owned()
            }
        }

        impl AsRef<str> for $id {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $id {
            fn eq(&self, text: &str) -> bool {
                self.as_str() == text
            }
        }

        impl PartialEq<&str> for $id {
            fn eq(&self, text: &&str) -> bool {
                self.as_str() == *text
            }
        }
    };
}
written!(MailId, CopyId, ItemId);
read_and_shown!(MailOrCopy);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back<T: FromStr<Err = IdError> + AsRef<str> + PartialEq + fmt::Debug>(id: &T) {
        assert_eq!(id.as_ref().parse::<T>().as_ref(), Ok(id));
    }

    proptest! {
        #[test]
        fn every_id_is_read_as_it_was_written(
            (millis, count, process) in any::<(u64, u32, u32)>(),
            recipient in 0usize..1_000_000,
            (series, state) in prop_oneof![Just(("o", "rejected")), Just(("r", "expired"))],
            (number, attempt, late) in (1usize..1000, any::<u32>(), any::<bool>()),
            turn in 0i64..1 << 40,
        ) {
            let mail = MailId::new(millis, count, process);
            back(&mail);
            prop_assert_eq!(MailId::of_number(mail.number().unwrap()), mail.clone());
            let copy = CopyId::new(&mail, recipient);
            back(&copy);
            prop_assert_eq!((copy.mail(), copy.number() as usize), (mail.clone(), recipient + 1));
            for id in [MailOrCopy::Mail(mail.clone()), MailOrCopy::Copy(copy.clone())] {
                back(&id);
                prop_assert_eq!(id.mail(), mail.clone());
            }
            for of_mail in [
                ItemId::with_mail(&mail, series, number),
                ItemId::release(&copy),
                ItemId::report(&copy, state),
                ItemId::followup(&copy, "released"),
            ] {
                let failure = ItemId::failure(&of_mail, late, attempt);
                for item in [of_mail, failure] {
                    back(&item);
                    prop_assert_eq!(item.mail(), Some(mail.clone()));
                    prop_assert_eq!(MailId::named_by(item.as_str()), Some(mail.clone()));
                    prop_assert!(MailOrCopy::parse(item.as_str()).is_err(), "{} is two things", item);
                }
            }
            let digest = ItemId::digest(turn, attempt);
            back(&digest);
            prop_assert_eq!(digest.mail(), None);
        }

        #[test]
        fn whatever_is_read_is_shown_as_it_was(text in "[A-Z0-9a-z+é -]{0,12}|[A-Z0-9]{1,4}(-[a-z0-9]{1,3}){0,3}") {
            if let Ok(id) = MailId::parse(&text) { prop_assert_eq!(id.to_string(), text.as_str()); }
            if let Ok(id) = CopyId::parse(&text) { prop_assert_eq!(id.to_string(), text.as_str()); }
            if let Ok(id) = ItemId::parse(&text) { prop_assert_eq!(id.to_string(), text.as_str()); }
        }
    }

    #[test]
    fn ids_are_written_as_the_contract_has_them() {
        let mail = MailId::new(1_700_000_000_000, 7, 99);
        assert_eq!(mail, "1HF7YAT00000700033");
        let copy = CopyId::new(&mail, 1);
        assert_eq!(copy, "1HF7YAT00000700033-2");
        for (item, written) in [
            (ItemId::with_mail(&mail, "o", 1), "1HF7YAT00000700033-o1"),
            (ItemId::release(&copy), "1HF7YAT00000700033-2-release"),
            (ItemId::report(&copy, "expired"), "1HF7YAT00000700033-2-expired"),
            (ItemId::followup(&copy, "rejected"), "1HF7YAT00000700033-2-rejected-told"),
            (ItemId::failure(&ItemId::release(&copy), true, 3), "1HF7YAT00000700033-2-release-late3"),
            (ItemId::failure(&ItemId::with_mail(&mail, "r", 1), false, 1), "1HF7YAT00000700033-r1-failed1"),
            (ItemId::digest(1_700_000_000, 2), "digest-1700000000-2"),
        ] {
            assert_eq!(item, written);
            assert_eq!(serde_json::to_string(&item).unwrap(), format!("\"{written}\""));
        }
        assert_eq!(serde_json::from_str::<MailOrCopy>("\"M1-2\"").unwrap(), MailOrCopy::Copy(CopyId("M1-2".into())));
    }

    #[test]
    fn what_is_no_id_is_refused_with_what_was_wanted() {
        let long = "A".repeat(MAIL_LENGTH + 1);
        for wrong in ["", " ", "a b", "M1-1", "m1", "é", "M1\r\n", "../M1", "digest", "M1-", &long] {
            assert!(MailId::parse(wrong).is_err(), "{wrong:?}");
        }
        let copies =
            ["", "M1", "M1-", "M1-0", "M1-01", "M1-+1", "M1-1-release", "-1", "M1-99999999999", "m1-1", "M1-1 "];
        for wrong in copies.into_iter().chain(["M1--1", "M1-1\n", "digest-1", "M1-o1", "M1-²"]) {
            assert!(CopyId::parse(wrong).is_err(), "{wrong:?}");
        }
        let items = ["", "M1", "M1-1", "M1--o1", "M1-o1 ", "M1-o1\n", "M1-é", "m1-o1", "digest", "digest-", "-o1"];
        for wrong in items {
            assert!(ItemId::parse(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "M1-o1", "M1-1-release", "clerk@town.example", "digest-1-1"] {
            assert!(MailOrCopy::parse(wrong).is_err(), "{wrong:?}");
        }
        for none in ["", "digest-1-1", "clerk@town.example", "0a1b", "M1 -1"] {
            assert_eq!(MailId::named_by(none), None, "{none:?}");
        }
        assert!(serde_json::from_str::<CopyId>("\"M1-x\"").is_err());
        let said = |text: &str| CopyId::parse(text).unwrap_err().to_string();
        assert_eq!(said("M1-x"), "`M1-x` is not the id of a held copy");
        assert_eq!(said("M1\u{1b}[2J"), "`M1\\u{1b}[2J` is not the id of a held copy");
        assert!(said(&"x".repeat(1000)).len() < 150);
    }
}
