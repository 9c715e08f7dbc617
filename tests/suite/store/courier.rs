// SPDX-License-Identifier: EUPL-1.2
//! The outbox's courier against a fake next hop on loopback.

use std::sync::{Arc, Mutex};

use octroi::deliver::outbox::{HopAddress, Outbox, ReleaseRoute, RouteTls};
use octroi::store::{ItemState, OutboxRow};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

/// A next hop that writes down what it hears and answers by rote.
#[derive(Clone, Default)]
struct Hop {
    offers: &'static [&'static str],
    /// The reply to a line that begins so; else 250.
    answers: &'static [(&'static str, &'static str)],
    heard: Arc<Mutex<Vec<String>>>,
}

impl Hop {
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(BufReader::new(stream)));
            }
        });
        address
    }

    async fn serve(self, mut stream: BufReader<tokio::net::TcpStream>) {
        stream.write_all(b"220 hop\r\n").await.unwrap();
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).await.unwrap_or(0) > 0 {
            let said = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            let mut reply = self
                .answers
                .iter()
                .find(|(begin, _)| said.starts_with(begin))
                .map_or("250 2.0.0 ok", |a| a.1)
                .to_owned();
            self.heard.lock().unwrap().push(said.clone());
            if said.starts_with("EHLO") {
                reply = self.offers.iter().map(|offer| format!("250-{offer}\r\n")).collect::<String>();
                reply = format!("250-hop\r\n{reply}250 HELP");
            }
            if let Some(size) = said.strip_prefix("BDAT ").and_then(|s| s.split(' ').next()) {
                let mut content = vec![0; size.parse().unwrap()];
                stream.read_exact(&mut content).await.unwrap();
                self.heard.lock().unwrap().push(String::from_utf8_lossy(&content).into_owned());
            }
            if said.starts_with("DATA") && !self.answers.iter().any(|a| a.0 == "DATA") {
                stream.write_all(b"354 go\r\n").await.unwrap();
                let mut content = Vec::new();
                while !content.ends_with(b"\r\n.\r\n") {
                    stream.read_until(b'\n', &mut content).await.unwrap();
                }
                self.heard.lock().unwrap().push(String::from_utf8_lossy(&content).into_owned());
            }
            if stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Delivers once what is due at noon and gives what the hop heard and where the items stand.
async fn deliver(store: &Store, hop: Hop, at: Timestamp) -> (String, Vec<OutboxRow>) {
    let heard = Arc::clone(&hop.heard);
    let route = ReleaseRoute {
        to: HopAddress::Tcp(hop.start().await),
        tls: RouteTls::Off,
        tls_name: None,
        lmtp: false,
        host: "gate.town.example".into(),
    };
    Outbox::new(store.clone(), route, Arc::new(move || at), Arc::default()).deliver_due().await.unwrap();
    let heard = heard.lock().unwrap().concat();
    (heard, store.outbox_list(true, 100).await.unwrap())
}

async fn released(from: &str, to: &str, content: &[u8]) -> (TempDir, Store) {
    let (folder, store) = house().await;
    let mut mail = mail_from("M1", from, &["a@home.example", "b@home.example"]);
    mail.envelope.recipients[0].verbatim = to.into();
    mail.content = Content(Bytes::copy_from_slice(content));
    store.keep(&all_held(&mail)).await.unwrap();
    store.release("M1-1", &reviewer(), noon()).await.unwrap();
    (folder, store)
}

const CONTENT: &[u8] = b"Subject:  odd   spacing \r\nX:\r\n\tfolded\r\n\r\n.dot\r\n..dots\r\nend\r\n";

#[tokio::test]
async fn a_release_goes_out_byte_for_byte_behind_one_received_line() {
    let (_folder, store) =
        released("<agent@town.example> RET=HDRS SIZE=99 AUTH=<>", "<a@home.example> NOTIFY=FAILURE,DELAY", CONTENT)
            .await;
    let hop = Hop { offers: &["SIZE 1000000", "DSN", "8BITMIME"], ..Hop::default() };
    let (heard, rows) = deliver(&store, hop, noon()).await;
    let received = "Received: by gate.town.example (octroi) id M1-1;\r\n\tWed, 25 Nov 2026 12:00:00 +0000\r\n";
    let size = received.len() + CONTENT.len();
    let stuffed = String::from_utf8(CONTENT.to_vec()).unwrap().replace("\r\n.", "\r\n..");
    let wanted = format!(
        "EHLO gate.town.example\r\nMAIL FROM:<agent@town.example> SIZE={size} RET=HDRS\r\n\
         RCPT TO:<a@home.example> NOTIFY=FAILURE,DELAY\r\nDATA\r\n{received}{stuffed}.\r\nQUIT\r\n"
    );
    assert_eq!(heard, wanted);
    assert_eq!((rows.len(), rows[0].state, rows[0].last_reply.as_deref()), (1, ItemState::Sent, Some("250 2.0.0 ok")));
}

#[tokio::test]
async fn bare_newlines_leave_by_bdat_or_not_at_all() {
    let (_folder, store) = released("<agent@town.example>", "<a@home.example>", b"Subject: x\r\n\r\na\nb").await;
    let (heard, rows) = deliver(&store, Hop::default(), noon()).await;
    assert!(!heard.contains("MAIL") && rows[0].state == ItemState::Ready, "the first time it is put off");
    let hop = Hop { offers: &["CHUNKING"], ..Hop::default() };
    let (heard, rows) = deliver(&store, hop, noon() + SignedDuration::from_hours(1)).await;
    assert!(heard.contains(" LAST\r\nReceived: by") && heard.contains("\r\n\r\na\nbRSET\r\nQUIT"), "{heard}");
    assert_eq!(rows[0].state, ItemState::Sent);
}

#[tokio::test]
async fn a_4xx_is_tried_again_later_and_a_5xx_becomes_a_report_to_the_sender() {
    let (_folder, store) = released("<agent@town.example> ENVID=e7", "<a@home.example>", CONTENT).await;
    let hop = Hop { answers: &[("RCPT", "451 4.2.0 not now")], ..Hop::default() };
    let (_, rows) = deliver(&store, hop, noon()).await;
    assert_eq!(
        (rows[0].state, rows[0].attempts, rows[0].last_reply.as_deref()),
        (ItemState::Ready, 1, Some("451 4.2.0 not now"))
    );
    assert!(rows[0].next_attempt > noon() && rows[0].next_attempt <= noon() + SignedDuration::from_mins(1));
    let (heard, _) = deliver(&store, Hop::default(), noon()).await;
    assert_eq!(heard, "", "not before its time");

    let hop = Hop { answers: &[("RCPT TO:<a@home", "550 5.1.1 no such user")], ..Hop::default() };
    let (heard, rows) = deliver(&store, hop, noon() + SignedDuration::from_mins(1)).await;
    assert_eq!(
        rows.iter().map(|r| (r.kind, r.state)).collect::<Vec<_>>(),
        [(OutboxKind::Release, ItemState::Failed), (OutboxKind::Failure, ItemState::Sent)]
    );
    for wanted in [
        "MAIL FROM:<>",
        "RCPT TO:<agent@town.example>\r\n",
        "Original-Envelope-Id: e7",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user",
        "Subject:  odd   spacing\r\n",
    ] {
        assert!(heard.contains(wanted), "{wanted:?} is not in\n{heard}");
    }
    assert!(!heard.contains("..dots"), "the body does not return");
}

#[tokio::test]
async fn after_five_days_the_sender_hears_of_it() {
    let (_folder, store) = released("<agent@town.example>", "<a@home.example>", CONTENT).await;
    let hop = Hop { answers: &[("MAIL FROM:<agent", "451 4.3.0 full")], ..Hop::default() };
    let (_, rows) = deliver(&store, hop.clone(), noon() + days(4)).await;
    assert_eq!(rows.len(), 1);
    let (heard, rows) = deliver(&store, hop, noon() + days(5)).await;
    assert_eq!((rows[0].state, rows[1].state), (ItemState::Failed, ItemState::Sent));
    assert!(heard.contains("Status: 5.4.7"), "{heard}");
}

#[tokio::test]
async fn a_dead_next_hop_and_stored_line_breaks_send_nothing() {
    let (_folder, store) =
        released("<agent@town.example>", "<a@home.example>\r\nRCPT TO:<evil@x.example>", CONTENT).await;
    let (heard, rows) = deliver(&store, Hop::default(), noon()).await;
    assert!(!heard.contains("evil") && rows[0].state == ItemState::Ready, "{heard}");
    let (_folder, store) = released("<agent@town.example>", "<a@home.example>", CONTENT).await;
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let route = ReleaseRoute {
        to: HopAddress::Tcp(dead),
        tls: RouteTls::Off,
        tls_name: None,
        lmtp: false,
        host: "gate".into(),
    };
    Outbox::new(store.clone(), route, Arc::new(noon), Arc::default()).deliver_due().await.unwrap();
    assert_eq!(store.outbox_list(false, 10).await.unwrap()[0].attempts, 1);
}

#[tokio::test]
async fn a_crash_of_the_courier_leaves_the_item_for_the_next_start() {
    let (folder, store) = released("<agent@town.example>", "<a@home.example>", CONTENT).await;
    assert_eq!(store.outbox_take(noon(), 1).await.unwrap().len(), 1);
    assert!(store.outbox_take(noon(), 1).await.unwrap().is_empty());
    drop(store);
    let store = open(folder.path()).await.unwrap();
    let (_, rows) = deliver(&store, Hop::default(), noon()).await;
    assert_eq!(rows[0].state, ItemState::Sent);
}

#[tokio::test]
async fn a_private_mails_report_returns_no_header() {
    let (_folder, store) = house().await;
    let mail = mail("M1", &["a@home.example"]);
    store.keep(&Keeping { private: true, ..all_held(&mail) }).await.unwrap();
    store.reject("M1-1", &reviewer(), noon()).await.unwrap();
    let (heard, _) = deliver(&store, Hop::default(), noon()).await;
    assert!(heard.contains("Final-Recipient: rfc822;a@home.example") && !heard.contains(SECRET), "{heard}");
}

#[tokio::test]
async fn own_contents_small_and_large_are_sent_and_then_forgotten() {
    let (folder, store) = house().await;
    let mail = mail("M1", &["a@home.example"]);
    let large = Bytes::from(format!("Subject: stripped\r\n\r\n{}", "line of text\r\n".repeat(5000)));
    let mut keeping = Keeping { held: Vec::new(), ..all_held(&mail) };
    keeping.outbox = vec![
        notice(),
        item(OutboxKind::Stripped, "<agent@town.example>", "<a@home.example>", OutboxContent::Own(large)),
    ];
    let prepared = store.prepare(&keeping).await.unwrap();
    assert_eq!(files(folder.path()), 1, "the notice stands in its row");
    let (heard, _) = deliver(&store, Hop::default(), noon()).await;
    assert_eq!(heard, "", "pending is not sent");
    store.confirm(prepared).await.unwrap();
    let (heard, rows) = deliver(&store, Hop::default(), noon()).await;
    assert!(heard.contains("Subject: notice") && heard.contains("Subject: stripped"));
    assert!(rows.iter().all(|row| row.state == ItemState::Sent));
    store.sweep(noon() + SignedDuration::from_hours(2)).await.unwrap();
    assert_eq!(files(folder.path()), 0);
}
