// SPDX-License-Identifier: EUPL-1.2
//! Fifty thousand mutated sessions: no panic, no reply that is none, no memory without bound.

use octroi::mail::Reply;
use octroi::smtp::client::ReplyReader;
use octroi::smtp::server::Event;

use super::transcript::{parse, tls};

/// xorshift64: the same nonsense in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

const WORDS: &[&[u8]] = &[
    b"EHLO c.example\r\n",
    b"MAIL FROM:<a@b.example> SIZE=10\r\n",
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<c@d.example>\r\n",
    b"RCPT TO:<@x.example:\"q \\\" q\"@d.example> NOTIFY=NEVER ORCPT=rfc822;a+2Bb\r\n",
    b"RCPT TO:<c@[IPv6:::1]>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\n..\r\n",
    b"\r\n.\r\n",
    b".\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"STARTTLS\r\n",
    b"BDAT 5\r\n",
    b"BDAT 7 LAST\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 99999999999999999999\r\n",
    b"AUTH PLAIN AGNsYWlyZQBz\r\n",
    b"AUTH LOGIN\r\n",
    b"Y2xhaXJl\r\n",
    b"XCLIENT ADDR=192.0.2.7 LOGIN=c+40d.example\r\n",
    b"MAIL FROM:<a@b.example> REQUIRETLS MT-PRIORITY=3 AUTH=<>\r\n",
    b"XFORWARD NAME=[UNAVAILABLE] IDENT=4+46\r\n",
    b"\n",
    b"\r",
    b".",
    b"\0",
    b"\xff",
    "é".as_bytes(),
    b"<",
    b">",
    b"\"",
    b"\\",
    b"@",
    b"+",
    b"=",
    b" ",
];

#[test]
fn no_session_panics() {
    let transcript = parse(
        "hop: SIZE 1000, PIPELINING, 8BITMIME, DSN, SMTPUTF8, AUTH PLAIN LOGIN, REQUIRETLS, MT-PRIORITY, LIMITS RCPTMAX=5\n\
         starttls\nauth\nxforward\nxclient\nmax_errors: 50",
    );
    let codes = [250, 250, 250, 250, 250, 250, 250, 451, 550, 421];
    let mut chance = Chance(0x6F63_7472_6F69);
    let mut mails = 0;
    for _ in 0..50_000 {
        let mut session = transcript.session();
        let mut input: Vec<u8> = if chance.next(2) == 0 { WORDS[..7].concat() } else { Vec::new() };
        for _ in 0..chance.next(12) {
            let word = WORDS[chance.next(WORDS.len())];
            let at = if chance.next(3) == 0 { chance.next(input.len() + 1) } else { input.len() };
            input.splice(at..at, word.iter().copied());
        }
        let cut = 1 + chance.next(40);
        for piece in input.chunks(cut) {
            session.receive(piece);
            while let Some(event) = session.next_event() {
                let reply = Reply { code: codes[chance.next(codes.len())], lines: vec!["x".to_owned()] };
                match event {
                    // One reply too few, now and then.
                    Event::Offer(offer) => {
                        session.answer_offer(vec![reply; offer.recipients.len() + chance.next(2)]);
                    }
                    Event::Mail(mail) => {
                        assert!(!mail.envelope.recipients.is_empty());
                        mails += 1;
                        session.answer_mail(reply);
                    }
                    Event::Login(_) => {
                        let code = [334, 334, 235, 535, 421, 250][chance.next(6)];
                        session.answer_login(Reply { code, ..reply });
                    }
                    Event::StartTls => session.tls_started(tls(), None),
                    Event::Reset | Event::Close => {}
                }
            }
            assert!(session.buffered() <= 4096 + 1000 + input.len());
        }
        // Everything said is a sequence of replies.
        let output = std::mem::take(session.output());
        let (mut reader, mut rest) = (ReplyReader::new(), output.as_slice());
        while !rest.is_empty() {
            let (used, _) = reader.feed(rest).unwrap();
            rest = &rest[used..];
        }
        assert!(reader.is_idle());
    }
    assert!(mails > 1000, "only {mails} mails came through: the nonsense is too wild to test much");
}

#[test]
fn no_reply_panics() {
    let mut chance = Chance(0x0072_6570_6C79);
    for _ in 0..50_000 {
        let mut input = b"250-hop\r\n250 SIZE\r\n354 go\r\n".to_vec();
        for _ in 0..1 + chance.next(4) {
            let at = chance.next(input.len());
            input[at] = b"\r\n -259\0\xffx"[chance.next(10)];
        }
        let mut reader = ReplyReader::new();
        for piece in input.chunks(1 + chance.next(9)) {
            let mut rest = piece;
            while let (false, Ok((used, _))) = (rest.is_empty(), reader.feed(rest)) {
                rest = &rest[used..];
            }
        }
    }
}

#[test]
fn input_is_bounded_while_an_answer_is_awaited() {
    let mut session = parse("hop: PIPELINING").session();
    session.receive(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\n");
    while !matches!(session.next_event(), Some(Event::Offer(_))) {}
    let mut given = 0;
    while session.wants_input() {
        session.receive(&[b'x'; 1000]);
        assert!(session.next_event().is_none());
        given += 1000;
    }
    assert!(given < 70_000, "{given}");
}

#[test]
fn a_content_counts_until_it_is_taken_and_is_nobodys_where_there_is_no_memory() {
    let session = || {
        let mut session = parse("hop: PIPELINING").session();
        session.receive(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
        while let Some(event) = session.next_event() {
            if let Event::Offer(offer) = event {
                let reply = Reply { code: 250, lines: vec!["x".to_owned()] };
                session.answer_offer(vec![reply; offer.recipients.len() + usize::from(offer.mail.is_some())]);
            }
        }
        assert!(session.is_in_content());
        session.receive(&[b'x'; 1000]);
        // The content, and how it began, whatever becomes of it.
        assert_eq!(session.buffered(), 2000);
        session.receive(b"\r\n.\r\n");
        assert_eq!(session.buffered(), 1002);
        session
    };
    let mut taken = session();
    assert!(matches!(taken.next_event(), Some(Event::Mail(mail)) if mail.content.len() == 1002));
    assert_eq!(taken.buffered(), 0);
    let mut refused = session();
    refused.close_with(octroi::mail::reply::NO_MEMORY.reply());
    let events: Vec<Event> = std::iter::from_fn(|| refused.next_event()).collect();
    assert!(!events.iter().any(|event| matches!(event, Event::Mail(_))), "it was told that it is not taken");
    assert!(matches!(events.last(), Some(Event::Close)));
}
