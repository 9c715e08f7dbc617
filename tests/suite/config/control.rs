// SPDX-License-Identifier: EUPL-1.2
//! The control socket over a real unix socket, with a real desk and store behind it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use octroi::access::{Account, Accounts, Role, Scope, User};
use octroi::desk::{AuditQuery, Desk, HeldQuery};
use octroi::listen::control::*;
use octroi::mail::Content;
use octroi::store::{CopyState, Keeping, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::store::{all_held, mail, noon, settings};

pub const MESSAGE: &[u8] = b"Subject: \xe9t\xe9\r\n\r\n{\"not\":\"a line of the protocol\"}\n\r\n";

/// A gateway that is nothing but its control socket. Held are M1, for two recipients, and M2, which is private.
pub struct Gateway {
    pub socket: PathBuf,
    store: Store,
    shutdown: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    _folder: TempDir,
}

impl Gateway {
    /// `role`: the account of the user who runs the tests; without one the user is unmapped.
    pub fn start(role: Option<Role>) -> Gateway {
        Gateway::of(role.map(|role| (role, Scope::All)))
    }

    /// The same for an account that is there for some units.
    pub fn of(role: Option<(Role, Scope)>) -> Gateway {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("octroi.sock");
        let account = |(role, scope)| Account { name: "a.martin".into(), roles: vec![role], scope, mail: None };
        let accounts = role.map(|role| (User::Id(my_uid()), account(role)));
        let directory = Accounts::new(accounts.into_iter().collect()).resolve(&BTreeMap::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shutdown = CancellationToken::new();
        let store = runtime.block_on(async {
            let store = Store::open(settings(folder.path()), noon()).await.unwrap();
            let mut open = mail("M1", &["b@gmail.com", "c@gmail.com"]);
            open.content = Content(Bytes::from_static(MESSAGE));
            store.keep(&all_held(&open)).await.unwrap();
            let sealed = mail("M2", &["a.martin@home.example"]);
            store.keep(&Keeping { private: true, ..all_held(&sealed) }).await.unwrap();
            store
        });
        let desk = Arc::new(Desk::new(store.clone(), directory, true, Arc::new(noon)));
        let listener = {
            let _inside = runtime.enter();
            bind(&socket).unwrap()
        };
        runtime.spawn(serve(listener, desk, shutdown.clone()));
        Gateway { socket, store, shutdown, runtime: Some(runtime), _folder: folder }
    }

    pub fn ask(&self, request: Request) -> Result<(Answer, Vec<u8>), ControlError> {
        ask(&self.socket, &request)
    }

    /// Who did what to what, oldest first.
    pub fn audit(&self) -> Vec<String> {
        let entries = self.runtime.as_ref().unwrap().block_on(self.store.audit_entries(100)).unwrap();
        let mut told: Vec<String> = entries.iter().map(|e| format!("{}: {} {}", e.actor, e.action, e.object)).collect();
        told.reverse();
        told
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            // A connection may still be waiting for a peer; nothing waits for it.
            runtime.shutdown_background();
        }
    }
}

fn my_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid()
}

fn list() -> Request {
    Request::List(HeldQuery { state: Some(CopyState::Held), limit: 10, ..HeldQuery::default() })
}

fn release(id: &str) -> Request {
    Request::Release { id: id.into(), reason: "asked by phone".into(), ground: None }
}

fn reject(id: &str) -> Request {
    Request::Reject { id: id.into(), reason: "not the right mailbox".into(), ground: None }
}

#[test]
fn a_reviewer_lists_shows_releases_and_exports_under_his_own_name() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    let Answer::Held(rows) = gateway.ask(list()).unwrap().0 else { panic!("no list") };
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["M2-1", "M1-2", "M1-1"]);
    let Answer::Shown(shown) = gateway.ask(Request::Show { id: "M2-1".into() }).unwrap().0 else { panic!() };
    assert!(shown.private && shown.subject.is_none());
    let Answer::Done(done) = gateway.ask(release("M1-1")).unwrap().0 else { panic!("not released") };
    assert_eq!((done.id.as_str(), done.state, done.note), ("M1-1", CopyState::Released, None));
    let (answer, content) =
        gateway.ask(Request::Export { id: "M1-2".into(), reason: "asked by the judge".into() }).unwrap();
    assert_eq!(answer, Answer::Message { bytes: MESSAGE.len() as u64 });
    assert_eq!(content, MESSAGE);
    assert_eq!(gateway.audit(), ["a.martin: look M2-1", "a.martin: release M1-1", "a.martin: export M1-2"]);
}

#[test]
fn refusals_are_told_as_they_are() {
    let gateway = Gateway::start(Some(Role::Approver));
    let says = |request| gateway.ask(request).unwrap_err().to_string();
    assert_eq!(says(release("7")), "there is no held copy and no outbox item with the id 7");
    gateway.ask(reject("M1-1")).unwrap();
    assert_eq!(says(release("M1-1")), "M1-1 is already rejected");
    assert!(says(Request::Export { id: "M2-1".into(), reason: "asked by the judge".into() }).contains("M2-1"));
    let blank = Request::Release { id: "M1-2".into(), reason: " \t".into(), ground: None };
    assert_eq!(says(blank), "a reason is needed, in your own words: it is kept in the audit");
    gateway.runtime.as_ref().unwrap().block_on(gateway.store.clone().close()).unwrap();
    assert_eq!(says(reject("M1-2")), "the store is closed");
}

#[test]
fn an_operator_sees_counts_and_no_copy() {
    let gateway = Gateway::start(Some(Role::Operator));
    let Answer::Counts(counts) = gateway.ask(list()).unwrap().0 else { panic!("a list for an operator") };
    assert_eq!((counts.held, counts.outbox), (3, 0));
    assert!(matches!(gateway.ask(Request::OutboxList).unwrap().0, Answer::Counts(_)));
    assert_eq!(gateway.ask(Request::OutboxRetry { id: None }).unwrap().0, Answer::Retried { rows: 0 });
    for request in [
        Request::Show { id: "M1-1".into() },
        release("M1-1"),
        reject("M1-1"),
        Request::Export { id: "M1-1".into(), reason: "asked by the judge".into() },
    ] {
        let refusal = gateway.ask(request).unwrap_err().to_string();
        assert!(refusal.contains("a.martin has the role operator and may not"), "{refusal}");
    }
    assert!(gateway.audit().is_empty(), "something was done in spite of the role");
}

#[test]
fn a_user_without_an_account_is_operator_as_root_and_a_stranger_otherwise() {
    let gateway = Gateway::start(None);
    let refusal = gateway.ask(release("M1-1")).unwrap_err().to_string();
    assert!(refusal.contains("[cli.accounts]"), "{refusal}");
    match (my_uid(), gateway.ask(list())) {
        (0, answer) => assert!(matches!(answer.unwrap().0, Answer::Counts(_))),
        (_, answer) => assert!(answer.unwrap_err().to_string().contains("has no account")),
    }
    assert!(gateway.audit().is_empty());
}

#[test]
fn nonsense_is_refused_and_the_next_is_served() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    for nonsense in [&b"\n"[..], b"{\"do\":\"fly\"}\n", b"\xff\xfe\n", b"{\"do\":\"show\"}", &vec![b'x'; 100_000]] {
        let mut stream = std::os::unix::net::UnixStream::connect(&gateway.socket).unwrap();
        // The gateway stops reading past its limit: then the write may fail, and the answer may be lost with it.
        let sent = stream.write_all(nonsense);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        assert!(answer.contains("does not understand") || sent.is_err() || read.is_err(), "{answer}");
    }
    assert!(gateway.ask(list()).is_ok());
    assert!(gateway.audit().is_empty());
}

#[test]
fn no_gateway_is_said_plainly() {
    let error = ask(Path::new("/nonexistent/octroi.sock"), &list()).unwrap_err().to_string();
    assert!(
        error.starts_with("no gateway answers at /nonexistent/octroi.sock; start it with `octroi serve`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_dead_gateways_socket_is_taken_and_a_living_ones_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("run/octroi.sock");
    let first = bind(&path).unwrap();
    assert!(bind(&path).unwrap_err().to_string().contains("another gateway answers"));
    drop(first);
    assert!(path.exists());
    let second = bind(&path).unwrap();
    drop(second);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "a file that is no socket").unwrap();
    assert!(bind(&path).is_err());
    assert!(path.exists(), "a file of somebody else's was removed");
}

#[test]
fn an_operator_finds_what_became_of_a_mail_and_not_who_wrote_to_whom() {
    let found = |role| {
        let gateway = Gateway::start(Some(role));
        let Answer::Found(found) = gateway.ask(Request::Find { what: "QM1".into() }).unwrap().0 else { panic!() };
        let mut rows = found.rows;
        assert_eq!(rows.len(), 2);
        rows.remove(0)
    };
    let row = found(Role::Operator);
    assert_eq!((row.disposition.as_str(), row.state), ("quarantine", Some(CopyState::Held)));
    assert_eq!((row.sender, row.recipient, row.message_id), (None, None, None));
    let row = found(Role::Reviewer);
    assert!(row.recipient.is_some_and(|recipient| recipient.ends_with("@gmail.com")));
    assert_eq!(row.sender.as_deref(), Some("agent@town.example"));
}

#[test]
fn who_decided_when_and_why_can_be_read_and_a_mails_id_means_its_copies() {
    let gateway = Gateway::start(Some(Role::Approver));
    let request =
        Request::Release { id: "M1".into(), reason: "vu avec le cabinet".into(), ground: Some("lifted".into()) };
    let Answer::AllDone(done) = gateway.ask(request).unwrap().0 else { panic!("one answer for two copies") };
    assert_eq!(done.iter().map(|done| done.id.as_str()).collect::<Vec<_>>(), ["M1-1", "M1-2"]);
    assert!(done.iter().all(|done| done.state == CopyState::Released && done.note.is_none()));
    let Answer::AllShown(shown) = gateway.ask(Request::Show { id: "M1".into() }).unwrap().0 else { panic!() };
    let decision = shown[1].decision.as_ref().unwrap();
    assert_eq!((decision.actor.as_str(), decision.action.as_str()), ("a.martin", "release"));
    assert_eq!((decision.ground.as_deref(), decision.note.as_deref()), (Some("lifted"), Some("vu avec le cabinet")));
    let wrong = Request::Reject { id: "M2-1".into(), reason: "x y".into(), ground: Some("lifted".into()) };
    assert!(gateway.ask(wrong).unwrap_err().to_string().starts_with("\"lifted\" is no ground for a rejection"));
    assert!(gateway.ask(Request::AuditList(AuditQuery::default())).unwrap_err().to_string().contains("read the audit"));

    let gateway = Gateway::start(Some(Role::Auditor));
    gateway.ask(Request::Show { id: "M2-1".into() }).unwrap();
    let Answer::AuditEntries(lines) = gateway.ask(Request::AuditList(AuditQuery::default())).unwrap().0 else {
        panic!()
    };
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].action.as_str(), lines[0].object.as_str(), lines[0].seq), ("look", "M2-1", 1));
    let rubbish = Request::AuditVerify { anchor: Some("no head".into()) };
    assert!(gateway.ask(rubbish).unwrap_err().to_string().contains("holds no head"));
}

#[test]
fn of_private_mail_the_same_is_hidden_in_list_show_and_find() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    let Answer::Held(rows) = gateway.ask(list()).unwrap().0 else { panic!("no list") };
    let Answer::Shown(shown) = gateway.ask(Request::Show { id: "M2-1".into() }).unwrap().0 else { panic!() };
    let Answer::Found(found) = gateway.ask(Request::Find { what: "M2".into() }).unwrap().0 else { panic!() };
    assert_eq!((&rows[0].sender, &rows[0].recipient), (&None, &None));
    assert_eq!((&shown.held.sender, &shown.held.recipient, shown.size), (&None, &None, None));
    assert_eq!((&found.rows[0].sender, &found.rows[0].recipient, &found.rows[0].message_id), (&None, &None, &None));
    assert_eq!(shown.reasons[0].rule, "document-to-private-mailbox", "without its rule nobody can decide");
    let by = |query: HeldQuery| match gateway.ask(Request::List(query)).unwrap().0 {
        Answer::Held(rows) => rows.len(),
        other => panic!("{other:?}"),
    };
    let limit = 10;
    let recipient = Some("a.martin@home.example".into());
    assert_eq!(by(HeldQuery { recipient, limit, ..HeldQuery::default() }), 0, "private mail is found by no address");
    let rule = Some("document-to-private-mailbox".into());
    assert_eq!(by(HeldQuery { rule, limit, ..HeldQuery::default() }), 3);
    let sender = Some("agent@town.example".into());
    assert_eq!(by(HeldQuery { sender, limit, ..HeldQuery::default() }), 2);
}
