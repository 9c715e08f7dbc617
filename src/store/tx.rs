// SPDX-License-Identifier: EUPL-1.2
//! How the store speaks with its database, whichever engine that is: statements, values, rows, transactions.
//!
//! Every statement is declared by [`statements!`], which is also how it gets into the list that the suite prepares on
//! each engine; nothing else can be run.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreError;
use super::engine::{Column, Connection, Pool, Row};

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
        $($(#[$note])* const $name: $crate::store::tx::Statement =
            $crate::store::tx::Statement::declared(module_path!(), stringify!($name), $text);)+
        pub(super) const STATEMENTS: &[$crate::store::tx::Statement] = &[$($name),+];
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
    ($($value:expr),* $(,)?) => { &[$($crate::store::tx::Value::from($value)),*] };
}
pub(super) use args;

/// What one row becomes: a tuple by place, or a type that reads its columns by name.
pub(super) trait FromRow: Sized {
    fn from_row(row: Row) -> Result<Self, StoreError>;
}

impl FromRow for Row {
    fn from_row(row: Row) -> Result<Row, StoreError> {
        Ok(row)
    }
}

macro_rules! tuples {
    ($(($($column:ident $place:literal),+))+) => { $(
        impl<$($column: Column),+> FromRow for ($($column,)+) {
            fn from_row(row: Row) -> Result<Self, StoreError> {
                Ok(($(row.at::<$column>($place)?,)+))
            }
        }
    )+ };
}
tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

/// A transaction, or a snapshot of the database for reading. Its end is not its holder's: a job's transaction is
/// committed by the [`Writer`](super::writer::Writer), a snapshot ends when it is dropped.
pub(super) struct Tx(OwnedMutexGuard<Connection>);

impl Tx {
    /// For a transaction that was begun on the connection.
    pub async fn on(connection: &Arc<Mutex<Connection>>) -> Tx {
        Tx(Arc::clone(connection).lock_owned().await)
    }

    /// Gives how many rows were changed.
    pub async fn execute(&mut self, sql: Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        fits(sql, values.len());
        self.0.execute(sql, values).await
    }

    /// Runs an `INSERT … VALUES ($1, …)` for many rows.
    pub async fn insert_all<'v, const N: usize>(
        &mut self,
        sql: Statement,
        rows: impl IntoIterator<Item = [Value<'v>; N]> + Send,
    ) -> Result<(), StoreError> {
        fits(sql, N);
        self.0.insert_all(sql, rows).await
    }

    /// The one row there must be.
    pub async fn fetch_one<T: FromRow>(&mut self, sql: Statement, values: &[Value<'_>]) -> Result<T, StoreError> {
        self.fetch_optional(sql, values).await?.ok_or_else(|| no_row(sql))
    }

    pub async fn fetch_optional<T: FromRow>(
        &mut self,
        sql: Statement,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        fits(sql, values.len());
        self.0.fetch_optional(sql, values).await?.map(T::from_row).transpose()
    }

    pub async fn fetch_all<T: FromRow>(&mut self, sql: Statement, values: &[Value<'_>]) -> Result<Vec<T>, StoreError> {
        fits(sql, values.len());
        self.0.fetch_all(sql, values).await?.into_iter().map(T::from_row).collect()
    }
}

/// Reads beside the writer, each time the last commit.
pub(super) struct Reader {
    pool: Pool,
}

impl Reader {
    pub fn of(pool: Pool) -> Reader {
        Reader { pool }
    }

    /// The one row there must be.
    pub async fn fetch_one<T: FromRow>(&self, sql: Statement, values: &[Value<'_>]) -> Result<T, StoreError> {
        self.fetch_optional(sql, values).await?.ok_or_else(|| no_row(sql))
    }

    pub async fn fetch_optional<T: FromRow>(
        &self,
        sql: Statement,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        fits(sql, values.len());
        self.pool.fetch_optional(sql, values).await?.map(T::from_row).transpose()
    }

    pub async fn fetch_all<T: FromRow>(&self, sql: Statement, values: &[Value<'_>]) -> Result<Vec<T>, StoreError> {
        fits(sql, values.len());
        self.pool.fetch_all(sql, values).await?.into_iter().map(T::from_row).collect()
    }

    /// Several reads of one instant.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        Ok(Tx::on(&Arc::new(Mutex::new(self.pool.snapshot().await?))).await)
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

// An engine may take a value that is not given for NULL.
fn fits(sql: Statement, values: usize) {
    debug_assert_eq!(sql.parameters, values, "values of {}", sql.name());
}

fn no_row(sql: Statement) -> StoreError {
    StoreError::Damaged { what: format!("no answer to {}", sql.name()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_by_the_highest_number() {
        assert_eq!(parameters(b"SELECT 1"), 0);
        assert_eq!(parameters(b"SELECT $2, $10, $1, $"), 10);
    }
}
