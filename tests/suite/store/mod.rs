// SPDX-License-Identifier: EUPL-1.2
//! The store on a real SQLite file and real blobs, in a folder of its own.

mod audit;
mod claim;
mod courier;
mod damaged;
mod desk;
mod durable;
pub mod find;
mod gateways;
mod health;
mod keep;
mod newer;
mod plans;
mod postgres;
mod statements;
mod sweep;

use std::path::Path;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use octroi::mail::{Client, Content, Envelope, ForwardPath, Mail, MailId, Parameters, Recipient, ReversePath};
use octroi::store::{
    HeldCopy, Keeping, OutboxContent, OutboxItem, OutboxKind, Retention, Store, StoreError, StoreSettings, retry_digest,
};
use tempfile::TempDir;

pub use crate::desk::{Acts, caller};

/// A fixed instant; tests add to it.
pub fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

pub fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

pub fn settings(folder: &Path) -> StoreSettings {
    StoreSettings {
        database: folder.join("octroi.db"),
        blobs: folder.join("blobs"),
        key_file: folder.join("key"),
        node: Some("gate-1".into()),
        shared: true,
        keep_free: 0,
        quota: None,
        retention: Retention::default(),
    }
}

pub async fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(settings(folder), noon()).await
}

pub async fn house() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    (folder, store)
}

pub fn reviewer() -> octroi::access::Caller {
    caller("r.martin", &[octroi::access::Role::Reviewer], "*")
}

pub const SECRET: &str = "Plan-Vigipirate-Kappa";

/// A mail from an agent with a telling subject.
pub fn mail(id: &str, to: &[&str]) -> Mail {
    mail_from(id, "<agent@town.example>", to)
}

pub fn mail_from(id: &str, from: &str, to: &[&str]) -> Mail {
    let path = from.split(['<', '>']).nth(1).unwrap();
    let content = format!("Subject: {SECRET}\r\nMessage-ID: <{id}@town.example>\r\n\r\n.{SECRET} body of {id}\r\n");
    Mail {
        id: MailId::parse(id).unwrap(),
        received: noon(),
        client: Client { queue_id: Some(format!("Q{id}")), ..Client::default() },
        envelope: Envelope {
            reverse_path: ReversePath::parse(path).unwrap(),
            parameters: Parameters::default(),
            verbatim: from.into(),
            recipients: to
                .iter()
                .map(|to| Recipient {
                    path: ForwardPath::parse(to).unwrap(),
                    parameters: Parameters::default(),
                    verbatim: format!("<{to}>"),
                })
                .collect(),
        },
        content: Content(Bytes::from(content)),
    }
}

/// Every recipient's copy held, nothing in the outbox.
pub fn all_held(mail: &Mail) -> Keeping<'_> {
    let copy = |recipient| HeldCopy {
        recipient,
        rules: vec!["document-to-private-mailbox".into()],
        reasons: vec!["official documents stay in the house".into()],
        findings_json: format!("[{{\"kind\":\"marking\",\"excerpt\":\"{SECRET}\"}}]"),
        kinds: vec!["marking".into()],
        rank: Some(2),
        needs_two: false,
    };
    Keeping {
        mail,
        retry_digest: retry_digest(&mail.content),
        message_id: Some(format!("<{}@town.example>", mail.id)),
        subject: Some(SECRET.into()),
        private: false,
        unit: None,
        tell: None,
        held: (0..mail.envelope.recipients.len()).map(copy).collect(),
        outbox: Vec::new(),
        series: "o",
    }
}

pub fn item(kind: OutboxKind, from: &str, to: &str, content: OutboxContent) -> OutboxItem {
    OutboxItem { kind, reverse_path: from.into(), recipients: vec![to.into()], content, not_before: noon() }
}

pub fn notice() -> OutboxItem {
    item(
        OutboxKind::Notice,
        "<>",
        "<agent@town.example>",
        OutboxContent::Own(Bytes::from_static(b"Subject: notice\r\n\r\nx\r\n")),
    )
}

/// The database as it is on the disk.
pub async fn connect(folder: &Path) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("octroi.db"));
    sqlx::ConnectOptions::connect(&options).await.unwrap()
}

/// How many files lie in the folder of blobs.
pub fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("blobs")).unwrap().count()
}
