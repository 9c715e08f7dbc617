// SPDX-License-Identifier: EUPL-1.2
//! The database engine: SQLite. The only file that names it, or the library through which we speak with it; a second
//! engine is a second variant of the types here.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection as _, Row as _, SqlSafeStr, Sqlite, SqliteConnection,
    SqlitePool, Transaction,
};

use super::StoreError;
use super::sql::{Migration, Statement, Value};

/// Readers beside the one writer.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock before it gives up.
const BUSY: Duration = Duration::from_secs(10);
/// Rows of one statement of [`Connection::insert_all`]: far below the 32,766 parameters a statement may have.
const ROWS: usize = 100;

/// The database of one store: makes connections to it.
#[derive(Clone)]
pub(super) struct Engine {
    options: SqliteConnectOptions,
}

impl Engine {
    // `FULL`: a commit is on the disk when it returns, also in WAL mode (decision D13).
    pub fn of_file(path: &Path) -> Engine {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            // A destroyed key must not live on in a free page (decision D14).
            .pragma("secure_delete", "ON");
        Engine { options }
    }

    /// A connection of one's own, for the writer.
    pub async fn connect(&self) -> Result<Connection, StoreError> {
        Ok(Connection::Own(self.options.connect().await?))
    }

    /// The connections that read.
    pub async fn pool(&self) -> Result<Pool, StoreError> {
        Ok(Pool(SqlitePoolOptions::new().max_connections(READERS).connect_with(self.options.clone()).await?))
    }
}

/// The connections that read.
#[derive(Clone)]
pub(super) struct Pool(SqlitePool);

impl Pool {
    /// A connection on which all reads see the same instant of the database.
    pub async fn snapshot(&self) -> Result<Connection, StoreError> {
        Ok(Connection::Snapshot(self.0.begin().await?))
    }

    pub async fn fetch_optional(&self, sql: Statement, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        let query = sqlx::query_with(sql.text(), bound(values)?);
        Ok(query.fetch_optional(&self.0).await?.map(Row))
    }

    pub async fn fetch_all(&self, sql: Statement, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query_with(sql.text(), bound(values)?);
        Ok(query.fetch_all(&self.0).await?.into_iter().map(Row).collect())
    }

    /// Brings what stands in the write-ahead log to its place, as far as nobody needs to be waited for.
    pub async fn settle_log(&self) -> Result<(), StoreError> {
        sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)").execute(&self.0).await?;
        Ok(())
    }

    /// Brings the schema to its newest version.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<(), StoreError> {
        let row = |m: &Migration| {
            // A number that is SQLite's own row id needs no index beside the table.
            let sql = AssertSqlSafe(m.sql.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY"));
            let (name, sql) = (m.name.into(), sql.into_sql_str());
            sqlx::migrate::Migration::new(m.version, name, MigrationType::Simple, sql, false)
        };
        let migrator = Migrator::with_migrations(migrations.iter().map(row).collect());
        migrator.run(&self.0).await.map_err(|e| match e {
            MigrateError::Execute(e) => e.into(),
            other => StoreError::Database(Arc::new(other)),
        })
    }

    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// One connection.
pub(super) enum Connection {
    Own(SqliteConnection),
    /// Lent by the pool; goes back, and its transaction ends, when this is dropped.
    Snapshot(Transaction<'static, Sqlite>),
}

impl Connection {
    fn inner(&mut self) -> &mut SqliteConnection {
        match self {
            Connection::Own(connection) => connection,
            Connection::Snapshot(transaction) => transaction,
        }
    }

    /// Gives how many rows were changed.
    pub async fn execute(&mut self, sql: Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(sqlx::query_with(sql.text(), bound(values)?).execute(self.inner()).await?.rows_affected())
    }

    pub async fn fetch_optional(&mut self, sql: Statement, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(sqlx::query_with(sql.text(), bound(values)?).fetch_optional(self.inner()).await?.map(Row))
    }

    pub async fn fetch_all(&mut self, sql: Statement, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = sqlx::query_with(sql.text(), bound(values)?).fetch_all(self.inner()).await?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// Runs an `INSERT … VALUES ($1, …)` of `N` parameters for many rows, a hundred at a time.
    pub async fn insert_all<'v, const N: usize>(
        &mut self,
        sql: Statement,
        rows: impl IntoIterator<Item = [Value<'v>; N]> + Send,
    ) -> Result<(), StoreError> {
        let values: Vec<Value<'v>> = rows.into_iter().flatten().collect();
        for chunk in values.chunks(ROWS * N) {
            let text = AssertSqlSafe(for_rows(sql.text(), N, chunk.len() / N));
            sqlx::query_with(text, bound(chunk)?).execute(self.inner()).await?;
        }
        Ok(())
    }

    /// Begins a transaction that may write.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.say("BEGIN IMMEDIATE").await
    }

    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.say("COMMIT").await
    }

    pub async fn rollback(&mut self) -> Result<(), StoreError> {
        self.say("ROLLBACK").await
    }

    /// Begins what can be undone by itself within the transaction.
    pub async fn begin_job(&mut self) -> Result<(), StoreError> {
        self.say("SAVEPOINT job").await
    }

    pub async fn end_job(&mut self) -> Result<(), StoreError> {
        self.say("RELEASE job").await
    }

    pub async fn undo_job(&mut self) -> Result<(), StoreError> {
        self.say("ROLLBACK TO job; RELEASE job").await
    }

    /// Empties the write-ahead log, where what was deleted still stands. Gives whether it could: a reader that still needs
    /// the log is not waited for.
    pub async fn empty_log(&mut self) -> Result<bool, StoreError> {
        self.say("PRAGMA busy_timeout = 0").await?;
        let row = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(self.inner()).await;
        let again = AssertSqlSafe(format!("PRAGMA busy_timeout = {}", BUSY.as_millis()));
        sqlx::raw_sql(again).execute(self.inner()).await?;
        Ok(row?.try_get::<i64, _>(0)? == 0)
    }

    pub async fn is_alive(&mut self) -> bool {
        self.inner().ping().await.is_ok()
    }

    pub async fn close(self) {
        if let Connection::Own(connection) = self {
            // What was committed is on the disk already.
            let _ = connection.close().await;
        }
    }

    async fn say(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql).execute(self.inner()).await?;
        Ok(())
    }
}

/// The same statement for many rows: numbers and commas only, so that nothing of a mail can stand in it.
/// Anonymous parameters: SQLite looks numbered ones up in a list, which for so many costs more than the rows.
fn for_rows(one: &'static str, columns: usize, rows: usize) -> String {
    let head = one.split_once(" VALUES ").map_or(one, |(head, _)| head);
    let row = format!("({}?)", "?, ".repeat(columns.saturating_sub(1)));
    let mut text = String::with_capacity(head.len() + rows * (row.len() + 2) + 8);
    text.push_str(head);
    for n in 0..rows {
        // Writing into a text cannot fail.
        let _ = write!(text, "{}{row}", if n == 0 { " VALUES " } else { ", " });
    }
    text
}

fn bound(values: &[Value<'_>]) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match *value {
            Value::Text(text) => Arguments::add(&mut arguments, text),
            Value::Int(n) => Arguments::add(&mut arguments, n),
            Value::Bool(yes) => Arguments::add(&mut arguments, yes),
            Value::Bytes(bytes) => Arguments::add(&mut arguments, bytes),
        };
        added.map_err(|e| StoreError::from(sqlx::Error::Encode(e)))?;
    }
    Ok(arguments)
}

/// One row of an answer.
pub(super) struct Row(SqliteRow);

impl Row {
    /// The value of the column of this name.
    pub fn get<T: Column>(&self, name: &str) -> Result<T, StoreError> {
        T::named(self, name)
    }

    /// The value of the column at this place.
    pub fn at<T: Column>(&self, place: usize) -> Result<T, StoreError> {
        T::placed(self, place)
    }
}

/// What a column may hold: the four types every engine has, each also absent.
pub(super) trait Column: Sized {
    fn named(row: &Row, name: &str) -> Result<Self, StoreError>;
    fn placed(row: &Row, place: usize) -> Result<Self, StoreError>;
}

macro_rules! columns {
    ($($type:ty),+) => { $(
        impl Column for $type {
            fn named(row: &Row, name: &str) -> Result<Self, StoreError> {
                Ok(row.0.try_get(name)?)
            }
            fn placed(row: &Row, place: usize) -> Result<Self, StoreError> {
                Ok(row.0.try_get(place)?)
            }
        }
    )+ };
}
columns!(i64, bool, String, Vec<u8>, Option<i64>, Option<bool>, Option<String>, Option<Vec<u8>>);

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        if matches!(error, sqlx::Error::PoolClosed) {
            return StoreError::Closed;
        }
        // SQLite keeps in a column whatever stands there: of another type it is nothing that we wrote.
        if matches!(error, sqlx::Error::ColumnDecode { .. }) {
            return StoreError::Damaged { what: error.to_string() };
        }
        // The lower eight bits are the primary code: https://www.sqlite.org/rescode.html
        let code = error.as_database_error().and_then(|e| e.code()?.parse::<u32>().ok()).map(|code| code & 0xff);
        match code {
            Some(8) => StoreError::ReadOnly,
            Some(11 | 26) => StoreError::Damaged { what: error.to_string() },
            Some(13) => StoreError::DiskFull,
            _ => StoreError::Database(Arc::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_and_a_read_only_one_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join("db")).create_if_missing(true);
        let mut full = options.clone().connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (x BYTEA); PRAGMA max_page_count = 3").execute(&mut full).await.unwrap();
        let error = sqlx::raw_sql("INSERT INTO t VALUES (zeroblob(1000000))").execute(&mut full).await.unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::DiskFull));
        full.close().await.unwrap();
        let mut closed = options.read_only(true).connect().await.unwrap();
        let error = sqlx::raw_sql("INSERT INTO t VALUES (1)").execute(&mut closed).await.unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::ReadOnly));
    }

    #[test]
    fn one_statement_holds_many_rows() {
        assert_eq!(
            for_rows("INSERT INTO t (a, b) VALUES ($1, $2)", 2, 2),
            "INSERT INTO t (a, b) VALUES (?, ?), (?, ?)"
        );
    }
}
