// SPDX-License-Identifier: EUPL-1.2
//! Statements and their values, in the words that every engine has.
//!
//! Every statement is declared by [`statements!`], which is also how it gets into the list that the suite prepares on
//! each engine; nothing else can be run.

use crate::mail::{CopyId, ItemId, MailId};

/// One change of the schema.
pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    pub sql: &'static str,
}

/// One statement of the store, with `$1` and so on for its values.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    module: &'static str,
    name: &'static str,
    text: &'static str,
    parameters: usize,
}

impl Statement {
    /// Only for [`statements!`].
    pub(super) const fn declared(module: &'static str, name: &'static str, text: &'static str) -> Statement {
        Statement { module, name, text, parameters: parameters(text.as_bytes()) }
    }

    /// The file that declares it, and its name there.
    pub fn name(self) -> String {
        format!("{}::{}", self.module.rsplit(':').next().unwrap_or_default(), self.name)
    }

    pub fn text(self) -> &'static str {
        self.text
    }

    /// How many values it wants.
    pub(super) fn parameters(self) -> usize {
        self.parameters
    }
}

/// The highest number behind a `$`.
const fn parameters(text: &[u8]) -> usize {
    let (mut at, mut highest) = (0, 0);
    while at < text.len() {
        let begins = text[at] == b'$';
        at += 1;
        let mut n = 0;
        while begins && at < text.len() && text[at].is_ascii_digit() {
            n = n * 10 + (text[at] - b'0') as usize;
            at += 1;
        }
        if n > highest {
            highest = n;
        }
    }
    highest
}

/// Declares a file's statements, and the list of them as `STATEMENTS`, which `mod.rs` joins with the others.
macro_rules! statements {
    ($($(#[$note:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$note])* const $name: $crate::store::sql::Statement =
            $crate::store::sql::Statement::declared(module_path!(), stringify!($name), $text);)+
        pub(super) const STATEMENTS: &[$crate::store::sql::Statement] = &[$($name),+];
    };
}
pub(super) use statements;

/// One value of a statement, of the four types every engine has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bool(bool),
    Bytes(Option<&'a [u8]>),
}

macro_rules! values {
    ($($from:ty, $given:ident => $value:expr;)+) => { $(
        impl<'a> From<$from> for Value<'a> {
            fn from($given: $from) -> Value<'a> {
                $value
            }
        }
    )+ };
}
values! {
    &'a str, text => Value::Text(Some(text));
    &'a String, text => Value::Text(Some(text));
    Option<&'a str>, text => Value::Text(text);
    &'a MailId, id => Value::Text(Some(id.as_str()));
    &'a CopyId, id => Value::Text(Some(id.as_str()));
    &'a ItemId, id => Value::Text(Some(id.as_str()));
    Option<&'a CopyId>, id => Value::Text(id.map(CopyId::as_str));
    &'a Option<String>, text => Value::Text(text.as_deref());
    i64, n => Value::Int(Some(n));
    Option<i64>, n => Value::Int(n);
    bool, yes => Value::Bool(yes);
    &'a [u8], bytes => Value::Bytes(Some(bytes));
    &'a Vec<u8>, bytes => Value::Bytes(Some(bytes));
    &'a [u8; 32], bytes => Value::Bytes(Some(bytes));
    &'a Option<Vec<u8>>, bytes => Value::Bytes(bytes.as_deref());
}

/// The values of a statement, in the order of their numbers.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Value::from($value)),*] };
}
pub(super) use args;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_by_the_highest_number() {
        assert_eq!(parameters(b"SELECT 1"), 0);
        assert_eq!(parameters(b"SELECT $2, $10, $1, $"), 10);
    }
}
