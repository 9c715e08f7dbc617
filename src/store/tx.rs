// SPDX-License-Identifier: EUPL-1.2
//! How the store speaks with its database, whichever engine that is: transactions, reads, and what their rows become.

use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreError;
use super::engine::{Column, Connection, Pool, Row};
pub(super) use super::sql::{Statement, Value, args, statements};
use crate::mail::{CopyId, IdError, ItemId, MailId};

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

/// An id that the store has given once.
pub(super) fn id_of<T: FromStr<Err = IdError>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: IdError| StoreError::Damaged { what: error.to_string() })
}

macro_rules! ids {
    ($($id:ty),+) => { $(
        impl Column for $id {
            fn named(row: &Row, name: &str) -> Result<$id, StoreError> {
                id_of(&row.get::<String>(name)?)
            }
            fn placed(row: &Row, place: usize) -> Result<$id, StoreError> {
                id_of(&row.at::<String>(place)?)
            }
        }
        impl Column for Option<$id> {
            fn named(row: &Row, name: &str) -> Result<Option<$id>, StoreError> {
                row.get::<Option<String>>(name)?.as_deref().map(id_of).transpose()
            }
            fn placed(row: &Row, place: usize) -> Result<Option<$id>, StoreError> {
                row.at::<Option<String>>(place)?.as_deref().map(id_of).transpose()
            }
        }
    )+ };
}
ids!(MailId, CopyId, ItemId);

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

    /// The rows that can be read: for work that one damaged row must not stop.
    pub async fn fetch_readable<T: FromRow>(
        &mut self,
        sql: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        fits(sql, values.len());
        readable(sql, self.0.fetch_all(sql, values).await?)
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

    /// The rows that can be read: for work that one damaged row must not stop.
    pub async fn fetch_readable<T: FromRow>(&self, sql: Statement, values: &[Value<'_>]) -> Result<Vec<T>, StoreError> {
        fits(sql, values.len());
        readable(sql, self.pool.fetch_all(sql, values).await?)
    }

    /// Several reads of one instant.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        Ok(Tx::on(&Arc::new(Mutex::new(self.pool.snapshot().await?))).await)
    }

    /// Brings what was written last to its place, so that the writer has little left to do for it.
    pub async fn settle_log(&self) -> Result<(), StoreError> {
        self.pool.settle_log().await
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

// An engine may take a value that is not given for NULL.
fn fits(sql: Statement, values: usize) {
    debug_assert_eq!(sql.parameters(), values, "values of {}", sql.name());
}

/// Leaves out what is damaged, and says so.
fn readable<T: FromRow>(sql: Statement, rows: Vec<Row>) -> Result<Vec<T>, StoreError> {
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        match T::from_row(row) {
            Ok(row) => read.push(row),
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(%error, statement = sql.name(), "a row of the store is damaged and left out");
            }
            Err(other) => return Err(other),
        }
    }
    Ok(read)
}

fn no_row(sql: Statement) -> StoreError {
    StoreError::Damaged { what: format!("no answer to {}", sql.name()) }
}
