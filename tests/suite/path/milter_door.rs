// SPDX-License-Identifier: EUPL-1.2
//! The milter door over real sockets: what miltertest and a client of our own hear, nonsense, drain and reload.

use std::net::SocketAddr;
use std::process::Command;

use super::both_doors::postfix_milter;
use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::{Hop, PATIENCE};
use super::mta::{Mta, mail, packet};
use super::postfix::Postfix;
use super::{CLERK, message};

fn house() -> (Hop, Setup, SocketAddr) {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    setup.policy(
        "rules/strip.cedar",
        "@id(\"strip\") @disposition(\"strip\") @reason(\"stripped for a test.\")\n\
         forbid (principal, action, resource) when { resource.domain == \"stripped.example\" };\n",
    );
    (hop, setup, milter)
}

/// Runs a script of `tests/milter`; false, with a word on standard error, where miltertest is not installed.
fn miltertest(script: &str, milter: SocketAddr, gateway: &Gateway) -> bool {
    let path = format!("{}/tests/milter/{script}", env!("CARGO_MANIFEST_DIR"));
    let port = format!("port={}", milter.port());
    let Ok(output) = Command::new("miltertest").args(["-D", &port, "-s", &path]).output() else {
        crate::skip::skip("miltertest is not installed");
        return false;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", gateway.log());
    true
}

#[test]
fn miltertest_hears_each_answer() {
    let (_hop, setup, milter) = house();
    let gateway = setup.serve();
    if !miltertest("replies.lua", milter, &gateway) {
        return;
    }
    assert_eq!(setup.copies().len(), 3);
    let line = gateway.wait_for_line("<mt-after@justice.gouv.example>");
    assert!(line.contains("MTmt-after"), "the MTA's queue id stands in the log: {line}");
}

#[test]
fn miltertest_agrees_in_every_version() {
    let (_hop, setup, milter) = house();
    let gateway = setup.serve();
    if miltertest("negotiation.lua", milter, &gateway) {
        gateway.wait_for_line("does not allow this milter to delete recipients (SMFIF_DELRCPT)");
        gateway.wait_for_line("the MTA speaks milter version 1; octroi needs version 2 or later");
    }
}

#[test]
fn nonsense_ends_its_own_connection_and_nothing_else() {
    let (_hop, setup, milter) = house();
    let gateway = setup.serve();
    let mut quiet = Mta::agreed(milter);
    let before = memory(&gateway);
    let sender = packet('M', b"<a@justice.gouv.example>\0");
    let recipient = packet('R', b"<me@held.example>\0");
    let headers: Vec<u8> = (0..10_000).flat_map(|n| packet('L', format!("X{n}\0 \0").as_bytes())).collect();
    let agreed: [(&str, Vec<u8>); 9] = [
        ("length 0", vec![0, 0, 0, 0]),
        ("4 GiB", vec![0xff; 4]),
        ("wrong order", recipient.clone()),
        ("a body without a mail", packet('B', &[b'x'; 60_000])),
        ("an unknown command", packet('z', b"")),
        ("a sender without end", packet('M', b"<a@justice.gouv.example>")),
        ("a nameless field", [sender.clone(), packet('L', b"\0x\0")].concat()),
        ("a second agreement", packet('O', &[0; 12])),
        (
            "a field behind 10,000 and the body",
            [&sender[..], &headers, &packet('B', b"x"), &packet('L', b"X\0y\0")].concat(),
        ),
    ];
    for (what, octets) in &agreed {
        let mut mta = Mta::agreed(milter);
        mta.try_send(octets);
        // The sender may be answered; then the connection is closed.
        while let Some((letter, _)) = mta.packet() {
            assert_eq!(letter, 'c', "{what}");
        }
    }
    for strange in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"EHLO x\r\n", &packet('M', b"<a@b>\0"), &[0, 0, 0, 13]] {
        let mut mta = Mta::connect(milter);
        mta.send(strange);
        if strange.len() > 4 {
            assert_eq!(mta.packet(), None, "{strange:?}");
        }
    }
    // A packet announced and never sent, by many: nothing is set aside for it.
    let waiting: Vec<Mta> = (0..100)
        .map(|_| {
            let mut mta = Mta::agreed(milter);
            mta.send(&[0, 0x10, 0, 0, b'B', 1, 2, 3]);
            mta
        })
        .collect();
    let grown = memory(&gateway).saturating_sub(before);
    assert!(grown < 32 << 20, "{} MiB more", grown >> 20);
    drop(waiting);
    // Who behaves is served as before, by an old connection and a new one.
    for mta in [&mut quiet, &mut Mta::agreed(milter)] {
        mta.send(&mail("Q", "", CLERK, &["one@pass.example"], &message("after-nonsense")));
        assert_eq!(mta.ending().pop(), Some(('c', Vec::new())), "{}", gateway.log());
    }
    assert!(setup.copies().is_empty());
}

/// Bytes of memory in use (`VmRSS` of proc(5)).
fn memory(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_is_bounded_over_all_connections() {
    let (_hop, mut setup, milter) = house();
    setup.more.push_str("[limits]\nmemory = \"4 MiB\"\n");
    setup.smtp.push_str("max_size = \"3 MiB\"\n");
    let gateway = setup.serve();
    let begin = |name: &str| {
        let mut mta = Mta::agreed(milter);
        mta.send(&[packet('M', format!("<{CLERK}>\0").as_bytes()), packet('R', b"<one@pass.example>\0")].concat());
        mta.send(&packet('L', format!("Message-ID\0 <{name}@justice.gouv.example>\0").as_bytes()));
        for _ in 0..25 {
            mta.send(&packet('B', &b"x\r\n".repeat(20_000)));
        }
        mta
    };
    let mut all: Vec<Mta> = (0..6).map(|n| begin(&format!("large-{n}"))).collect();
    // All but the end has come from each: some had no room.
    let mut answers: Vec<(char, String)> = Vec::new();
    for mta in &mut all {
        mta.send(&packet('E', b""));
    }
    for mta in &mut all {
        let (letter, data) = mta.ending().pop().unwrap();
        answers.push((letter, String::from_utf8_lossy(&data).into_owned()));
    }
    let refused = answers.iter().filter(|(letter, text)| *letter == 'y' && text.starts_with("452 4.3.1 ")).count();
    let taken = answers.iter().filter(|(letter, _)| *letter == 'c').count();
    assert!(refused >= 1 && refused + taken == 6, "{answers:?}");
    // Packets that never end take no more than there is: connections are closed instead.
    let mut endless: Vec<Mta> = (0..8).map(|_| Mta::agreed(milter)).collect();
    let chunk = vec![0; 900_000];
    for mta in &mut endless {
        mta.try_send(&[0, 0x0f, 0xff, 0xff, b'B']);
        mta.try_send(&chunk);
    }
    gateway.wait_for_line("[limits] memory is used up");
    drop(endless);
    // Each connection goes on, and there is room again as soon as those have left.
    let end = std::time::Instant::now() + PATIENCE;
    for mta in &mut all {
        loop {
            mta.send(&mail("Q", "", CLERK, &["one@pass.example"], &message("small")));
            let answer = mta.ending().pop().unwrap();
            if answer == ('c', Vec::new()) {
                break;
            }
            assert!(answer.1.starts_with(b"452 ") && std::time::Instant::now() < end, "{}", gateway.log());
        }
    }
}

#[test]
fn a_reload_keeps_every_connection_and_a_stop_finishes_what_is_open() {
    let (_hop, setup, milter) = house();
    let mut gateway = setup.serve();
    let mut first = Mta::agreed(milter);
    let mut idle = Mta::agreed(milter);
    first.send(&mail("Q1", "", CLERK, &["one@pass.example"], &message("before")));
    assert_eq!(first.ending(), [('c', Vec::new())]);
    // Half a mail, then new rules: the connection stays, and the new rules judge the mail.
    let whole = mail("Q2", "", CLERK, &["one@pass.example"], &message("between"));
    first.send(&whole[..120]);
    let rule = "@id(\"x\") @disposition(\"reject\") @reason(\"no.\")\nforbid (principal, action, resource);\n";
    setup.policy("rules/more.cedar", rule);
    gateway.signal("HUP");
    gateway.wait_for_line("reloaded");
    first.send(&whole[120..]);
    assert_eq!(first.ending()[0].0, 'y');
    let whole = mail("Q3", "", CLERK, &["one@pass.example"], &message("last"));
    first.send(&whole[..120]);
    // What was sent is read before the signal: it is answered in the order of the packets.
    std::fs::remove_file(setup.folder.path().join("policies/rules/more.cedar")).unwrap();
    gateway.signal("HUP");
    gateway.wait_for_lines("reloaded", 2);
    gateway.signal("TERM");
    gateway.wait_for_line("stopping");
    assert_eq!(idle.packet(), None, "between two mails a connection ends");
    first.send(&whole[120..]);
    assert_eq!(first.ending(), [('c', Vec::new())], "an open mail is finished");
    assert_eq!(first.packet(), None);
    assert_eq!(gateway.ended(), Some(0), "{}", gateway.log());
}

#[test]
fn a_unix_socket_serves_whoever_its_permissions_let_in() {
    use std::os::unix::fs::PermissionsExt;
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.more.push_str("[milter]\nlisten = [\"unix:run/milter.sock\"]\n");
    let path = setup.folder.path().join("run/milter.sock");
    let mut gateway = setup.serve();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let mut mta = Mta::connect_unix(&path);
    mta.agree();
    mta.send(&mail("Q", "", CLERK, &["one@pass.example", "me@held.example"], &message("by-path")));
    assert_eq!(mta.ending(), [('-', b"<me@held.example>\0".to_vec()), ('c', Vec::new())]);
    assert_eq!(setup.copies().len(), 1);
    gateway.kill();
    // What a dead gateway left behind is no hindrance, and a living one takes its socket away.
    let mut gateway = setup.serve();
    let mut mta = Mta::connect_unix(&path);
    mta.agree();
    drop(mta);
    gateway.signal("TERM");
    assert_eq!(gateway.ended(), Some(0), "{}", gateway.log());
    assert!(!path.exists());
}

#[test]
fn postfix_reaches_the_socket_by_its_group() {
    use std::os::unix::fs::PermissionsExt;
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.more.push_str("[milter]\nlisten = [\"unix:run/milter.sock\"]\n");
    let gateway = setup.serve();
    let path = setup.folder.path().join("run/milter.sock");
    for folder in [setup.folder.path(), path.parent().unwrap()] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    }
    let lines =
        postfix_milter(([127, 0, 0, 1], 1).into()).replace("inet:127.0.0.1:1", &format!("unix:{}", path.display()));
    let Some(postfix) = Postfix::relaying_to(hop.address, &lines) else { return };
    let to = ["one@pass.example", "me@held.example"];
    // Not of the group: the socket is closed to Postfix, and the mail stays with its sender.
    let replies = Client::greet(postfix.address).try_mail(CLERK, &to, &message("closed")).unwrap();
    assert!(replies.iter().all(|reply| reply.starts_with("451 ") || reply.starts_with("503 ")), "{replies:?}");
    assert!(Command::new("chgrp").arg("postfix").arg(&path).status().unwrap().success());
    let reply = Client::greet(postfix.address).mail(CLERK, &to, &message("open"));
    assert!(reply.starts_with("250 "), "{reply}\n{}\n{}", gateway.log(), postfix.log());
    assert_eq!(hop.wait_for_mails(1)[0].to.len(), 1);
    assert_eq!(setup.copies().len(), 1);
}

#[test]
fn the_login_that_the_mta_has_seen_is_the_sender() {
    let (_hop, setup, milter) = house();
    setup.policy(
        "rules/login.cedar",
        "@id(\"claimed\") @disposition(\"quarantine\") @reason(\"nobody has proven to be that.\")\n\
         forbid (principal, action, resource) when { principal.proof != \"login\" };\n",
    );
    let gateway = setup.serve();
    let mut mta = Mta::agreed(milter);
    mta.send(&mail("Q1", CLERK, CLERK, &["one@pass.example"], &message("proven")));
    assert_eq!(mta.ending(), [('c', Vec::new())], "{}", gateway.log());
    // The next mail of the same connection is not proven by the one before.
    mta.send(&mail("Q2", "", CLERK, &["one@pass.example"], &message("claimed")));
    assert_eq!(mta.ending(), [('d', Vec::new())]);
    let line = gateway.wait_for_line("<claimed@justice.gouv.example>");
    assert!(line.contains("Q2"), "{line}");
}

#[test]
fn limits_are_asked_while_the_envelope_comes() {
    let (_hop, setup, milter) = house();
    setup.policy(
        "limits.toml",
        "[[limit]]\nid = \"m\"\nper = \"sender\"\nmessages = 2\nevery = \"1h\"\nreason = \"r\"\n\
         [[limit]]\nid = \"r\"\nper = \"sender\"\nrecipients = 3\nevery = \"1h\"\nreason = \"r\"\n",
    );
    let gateway = setup.serve();
    let mut mta = Mta::agreed(milter);
    let to = ["a@pass.example", "b@pass.example"];
    let mut send = |name: &str| {
        mta.send(&mail("Q", CLERK, CLERK, &to, &message(name)));
        // Sender, two recipients, the end.
        let heard: Vec<_> = (0..4).map(|_| mta.packet().unwrap()).collect();
        let text = |data: &[u8]| String::from_utf8_lossy(data).chars().take(9).collect::<String>();
        heard.iter().map(|(letter, data)| format!("{letter}{}", text(data))).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(send("limit-1"), "c c c c", "{}", gateway.log());
    assert_eq!(send("limit-2"), "c c y452 4.5.3 c", "{}", gateway.log());
    let mut mta = Mta::agreed(milter);
    mta.send(&packet('M', format!("<{CLERK}>\0").as_bytes()));
    let (letter, data) = mta.packet().unwrap();
    assert!(letter == 'y' && data.starts_with(b"450 4.7.1 "), "{}", String::from_utf8_lossy(&data));
    // Limits that come with a reload are kept on connections that have agreed without them.
    std::fs::remove_file(setup.folder.path().join("policies/limits.toml")).unwrap();
    gateway.signal("HUP");
    gateway.wait_for_lines("reloaded", 1);
    let mut mta = Mta::agreed(milter);
    setup.policy(
        "limits.toml",
        "[[limit]]\nid = \"n\"\nper = \"sender\"\nrecipients = 1\nevery = \"1h\"\nreason = \"r\"\n",
    );
    gateway.signal("HUP");
    gateway.wait_for_lines("reloaded", 2);
    mta.send(&mail("Q", CLERK, CLERK, &to, &message("limit-3")));
    // Two recipients and the end: the sender's turn was left out.
    let heard: Vec<_> = (0..3).map(|_| mta.packet().unwrap()).collect();
    assert!(heard[1].0 == 'y' && heard[1].1.starts_with(b"452 4.5.3 "), "{heard:?}");
    assert_eq!((heard[0].0, heard[2].0), ('c', 'c'));
}

#[test]
fn the_same_mail_again_is_the_same_copy() {
    let (_hop, setup, milter) = house();
    let _gateway = setup.serve();
    // The MTA did not hear our answer and its client sends again; another trace field in front changes nothing.
    let content = message("again");
    for queue_id in ["Q1", "Q2"] {
        let mut mta = Mta::agreed(milter);
        mta.send(&mail(queue_id, "", CLERK, &["me@held.example"], &content));
        assert_eq!(mta.ending(), [('d', Vec::new())]);
    }
    let traced = [&b"Received: from elsewhere\r\n"[..], &content].concat();
    let mut mta = Mta::agreed(milter);
    mta.send(&mail("Q3", "", CLERK, &["me@held.example"], &traced));
    assert_eq!(mta.ending(), [('d', Vec::new())]);
    assert_eq!(setup.copies().len(), 1);
}
