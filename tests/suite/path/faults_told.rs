// SPDX-License-Identifier: EUPL-1.2
//! Decision D39, fault by fault: one line, one count, one row, and a repeat that is put off again adds none.

use std::time::Instant;

use serde_json::Value;

use super::client::{Client, stuffed};
use super::gateway::{Setup, get};
use super::hop::{Act, Hop, PATIENCE, Step};
use super::nothing_in_silence::{found, pages, wait_for_rows};
use super::{CLERK, login, message};

/// Whose content was refused unread: whether it is private nobody knows (decision D20). It is found by what it is called.
#[test]
fn a_mail_refused_for_its_size_or_form_names_nobody_and_is_found() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "max_size = \"1 MiB\"\ntrusted_peers = { xforward = [\"127.0.0.1\"] }\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let with = |name: &str, more: &[u8]| [&message(name)[..], more].concat();
    let large = [b"x".repeat(998), b"\r\n".to_vec()].concat().repeat(1100);
    let received = b"Received: from a by b\r\n".repeat(51);
    let loops = [&received[..], &message("loops")].concat();
    for (name, content, chunked, code) in [
        ("bare", with("bare", b"a\nb\r\n"), false, "550 5.6.11"),
        ("bare-chunk", with("bare-chunk", b"a\n.\r\n"), true, "550 5.6.11"),
        ("nul", with("nul", b"\0.\r\n"), false, "550 5.6.11"),
        ("large", with("large", &large), false, "552 5.3.4"),
        ("loops", loops, false, "554 5.4.6"),
    ] {
        let queue = format!("4F{name}");
        assert!(client.ask(&format!("XFORWARD IDENT={queue}")).starts_with("250"));
        let reply = match chunked {
            true => client.chunk_mail(CLERK, "one@pass.example", &content),
            false => client.mail(CLERK, &["one@pass.example"], &content),
        };
        assert!(reply.starts_with(code), "{name}: {reply}");
        for what in [format!("<{name}@justice.gouv.example>"), queue.clone()] {
            let rows = wait_for_rows(&setup, &what, 1);
            let row = &rows[0];
            assert_eq!((rows.len(), &row["sender"], &row["recipient"]), (1, &Value::Null, &Value::Null), "{row}");
            assert!(row["reply"].as_str().unwrap().starts_with(&code[..3]), "{row}");
        }
        gateway.wait_for_line(&format!(" queue={queue} at="));
    }
    for address in [CLERK, "one@pass.example"] {
        assert!(found(&setup, address).is_empty(), "{address}: {:?}", found(&setup, address));
    }
}

/// A repeat that is put off again changes its row, at whatever command it is put off.
#[test]
fn what_is_put_off_again_before_its_content_has_one_row() {
    let hop = Hop::scripted(|step: &Step| match step.line {
        line if line.contains("later@") => Act::Say("450 4.2.1 busy, says the hop"),
        line if line.contains("MAIL FROM:<nobody@") => Act::Say("452 4.3.1 full, says the hop"),
        _ => Act::Usual,
    });
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    for _ in 0..3 {
        let mut client = Client::greet(gateway.address);
        assert!(client.ask("MAIL FROM:<nobody@justice.gouv.example>").starts_with("452 "));
        client.ask(&format!("MAIL FROM:<{CLERK}>"));
        assert!(client.ask("RCPT TO:<later@pass.example>").starts_with("450 "));
        assert!(client.ask("RCPT TO:<later@pass.example>").starts_with("450 "));
        client.ask("QUIT");
    }
    for (who, times) in [("nobody@justice.gouv.example", 3), ("later@pass.example", 6)] {
        let end = Instant::now() + PATIENCE;
        loop {
            let rows = found(&setup, who);
            if rows.len() == 1 && rows[0]["times"] == times {
                assert_eq!((&rows[0]["cause"], &rows[0]["disposition"]), (&"next-hop".into(), &"defer".into()));
                break;
            }
            assert!(rows.len() <= 1 && Instant::now() < end, "{who}: {rows:?}");
        }
    }
}

/// Decision D39 by the list: what goes wrong with the next hop has one line of its own, one count, one line and one row
/// for the mail, and nothing else.
#[test]
fn each_fault_is_one_line_one_count_and_one_row() {
    type Script = fn(&Step) -> Act;
    // What it does; the reply; the kind of fault; whether that has a line beside the mail's own.
    let faults: &[(&str, Script, &str, &str, bool)] = &[
        ("leaves before the content", |s| act(s, "DATA", Act::Hangup), "451 4.4.2", "lost", true),
        ("leaves in the content", |s| act(s, "<content>", Act::Hangup), "451 4.4.2", "lost", true),
        ("leaves at the dot", |s| act(s, ".", Act::Hangup), "451 4.4.2", "lost", true),
        ("says nonsense", |s| act(s, ".", Act::Say("hello")), "451 4.4.2", "lost", true),
        ("says nothing", |s| act(s, ".", Act::Silence), "451 4.4.2", "timed-out", true),
        ("puts the content off", |s| act(s, ".", Act::Say("452 4.3.1 full")), "452 4.3.1", "deferred", false),
        ("puts DATA off", |s| act(s, "DATA", Act::Say("451 4.3.0 no")), "451 4.3.0", "deferred", false),
        ("refuses the content", |s| act(s, ".", Act::Say("554 5.7.1 spam")), "554 5.7.1", "refused", false),
        ("puts RCPT off", |s| act(s, "RCPT", Act::Say("450 4.2.1 busy")), "450 4.2.1", "deferred", false),
        ("refuses MAIL", |s| act(s, "MAIL", Act::Say("550 5.7.1 you")), "550 5.7.1", "refused", false),
        ("leaves at MAIL", |s| act(s, "MAIL", Act::Hangup), "451 4.4.2", "lost", true),
        ("leaves at RCPT", |s| act(s, "RCPT", Act::Hangup), "451 4.4.2", "lost", true),
        ("says 354 to RCPT", |s| act(s, "RCPT", Act::Say("354 go")), "451 4.4.2", "lost", true),
    ];
    fn act(step: &Step, at: &str, does: Act) -> Act {
        if step.line == at || (at.len() == 4 && step.line.starts_with(at)) { does } else { Act::Usual }
    }
    for (name, script, said, kind, has_line) in faults {
        let hop = Hop::scripted(script);
        let mut setup = Setup::new(hop.address);
        let page = pages();
        setup.more = format!("[web]\nlisten = \"{page}\"\n[limits]\nnext_hop = \"1s\"\n");
        let gateway = setup.serve();
        let before = gateway.log().lines().count();
        let mut client = Client::greet(gateway.address);
        let mut heard = vec![client.ask(&format!("MAIL FROM:<{CLERK}>"))];
        if heard[0].starts_with("250") {
            heard.push(client.ask("RCPT TO:<one@pass.example>"));
        }
        if heard.last().unwrap().starts_with("250") {
            heard.push(client.ask("DATA"));
            client.send(&stuffed(&message("fault")));
            heard.push(client.reply());
        }
        assert!(heard.last().unwrap().starts_with(said), "{name}: {heard:?}");
        let rows = wait_for_rows(&setup, CLERK, 1);
        assert_eq!(rows.len(), 1, "{name}: {rows:?}");
        gateway.wait_for_line(said);
        let log = gateway.log();
        let lines: Vec<&str> = log.lines().skip(before).collect();
        let with = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        assert_eq!(with(" WARN ") + with(" ERROR "), usize::from(*has_line), "{name}: {lines:#?}");
        assert_eq!(with("the next hop failed"), usize::from(*has_line), "{name}: {lines:#?}");
        assert_eq!(with(" INFO recipient ") + with(" INFO refused "), 1, "{name}: {lines:#?}");
        let metrics = get(page, "/metrics").1;
        let counts = |family: &str, label: &str| -> u64 {
            let of = metrics.lines().filter(|line| line.starts_with(family) && line.contains(label));
            of.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
        };
        assert_eq!(counts("octroi_next_hop_errors_total{", &format!("\"{kind}\"")), 1, "{name}: {metrics}");
        assert_eq!(counts("octroi_next_hop_errors_total{", ""), 1, "{name}: {metrics}");
        assert_eq!(counts("octroi_refusals_total{", ""), 1, "{name}: {metrics}");
    }
}

/// The same of AUTH, which names no mail: no row.
#[test]
fn a_next_hop_that_breaks_in_auth_has_its_line_and_its_count() {
    let hop = login::hop(|step| if step.line.starts_with("AUTH") { Act::Hangup } else { Act::Usual });
    let (mut setup, certified) = login::house(&hop);
    let page = pages();
    setup.more = setup.more.replace("trace", "info") + &format!("[web]\nlisten = \"{page}\"\n");
    let gateway = setup.serve();
    let mut client = login::greet(&gateway, &certified);
    assert!(client.ask("AUTH PLAIN AGEAYg==").starts_with("454 4.7.0"));
    gateway.wait_for_line("refused listener=smtp client=127.0.0.1 at=AUTH code=454");
    gateway.wait_for_line("the next hop failed kind=\"lost\"");
    let metrics = get(page, "/metrics").1;
    for sample in
        ["octroi_next_hop_errors_total{kind=\"lost\"} 1", "octroi_refusals_total{listener=\"smtp\",code=\"454\"} 1"]
    {
        assert!(metrics.lines().any(|line| line == sample), "{sample} in\n{metrics}");
    }
}
