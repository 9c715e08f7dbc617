// SPDX-License-Identifier: EUPL-1.2
//! A bug in octroi that a mail finds (decision D17): the mail counts as one that cannot be read, and is held; the session
//! goes on, and whoever operates octroi is told.

use std::time::Instant;

use super::CLERK;
use super::client::Client;
use super::gateway::{Setup, get};
use super::hop::{Hop, PATIENCE};
use super::nothing_in_silence::with_file;

const RULE: &str = "@id(\"unread\") @disposition(\"quarantine\") @reason(\"it could not be read.\")\n\
                    forbid (principal, action, resource) when { context.uninspectable.contains(\"crashed\") };\n";

/// What the client hears of a mail on which these steps crash.
fn crashes_at(steps: &str, lines: &[&str]) -> String {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.policy("rules/crashed.cedar", RULE);
    let page = super::port::free();
    setup.more = format!("[web]\nlisten = \"{page}\"\n");
    let gateway = setup.serve_with(&[("OCTROI_PANIC_AT", steps)]);
    let mut client = Client::greet(gateway.address);
    let document = crate::document::make::docx();
    let reply = client.mail(CLERK, &["one@pass.example"], &with_file(&document, 1));
    // The same session serves the next.
    let again = client.mail(CLERK, &["one@pass.example"], &with_file(&document, 2));
    assert_eq!(reply[..3], again[..3], "{steps}: {again}");
    assert!(client.ask("QUIT").starts_with("221 "), "{steps}");
    assert!(hop.mails().is_empty(), "{steps}: it left");
    assert_eq!(setup.copies().len(), if reply.starts_with("250 ") { 2 } else { 0 }, "{steps}");
    for line in lines {
        let line = gateway.wait_for_line(line);
        assert!(line.contains("ERROR") && line.contains("id="), "{steps}: {line}");
    }
    // Where it was, and not the words of the panic: they may quote the mail.
    assert!(!gateway.log().contains("a test asked for it"), "{steps}: {}", gateway.log());
    gateway.wait_for_line("octroi panicked at=\"src/pipeline/reading.rs:");
    let end = Instant::now() + PATIENCE;
    for sample in ["octroi_reading_crashes_total 2", "octroi_sessions_open 0"] {
        while !get(page, "/metrics").1.lines().any(|line| line == sample) {
            assert!(Instant::now() < end, "{steps}: never {sample}");
            std::thread::yield_now();
        }
    }
    reply
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build does not crash on demand")]
fn a_mail_that_crashes_its_reader_is_held() {
    for steps in ["parse", "passwords", "texts", "detect", "detect,privacy", "judge"] {
        let lines: Vec<String> = steps.split(',').map(|step| format!("step=\"{step}\"")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let reply = crashes_at(steps, &lines);
        assert!(reply.starts_with("250 2.0.0 accepted as"), "{steps}: {reply}");
    }
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build does not crash on demand")]
fn one_that_cannot_even_be_judged_unread_is_put_off() {
    let reply = crashes_at("judge,judge-again", &["ERROR octroi::pipeline: mail deferred id="]);
    assert!(reply.starts_with("451 "), "{reply}");
}
