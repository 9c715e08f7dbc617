// SPDX-License-Identifier: EUPL-1.2
//! Memory for reading is what the settings say (decision D32): who finds none is told to come back, a mail that could
//! not fit alone is held, and each comes to a verdict.

use base64::Engine;
use octroi::app::Gateway;
use octroi::deliver::deadline::Deadline;
use octroi::listen::log;

use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;
use super::{CLERK, message};
use crate::document::make;

#[test]
fn a_mail_without_room_is_deferred_and_the_next_finds_it() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.more = "[limits]\nreading = \"384 KiB\"\ninspection = \"1s\"\n".into();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = log::LogSettings {
        format: log::Format::Human,
        level: log::Level::parse("info").unwrap(),
        target: log::Target::Stderr,
    };
    let (writer, _guard) = log::start(&settings, Box::new(std::io::sink())).unwrap();
    let gateway = runtime.block_on(Gateway::start(&setup.loaded(), writer)).unwrap();
    // Another mail has all there is for the large.
    let memory = &gateway.pipeline.inspector.memory;
    let taken = runtime.block_on(memory.take(1 << 20, Deadline::after(std::time::Duration::ZERO)));
    assert!(taken.is_ok());
    let content = format!(
        "Message-ID: <much@justice.gouv.example>\r\nSubject: much\r\n\r\n{}",
        "words of a long letter\r\n".repeat(3_000)
    )
    .into_bytes();
    let mut client = Client::greet(gateway.addresses[0]);
    let reply = client.mail(CLERK, &["two@pass.example"], &content);
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    let reply = client.mail(CLERK, &["two@pass.example"], &message("small"));
    assert!(reply.starts_with("250 "), "small mail does not wait for large: {reply}");
    // Nobody looked whether it is somebody's own affair: its row names nobody, and no address leads to it.
    setup.journal("<much@justice.gouv.example>", 1);
    let rows = setup.json(&["find", "<much@justice.gouv.example>", "--json"]);
    assert_eq!((rows[0]["cause"].as_str(), rows[0]["disposition"].as_str()), (Some("memory"), Some("defer")));
    assert!(rows[0]["sender"].is_null() && rows[0]["recipient"].is_null(), "{rows:?}");
    drop(taken);
    let reply = client.mail(CLERK, &["two@pass.example"], &content);
    assert!(reply.starts_with("250 "), "{reply}");
    assert!(hop.wait_for_mails(2).iter().any(|mail| mail.content == content));
    drop(client);
    runtime.block_on(gateway.stop());
}

fn with_zip(name: &str, text: &str) -> Vec<u8> {
    let zip = make::zip(&[("a.txt", text.as_bytes())]);
    let body = base64::engine::general_purpose::STANDARD.encode(zip);
    let lines: Vec<&str> = body.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "Message-ID: <{name}@justice.gouv.example>\r\nSubject: {name}\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/zip; name=\"{name}.zip\"\r\nContent-Disposition: attachment; \
         filename=\"{name}.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

#[test]
fn small_archives_of_much_text_each_come_to_a_verdict() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let shipped = include_str!("../../../policies/rules/unreadable.cedar").lines();
    let rules: Vec<&str> = shipped.filter(|line| !line.starts_with("@notice")).collect();
    setup.policy("rules/unreadable.cedar", &rules.join("\n"));
    // Texts of a mail may be a quarter: 2 MiB, in two forms half of it.
    setup.more = "[limits]\nreading = \"8 MiB\"\n".into();
    let gateway = setup.serve();
    let address = gateway.address;
    let text = |name: &str, bytes: usize| format!("{name} says words of a long letter\r\n").repeat(bytes / 33);
    // What a quick look tells; more than that and less than fits; more than fits.
    let sizes = [50 << 10, 1200 << 10, 3 << 20];
    let mails: Vec<_> = (0..6)
        .map(|n| {
            let content = with_zip(&format!("mail-{n}"), &text(&n.to_string(), sizes[n % 3]));
            std::thread::spawn(move || Client::greet(address).mail(CLERK, &["one@elsewhere.example"], &content))
        })
        .collect();
    for mail in mails {
        let reply = mail.join().unwrap();
        assert!(reply.starts_with("250 "), "{reply}");
    }
    assert_eq!((hop.mails().len(), setup.copies().len()), (4, 2));
}
