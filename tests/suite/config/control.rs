// SPDX-License-Identifier: EUPL-1.2
//! The control socket over a real unix socket, with a desk of our own behind it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use octroi::listen::control::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A desk that remembers who asked what.
#[derive(Default)]
pub struct FakeDesk {
    log: Mutex<Vec<String>>,
}

impl FakeDesk {
    fn note(&self, caller: &Caller, what: &str) {
        self.log.lock().unwrap().push(format!("{}: {what}", caller.name));
    }
}

pub const MESSAGE: &[u8] = b"Subject: \xe9t\xe9\r\n\r\n{\"not\":\"a line of the protocol\"}\n\r\n";

fn held(id: &str) -> Held {
    Held {
        id: id.into(),
        recipient: "b@gmail.com".into(),
        sender: "clerk@town.example".into(),
        held_at: "2026-03-02T08:15:00Z".parse().unwrap(),
        rules: vec!["marking-leaves-house".into()],
        state: CopyState::Held,
    }
}

impl Desk for FakeDesk {
    async fn counts(&self) -> Result<Counts, Refusal> {
        Ok(Counts { held: 3, outbox: 1, ..Counts::default() })
    }
    async fn list(&self, caller: &Caller, query: &HeldQuery) -> Result<Vec<Held>, Refusal> {
        self.note(caller, &format!("list {}", query.limit));
        Ok(vec![held("1"), held("2")])
    }
    async fn show(&self, caller: &Caller, id: &str) -> Result<Shown, Refusal> {
        self.note(caller, &format!("show {id}"));
        Ok(Shown {
            held: held(id),
            mail: "m1".into(),
            size: 1234,
            private: true,
            subject: None,
            expires_at: None,
            reasons: vec![ShownReason { rule: "r".into(), text: "a marked document leaves".into() }],
            findings: Vec::new(),
        })
    }
    async fn release(&self, caller: &Caller, id: &str, reason: &str) -> Result<Done, Refusal> {
        if id != "1" {
            return Err(Refusal::NotFound(id.into()));
        }
        self.note(caller, &format!("release {id} because {reason}"));
        Ok(Done { id: id.into(), state: CopyState::Released, note: None })
    }
    async fn reject(&self, _: &Caller, _: &str, _: &str) -> Result<Done, Refusal> {
        Err(Refusal::Unavailable("the store is away".into()))
    }
    async fn export(&self, caller: &Caller, id: &str) -> Result<Bytes, Refusal> {
        self.note(caller, &format!("export {id}"));
        Ok(Bytes::from_static(MESSAGE))
    }
    async fn find(&self, _: &Caller, what: &str) -> Result<Vec<Found>, Refusal> {
        let found = Found {
            id: "M1".into(),
            queue_id: Some("4QZ".into()),
            message_id: Some("m@town.example".into()),
            received: "2026-03-02T08:15:00Z".parse().unwrap(),
            sender: Some("clerk@town.example".into()),
            recipient: Some("b@gmail.com".into()),
            disposition: "pass".into(),
            observed: Some("quarantine".into()),
            rules: Vec::new(),
            reply: Some("250 2.0.0 queued for <b@gmail.com>".into()),
            state: None,
            client_tls: None,
            next_hop_tls: None,
        };
        Ok(if what == "4QZ" { vec![found] } else { Vec::new() })
    }
    async fn outbox_list(&self, _: &Caller) -> Result<Vec<OutboxRow>, Refusal> {
        Ok(Vec::new())
    }
    async fn outbox_retry(&self, caller: &Caller, id: Option<&str>) -> Result<u64, Refusal> {
        self.note(caller, &format!("retry {id:?}"));
        Ok(4)
    }
    async fn audit_verify(&self, _: &Caller, anchor: Option<&str>) -> Result<AuditReport, Refusal> {
        Ok(AuditReport { entries: 9, sound: true, broken_at: None, tail_proven: anchor.is_some() })
    }
}

/// A gateway that is nothing but its control socket.
pub struct Gateway {
    pub socket: PathBuf,
    desk: Arc<FakeDesk>,
    shutdown: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: TempDir,
}

impl Gateway {
    /// `role`: the account of the user who runs the tests; without one the user is unmapped.
    pub fn start(role: Option<Role>) -> Gateway {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("octroi.sock");
        let accounts = role.map(|role| (User::Id(my_uid()), Account { name: "a.martin".into(), role }));
        let directory = Arc::new(Accounts::new(accounts.into_iter().collect()).resolve(&BTreeMap::new()).unwrap());
        let (desk, shutdown) = (Arc::new(FakeDesk::default()), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = {
            let _inside = runtime.enter();
            bind(&socket).unwrap()
        };
        let (theirs, stop) = (desk.clone(), shutdown.clone());
        let thread = std::thread::spawn(move || runtime.block_on(serve(listener, theirs, directory, stop)));
        Gateway { socket, desk, shutdown, thread: Some(thread), _folder: folder }
    }

    fn ask(&self, request: Request) -> Result<(Answer, Vec<u8>), ControlError> {
        ask(&self.socket, &request)
    }

    fn log(&self) -> Vec<String> {
        self.desk.log.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn my_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid()
}

fn list() -> Request {
    Request::List(HeldQuery { state: Some(CopyState::Held), limit: 10 })
}

#[test]
fn a_reviewer_lists_shows_releases_and_exports_under_his_own_name() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    assert_eq!(gateway.ask(list()).unwrap().0, Answer::Held(vec![held("1"), held("2")]));
    let Answer::Shown(shown) = gateway.ask(Request::Show { id: "1".into() }).unwrap().0 else { panic!() };
    assert!(shown.private && shown.subject.is_none());
    let released = gateway.ask(Request::Release { id: "1".into(), reason: "asked".into() }).unwrap().0;
    assert_eq!(released, Answer::Done(Done { id: "1".into(), state: CopyState::Released, note: None }));
    let (answer, content) = gateway.ask(Request::Export { id: "1".into() }).unwrap();
    assert_eq!(answer, Answer::Message { bytes: MESSAGE.len() as u64 });
    assert_eq!(content, MESSAGE);
    assert_eq!(
        gateway.log(),
        ["a.martin: list 10", "a.martin: show 1", "a.martin: release 1 because asked", "a.martin: export 1"]
    );
}

#[test]
fn refusals_of_the_desk_are_told_as_they_are() {
    let gateway = Gateway::start(Some(Role::Approver));
    let says = |request| gateway.ask(request).unwrap_err().to_string();
    assert_eq!(
        says(Request::Release { id: "7".into(), reason: "x".into() }),
        "there is no held copy and no outbox item with the id 7"
    );
    assert_eq!(says(Request::Reject { id: "1".into(), reason: "x".into() }), "the store is away");
}

#[test]
fn an_operator_sees_counts_and_no_copy() {
    let gateway = Gateway::start(Some(Role::Operator));
    let Answer::Counts(counts) = gateway.ask(list()).unwrap().0 else { panic!("a list for an operator") };
    assert_eq!((counts.held, counts.outbox), (3, 1));
    assert!(matches!(gateway.ask(Request::OutboxList).unwrap().0, Answer::Counts(_)));
    assert_eq!(gateway.ask(Request::OutboxRetry { id: None }).unwrap().0, Answer::Retried { rows: 4 });
    for request in [
        Request::Show { id: "1".into() },
        Request::Release { id: "1".into(), reason: "x".into() },
        Request::Reject { id: "1".into(), reason: "x".into() },
        Request::Export { id: "1".into() },
    ] {
        let refusal = gateway.ask(request).unwrap_err().to_string();
        assert!(refusal.contains("a.martin has the role operator and may not"), "{refusal}");
    }
    assert_eq!(gateway.log(), ["a.martin: retry None"], "the desk was asked in spite of the role");
}

#[test]
fn a_user_without_an_account_is_operator_as_root_and_a_stranger_otherwise() {
    let gateway = Gateway::start(None);
    let release = gateway.ask(Request::Release { id: "1".into(), reason: "x".into() });
    let refusal = release.unwrap_err().to_string();
    assert!(refusal.contains("[cli.accounts]"), "{refusal}");
    match (my_uid(), gateway.ask(list())) {
        (0, answer) => assert!(matches!(answer.unwrap().0, Answer::Counts(_))),
        (_, answer) => assert!(answer.unwrap_err().to_string().contains("has no account")),
    }
    assert!(gateway.log().is_empty());
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
    assert_eq!(gateway.log().len(), 1);
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
        let Answer::Found(mut rows) = gateway.ask(Request::Find { what: "4QZ".into() }).unwrap().0 else { panic!() };
        rows.remove(0)
    };
    let row = found(Role::Operator);
    assert_eq!((row.disposition.as_str(), row.reply.as_deref()), ("pass", Some("250")));
    assert_eq!((row.sender, row.recipient, row.message_id), (None, None, None));
    let row = found(Role::Reviewer);
    assert_eq!(row.recipient.as_deref(), Some("b@gmail.com"));
}
