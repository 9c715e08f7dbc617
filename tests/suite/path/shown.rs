// SPDX-License-Identifier: EUPL-1.2
//! What a setting does that no other test needs to know of: each test fails where the setting is ignored.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use octroi::deliver::NextHopError;
use octroi::deliver::connection::OurName;
use octroi::deliver::deadline::Deadline;
use octroi::deliver::next_hop::{NextHop, NextHopSettings, Tls};
use octroi::deliver::outbox::HopAddress;
use tokio::net::{TcpListener, TcpSocket};

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop, PATIENCE, Step};
use super::nothing_in_silence::{children, with_file};
use super::{CLERK, message, port};

#[test]
fn what_is_put_off_where_nobody_sends_again_is_warned_of() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let mut said = |client: &str| {
        setup.smtp = format!("client = \"{client}\"\n");
        drop(setup.serve());
        String::from_utf8(setup.run(&["check"]).stderr).unwrap()
    };
    let warned = said("submission");
    assert!(warned.contains("smtp.client") && warned.contains("later"), "{warned}");
    assert!(!said("queue").contains("smtp.client"));
}

#[test]
fn a_connection_that_was_idle_too_long_is_not_used_again() {
    for (idle, connections) in [("1ms", 2), ("1h", 1)] {
        let hop = Hop::friendly();
        let mut setup = Setup::new(hop.address);
        setup.more = format!("[smtp.pool]\nidle = \"{idle}\"\n");
        let gateway = setup.serve();
        let mut client = Client::greet(gateway.address);
        for name in ["first", "second"] {
            assert!(client.mail(CLERK, &["one@pass.example"], &message(name)).starts_with("250 "));
            // A command that starts a program and asks the gateway takes longer than a millisecond.
            setup.run(&["find", name]);
        }
        assert_eq!(hop.conversations().len(), connections, "{idle}: {:?}", hop.conversations());
    }
}

#[test]
fn a_content_that_stops_coming_is_given_up() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "timeouts = { data = \"1s\" }\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    client.ask_all(&[&format!("MAIL FROM:<{CLERK}>"), "RCPT TO:<one@pass.example>", "DATA"]);
    client.send(b"Subject: and then nothing\r\n");
    assert!(client.reply().starts_with("421 4.4.2"));
}

/// Counts who asks, and answers that there is no such name.
fn name_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    std::thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            count.fetch_add(1, Ordering::SeqCst);
            // RFC 1035 §4.1.1: an answer, recursion available, no such name.
            question[2] |= 0x80;
            question[3] = 0x83;
            let _ = socket.send_to(&question[..length], from);
        }
    });
    (address, asked)
}

#[test]
fn the_name_server_that_is_set_is_asked() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let (server, asked) = name_server();
    let gateway = setup.serve_with(&[("OCTROI_DNS__SERVER", &server.to_string())]);
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@unheard-of.example"], &message("asked")).starts_with("250 "));
    assert!(asked.load(Ordering::SeqCst) > 0);
}

#[test]
fn the_log_goes_where_it_is_set() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    // Once as usual: its settings are written then.
    drop(setup.serve());
    let mut serve = Command::new(env!("CARGO_BIN_EXE_octroi"));
    serve.arg("serve").arg("--config").arg(setup.config()).env("OCTROI_LOG__TARGET", "stdout");
    let mut serving = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    // It ends with the process, which would be ready with nothing said here.
    let said: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.contains("ready")).collect();
    assert!(Command::new("kill").args(["-TERM", &serving.id().to_string()]).status().unwrap().success());
    assert!(serving.wait().unwrap().success(), "{said:?}");
    assert!(!said.is_empty());
}

/// An address where connections are neither taken nor refused, for as long as these are kept.
fn nowhere() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    let address = port::free();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 1000, "it takes them all");
    }
    (address, listener, waiting)
}

#[tokio::test(start_paused = true)]
async fn a_next_hop_that_never_takes_the_connection_is_left_in_time() {
    let (address, _listener, _waiting) = nowhere();
    let mut setup = Setup::new(address);
    setup.more = "[limits]\nconnect = \"7s\"\n".into();
    let settings = setup.loaded().settings.next_hop;
    let hop = NextHop::new(NextHopSettings {
        address: HopAddress::Tcp(address.to_string()),
        lmtp: false,
        us: OurName { name: "octroi.example".into(), is_chosen: true },
        tls: Tls::Off,
        tls_name: None,
        pool: 1,
        idle: settings.pool.idle,
        connect: settings.connect,
        timeout: settings.reply,
        faults: Arc::default(),
    });
    let began = tokio::time::Instant::now();
    let answer = hop.connect(Deadline::after(PATIENCE)).await;
    assert!(matches!(answer, Err(NextHopError::Away)));
    assert_eq!(began.elapsed().as_secs(), 7);
}

#[test]
fn no_more_workers_than_are_set() {
    let hop = Hop::scripted(|_: &Step| Act::Usual);
    let mut setup = Setup::new(hop.address);
    setup.more = "[limits]\nworkers = 1\n".into();
    let gateway = setup.serve();
    let document = crate::document::make::docx();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (gateway, document) = (&gateway, &document);
            scope.spawn(move || {
                let mut open = Client::greet(gateway.address);
                for n in 0..4 {
                    let content = with_file(document, client * 4 + n);
                    assert!(open.mail(CLERK, &["one@pass.example"], &content).starts_with("250 "));
                }
            });
        }
    });
    let workers = children(gateway.id());
    assert_eq!(workers.len(), 1, "{workers:?}");
}
