// SPDX-License-Identifier: EUPL-1.2
//! Every sequence that servers read differently, against a live octroi with a real Postfix behind it: one message or
//! none, never two.

use super::CLERK;
use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;
use super::postfix::Postfix;

/// What stands where an end of data might be seen, and whether octroi takes the message.
const SEQUENCES: [(&[u8], bool); 20] = [
    (b"\n.\n", false),
    (b"\n.\r\n", false),
    (b"\r\n.\n", false),
    (b"\r\n.\r", false),
    (b"\r.\r", false),
    (b"\r.\r\n", false),
    (b"\r.\n", false),
    (b"\n.\r", false),
    (b"\r\n.\r\r\n", false),
    (b"\n\n.\r\n", false),
    (b"\n..\r\n", false),
    (b"\r\n\n.\r\n", false),
    (b"\r\n\r.\r\n", false),
    (b"\n", false),
    (b"\r", false),
    (b"\r\n.\0\r\n", false),
    (b"\r\n\0.\r\n", false),
    (b"\r\na\0.\r\n", true),
    (b"\r\n..\r\n", true),
    (b"\r\n. \r\n", true),
];

#[test]
fn one_message_or_none_never_two() {
    let sink = Hop::friendly();
    // As lenient as Postfix was before it learned of smuggling.
    let lenient = "smtpd_forbid_bare_newline = no\nsmtpd_forbid_unauth_pipelining = no\n";
    let Some(behind) = Postfix::relaying_to(sink.address, lenient) else { return };
    let setup = Setup::new(behind.address);
    let gateway = setup.serve();
    let mut expected = 0;
    for (index, (sequence, taken)) in SEQUENCES.iter().enumerate() {
        let smuggled =
            format!("MAIL FROM:<evil@justice.gouv.example>\r\nRCPT TO:<victim{index}@pass.example>\r\nDATA\r\n");
        let content = [
            format!("Subject: {index}\r\n\r\nfirst").as_bytes(),
            sequence,
            smuggled.as_bytes(),
            b"Subject: smuggled\r\n\r\nsecond",
        ]
        .concat();
        let mut client = Client::greet(gateway.address);
        let begin = format!("MAIL FROM:<{CLERK}>\r\nRCPT TO:<one{index}@pass.example>\r\nDATA\r\n");
        client.send(begin.as_bytes());
        let replies: Vec<_> = (0..3).map(|_| client.reply()).collect();
        assert!(replies[2].starts_with("354"), "{replies:?}");
        client.send(&[&content[..], b"\r\n.\r\n"].concat());
        let reply = client.reply();
        let name = sequence.escape_ascii().to_string();
        assert_eq!(reply.starts_with("250 "), *taken, "{name}: {reply}");
        if reply.starts_with("250 ") {
            expected += 1;
        }
        // The true end was the end: the next command is answered as one.
        assert!(client.ask("NOOP").starts_with("250"), "{name}");
        assert!(client.ask("QUIT").starts_with("221"), "{name}");
    }
    let mails = sink.wait_for_mails(expected);
    assert_eq!(mails.len(), expected, "{mails:?}");
    assert!(mails.iter().all(|mail| mail.from.starts_with(&format!("<{CLERK}>"))), "{mails:?}");
    assert!(mails.iter().all(|mail| mail.to.iter().all(|to| to.starts_with("<one"))), "{mails:?}");
    let end = std::time::Instant::now() + super::hop::PATIENCE;
    while behind.queued() > 0 {
        assert!(std::time::Instant::now() < end, "{}", behind.log());
    }
    assert_eq!(sink.mails().len(), expected);
}
