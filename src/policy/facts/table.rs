// SPDX-License-Identifier: EUPL-1.2
//! What a table of facts consists of: the types that a fact may have, and what follows from its row.

use cedar_policy::RestrictedExpression;

use super::Proof;
use crate::detect::FindingKind;
use crate::directory::Class;
use crate::policy::bytes::{read_byte, read_number, read_text, write_number, write_text};

/// A small set of words: sorted, without repetition; empty costs nothing.
pub type Words = Vec<Box<str>>;

/// Domain lists as bits, in the order of their policy's lists. Rules ask for them as parents: `resource in …`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ListBits(pub u64);

/// A type that facts may have. Its default is what is true of a mail in which nothing stands.
pub(crate) trait FactValue: Clone + Default + PartialEq {
    /// The type in the schema, where the fact is an attribute.
    const CEDAR: Option<&'static str>;

    /// The value as rules see it, where the fact is an attribute.
    fn attribute(&self) -> Option<RestrictedExpression>;

    /// Writes the value for the journal, unless it is the default, which is left out.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads it again; `None` where the bytes are no value of this type.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

impl FactValue for bool {
    const CEDAR: Option<&'static str> = Some("Bool");

    fn attribute(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_bool(*self))
    }

    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut &[u8]) -> Option<bool> {
        // Only what is not the default is written.
        Some(true)
    }
}

impl FactValue for u32 {
    const CEDAR: Option<&'static str> = Some("Long");

    fn attribute(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_long((*self).into()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number((*self).into(), out);
    }

    fn read(bytes: &mut &[u8]) -> Option<u32> {
        u32::try_from(read_number(bytes)?).ok()
    }
}

impl FactValue for Box<str> {
    const CEDAR: Option<&'static str> = Some("String");

    fn attribute(&self) -> Option<RestrictedExpression> {
        Some(text(self))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Box<str>> {
        read_text(bytes).map(Box::from)
    }
}

impl FactValue for Words {
    const CEDAR: Option<&'static str> = Some("Set<String>");

    fn attribute(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_set(self.iter().map(|word| text(word))))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        self.iter().for_each(|word| write_text(word, out));
    }

    fn read(bytes: &mut &[u8]) -> Option<Words> {
        (0..read_number(bytes)?).map(|_| read_text(bytes).map(Box::from)).collect()
    }
}

impl FactValue for Class {
    const CEDAR: Option<&'static str> = Some("String");

    fn attribute(&self) -> Option<RestrictedExpression> {
        Some(text(self.as_str()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.number());
    }

    fn read(bytes: &mut &[u8]) -> Option<Class> {
        Class::of_number(read_byte(bytes)?)
    }
}

impl FactValue for Proof {
    const CEDAR: Option<&'static str> = Some("String");

    fn attribute(&self) -> Option<RestrictedExpression> {
        Some(text(self.as_str()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn read(bytes: &mut &[u8]) -> Option<Proof> {
        let number = read_byte(bytes)?;
        [Proof::None, Proof::Claimed, Proof::Login].into_iter().find(|proof| *proof as u8 == number)
    }
}

impl FactValue for ListBits {
    const CEDAR: Option<&'static str> = None;

    fn attribute(&self) -> Option<RestrictedExpression> {
        None
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.0, out);
    }

    fn read(bytes: &mut &[u8]) -> Option<ListBits> {
        read_number(bytes).map(ListBits)
    }
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

/// One fact, for those who look facts up by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub name: &'static str,
    /// Its bit in a mask. It stands in journals, so it is never given to another fact, and a fact that comes to mean
    /// something else gets another one.
    pub number: u32,
    pub cedar: Option<&'static str>,
    pub origin: Origin,
    /// What it says, for authors of rules.
    pub about: &'static str,
}

/// Where a fact comes from. Other detectors than those of the day might have found something else (decision D23).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Envelope, session, lists, people.
    Known,
    /// The same, and it says who it was or how large.
    Telling,
    /// Findings: that something stands in the mail, or its rank.
    Found,
    /// Findings of a kind: which, or how many.
    Value(FindingKind),
}

impl Origin {
    pub const fn is_found(self) -> bool {
        matches!(self, Origin::Found | Origin::Value(_))
    }
}

/// A mask of one fact, or of none.
pub(crate) const fn bit(set: bool, number: u32) -> u64 {
    if set { 1 << number } else { 0 }
}

/// What is not kept of a private mail with these facts set (decision D20): what tells who or how much, and of findings
/// everything but that they were there, and their rank.
pub(crate) fn private(rows: &[Row], set: u64) -> u64 {
    let is_there = |kind| rows.iter().any(|row| row.origin == Origin::Value(kind) && set & (1 << row.number) != 0);
    let is_left_out = |row: &&Row| match row.origin {
        Origin::Known | Origin::Found => false,
        Origin::Telling => true,
        // All that is said of the kind, so that what is missing does not say it either.
        Origin::Value(kind) => is_there(kind),
    };
    rows.iter().filter(is_left_out).fold(0, |mask, row| mask | 1 << row.number)
}

/// The mark of a row: none, `telling`, `found`, or `value of` a kind of finding.
macro_rules! origin {
    () => {
        $crate::policy::facts::table::Origin::Known
    };
    (telling) => {
        $crate::policy::facts::table::Origin::Telling
    };
    (found) => {
        $crate::policy::facts::table::Origin::Found
    };
    (value of $kind:ident) => {
        $crate::policy::facts::table::Origin::Value($crate::detect::FindingKind::$kind)
    };
}
pub(super) use origin;

/// A table of facts: `/// what it says`, then `name (number) [mark]: type = how it is gathered`. The struct, the
/// gathering, the masks, the attributes and the schema follow from it.
macro_rules! facts {
    ($(#[doc = $about:literal])+ pub struct $facts:ident of $evidence:ty {
        $($(#[doc = $says:literal])* $name:ident ($number:literal) $([$($mark:tt)+])?: $type:ty = $gather:expr,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
        pub struct $facts {
            $($(#[doc = $says])* pub $name: $type,)+
        }

        impl $facts {
            pub(crate) const ROWS: &[Row] = &[$(Row {
                name: stringify!($name),
                number: $number,
                cedar: <$type as FactValue>::CEDAR,
                origin: $crate::policy::facts::table::origin!($($($mark)+)?),
                about: concat!($($says),*),
            },)+];

            /// All facts, whether or not a rule asks for them.
            pub(in crate::policy) fn gather(evidence: &$evidence) -> $facts {
                $facts {
                    $($name: {
                        let gather: fn(&$evidence) -> $type = $gather;
                        gather(evidence)
                    },)+
                }
            }

            /// The same with nothing but what `mask` asks for.
            pub(crate) fn asked(&self, mask: u64) -> $facts {
                $facts {
                    $($name: if mask & (1 << $number) != 0 { self.$name.clone() } else { Default::default() },)+
                }
            }

            /// All that there are, as a mask.
            pub(crate) const ALL: u64 = $(1 << $number)|+;

            /// Those that findings say, as a mask.
            pub(crate) const FOUND: u64 = $($crate::policy::facts::table::bit(
                $crate::policy::facts::table::origin!($($($mark)+)?).is_found(),
                $number,
            ))|+;

            /// Those that are not as in a mail in which nothing stands, as a mask.
            pub(crate) fn set(&self) -> u64 {
                $($crate::policy::facts::table::bit(self.$name != <$type>::default(), $number))|+
            }

            /// What is kept of them where the mail is private, and what is left out, as a mask.
            pub(crate) fn of_private(&self) -> ($facts, u64) {
                let left_out = $crate::policy::facts::table::private($facts::ROWS, self.set());
                (self.asked(!left_out), left_out)
            }

            /// For the journal: the number of each fact that is not its type's default, and its value.
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                $(if self.$name != <$type>::default() {
                    out.push($number);
                    self.$name.write(out);
                })+
            }

            /// Reads what [`write`](Self::write) wrote; `None` where a newer octroi wrote it.
            pub(crate) fn read(mut bytes: &[u8]) -> Option<$facts> {
                let mut facts = $facts::default();
                while let Some((number, rest)) = bytes.split_first() {
                    bytes = rest;
                    match number {
                        $($number => facts.$name = FactValue::read(&mut bytes)?,)+
                        _ => return None,
                    }
                }
                Some(facts)
            }

            /// The facts as rules see them.
            pub(crate) fn attributes(&self) -> impl Iterator<Item = (String, RestrictedExpression)> {
                [$((stringify!($name), self.$name.attribute()),)+]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            }
        }
    };
}
pub(super) use facts;
