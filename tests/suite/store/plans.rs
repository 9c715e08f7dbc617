// SPDX-License-Identifier: EUPL-1.2
//! No statement reads a whole table, but for those that count or name why here.

use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::*;

/// Statements that look at every row of a table, and what makes that right.
const WHOLE_TABLES: &[(&str, &str)] = &[
    ("audit::CHAINS", "every entry's gateway, out of the index"),
    ("audit::GATEWAYS", "a row a gateway"),
    ("audit::LAST_OVER", "the beginning of one chain, in the order of its key, as far as its limit"),
    ("courier::ALL_LISTED", "in the order of its index, as far as its limit"),
    ("quarantine::COUNTED", "a count of every copy, out of an index, for who may see no more"),
    ("campaigns::CAMPAIGNS", "what is known of bulk sends, once at the start"),
    ("campaigns::SENDERS", "senders of flagged ones, once at the start"),
    ("campaigns::DECISIONS", "a row a decided one, once at the start"),
    ("audit::NEWEST", "in the order of its index, as far as its limit"),
    ("journal_hours::HOURS", "a row an hour of the journal"),
    ("journal_hours::LAST_HOUR", "the last of its key, as far as its limit"),
    ("schema::BYTES_STORED", "a sum, at the start and at each sweep"),
];

async fn plan(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(explain).fetch_all(connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_unnamed() {
    let (folder, store) = house().await;
    let mut connection = connect(folder.path()).await;
    let (mut scanned, mut unnamed) = (Vec::new(), Vec::new());
    for statement in octroi::store::statements() {
        let plan = plan(&mut connection, statement.text()).await;
        let whole = |step: &&String| step.starts_with("SCAN ") && !step.starts_with("SCAN CONSTANT ROW");
        if plan.iter().any(|step| whole(&step)) {
            scanned.push(statement.name());
            if !WHOLE_TABLES.iter().any(|(name, _)| *name == statement.name()) {
                unnamed.push(format!("{}:\n    {}", statement.name(), plan.join("\n    ")));
            }
        }
    }
    assert!(unnamed.is_empty(), "\n{}", unnamed.join("\n"));
    for (name, _) in WHOLE_TABLES {
        assert!(scanned.iter().any(|scanned| scanned == name), "{name} reads no whole table any more");
    }
    connection.close().await.unwrap();
    store.close().await.unwrap();
}
