// SPDX-License-Identifier: EUPL-1.2
use super::*;
use crate::milter::packet;

fn settings() -> SessionSettings {
    let final_domains = FinalDomains::new(|mailbox| mailbox.domain().as_str() == "own.example");
    SessionSettings { max_size: 100_000, max_recipients: 5, final_domains, login_domain: None }
}

fn say(command: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    packet::write(&mut out, command, |packet| packet.extend_from_slice(data));
    out
}

fn offer(version: u32, actions: u32, steps: u32) -> Vec<u8> {
    say(b'O', &[version, actions, steps].map(u32::to_be_bytes).concat())
}

/// What the newest MTAs offer.
fn modern() -> Vec<u8> {
    offer(6, 0x1ff, 0x1f_ffff)
}

/// Everything that happens to one session.
struct MailServer {
    session: Session,
    finished: Vec<Finished>,
    /// The rest of the events, in short.
    events: Vec<String>,
    /// The code of the reply that ends a mail.
    ending: Option<u16>,
}

/// The code in a packet that refuses.
fn code(text: &[u8]) -> u16 {
    std::str::from_utf8(&text[..3]).unwrap().parse().unwrap()
}

impl MailServer {
    fn new(answers_sender: bool) -> MailServer {
        let session = Session::new(Arc::new(settings()), answers_sender, Client::default());
        MailServer { session, finished: Vec::new(), events: Vec::new(), ending: None }
    }

    /// Says something; senders and recipients are taken unless they are at `refused.example`.
    fn say(&mut self, octets: &[u8]) -> &mut MailServer {
        self.session.receive(octets);
        while let Some(event) = self.session.next_event() {
            match event {
                Event::Sender(path) => {
                    let refusal =
                        path.to_string().ends_with("refused.example").then(|| reply::SENDING_TOO_MUCH.reply());
                    self.session.answer_envelope(refusal);
                }
                Event::Recipient => {
                    let State::Asked(receiving) = &self.session.state else { panic!("not asked") };
                    let refusal = receiving.recipients.last().is_some_and(|r| r.ends_with(b"refused.example>"));
                    self.session.answer_envelope(refusal.then(|| reply::TOO_MANY_FOR_NOW.reply()));
                }
                Event::Mail(finished) => self.finished.push(*finished),
                Event::Reset => self.events.push("reset".into()),
                Event::Close(fault) => self.events.push(fault.map_or("quit".into(), |fault| fault.to_string())),
            }
        }
        self
    }

    /// The letters of the packets that came back, and forgets them.
    fn heard(&mut self) -> String {
        self.packets().iter().map(|(letter, _)| char::from(*letter)).collect()
    }

    fn packets(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut reader = Reader::default();
        reader.receive(&mem::take(self.session.output()));
        let mut packets = Vec::new();
        while let Some(packet) = reader.next(false).unwrap() {
            packets.push((packet.command, reader.data(packet).to_vec()));
        }
        // What is refused is kept for the log, in its order (decision D39); a mail's ending is the driver's own.
        let refusals = packets.iter().filter(|(letter, _)| *letter == b'y').map(|(_, text)| code(text));
        let refusals: Vec<u16> = refusals.collect();
        let noted = self.session.refused().into_iter().map(|refused| refused.reply.code);
        assert_eq!(noted.chain(mem::take(&mut self.ending)).collect::<Vec<_>>(), refusals);
        packets
    }

    fn answer(&mut self, ending: Ending) -> Vec<(u8, Vec<u8>)> {
        self.ending = match &ending {
            Ending::Refused(reply) => Some(reply.code),
            _ => None,
        };
        self.session.answer_mail(&ending);
        self.packets()
    }
}

/// One whole mail to these recipients, without negotiation.
fn mail(to: &[&str]) -> Vec<u8> {
    let mut all = say(b'C', b"client.example\x004\x1f\x40192.0.2.7\0");
    all.extend(say(b'H', b"client.example\0"));
    all.extend(say(b'D', b"M{auth_authen}\0claire@own.example\0v\0Postfix 3.7\0"));
    all.extend(say(b'M', b"<claire@own.example>\0SIZE=100\0"));
    for recipient in to {
        all.extend(say(b'R', format!("<{recipient}>\0").as_bytes()));
    }
    all.extend(say(b'L', b"Subject\0 Hello\n\tthere\0"));
    all.extend(say(b'L', b"To\0 you\0"));
    all.extend(say(b'N', b""));
    all.extend(say(b'B', b"one\r\n"));
    all.extend(say(b'D', b"Ei\0QUEUE1\0"));
    all.extend(say(b'E', b"two\r\n"));
    all
}

#[test]
fn a_mail_is_what_the_mta_showed_whatever_the_cuts() {
    let stream = [modern(), mail(&["a@b.example", "c@d.example"])].concat();
    for size in [1, 2, 3, 5, 7, 64, stream.len()] {
        let mut server = MailServer::new(false);
        for piece in stream.chunks(size) {
            server.say(piece);
        }
        let [finished] = &server.finished[..] else { panic!("{:?}", server.events) };
        assert_eq!(&finished.content[..], b"Subject: Hello\r\n\tthere\r\nTo: you\r\n\r\none\r\ntwo\r\n");
        assert_eq!(finished.envelope.verbatim, "<claire@own.example> SIZE=100");
        assert_eq!(finished.envelope.recipients.len(), 2);
        assert_eq!(finished.client.address, Some([192, 0, 2, 7].into()));
        assert_eq!(finished.client.login.as_deref(), Some("claire@own.example"));
        assert_eq!(finished.client.queue_id.as_deref(), Some("QUEUE1"));
        assert_eq!(server.heard(), "Occ", "a turn for each recipient, and the last");
        assert!(!server.session.is_idle());
    }
}

#[test]
fn an_old_mta_is_answered_every_time() {
    let mut server = MailServer::new(true);
    server.say(&offer(2, 0x3f, 0x7f)).say(&mail(&["a@b.example"]));
    // Version 2 takes the space behind the colon away.
    assert!(server.finished[0].content.starts_with(b"Subject:  Hello\r\n\tthere\r\n"));
    assert_eq!(server.heard(), "Occcccccc");
    assert_eq!(server.answer(Ending::Kept), [(b'd', vec![])]);
}

#[test]
fn each_ending_has_its_packets() {
    let endings = |ending: Ending| {
        let mut server = MailServer::new(false);
        server.say(&modern()).say(&mail(&["a@b.example", "c@d.example", "a@b.example"]));
        server.packets();
        server.session.progress();
        assert_eq!(server.heard(), "p");
        let packets = server.answer(ending);
        server.session.progress();
        assert!(server.session.is_idle() && server.heard().is_empty());
        packets
    };
    let passed = |copies: &[usize]| Ending::Passed { copies: copies.to_vec(), content: None };
    assert_eq!(endings(passed(&[0, 1, 2])), [(b'c', vec![])]);
    assert_eq!(endings(passed(&[0, 2])), [(b'-', b"<c@d.example>\0".to_vec()), (b'c', vec![])]);
    // One address twice goes as one.
    assert_eq!(endings(passed(&[0])), [(b'-', b"<c@d.example>\0".to_vec()), (b'c', vec![])]);
    assert_eq!(endings(passed(&[])), [(b'd', vec![])], "never an envelope without recipients");
    assert_eq!(endings(Ending::Kept), [(b'd', vec![])]);
    let refused = endings(Ending::Refused(reply::DEFERRED_BY_POLICY.reply()));
    assert_eq!(refused, [(b'y', b"451 4.7.1 not now, send it again later\0".to_vec())]);
    let other = Bytes::from_static(b"Subject: Hello\r\n\tthere\r\nTo: me\r\nX: y\r\n\r\none\r\n");
    let edited = endings(Ending::Passed { copies: vec![0, 1, 2], content: Some(other) });
    let expected = [
        (b'm', b"\0\0\0\x01To\0 me\0".to_vec()),
        (b'h', b"X\0 y\0".to_vec()),
        (b'b', b"one\r\n".to_vec()),
        (b'c', vec![]),
    ];
    assert_eq!(edited, expected);
}

#[test]
fn a_refused_recipient_is_no_recipient() {
    let mut server = MailServer::new(true);
    server.say(&modern()).say(&mail(&["a@b.example", "no@refused.example"]));
    assert_eq!(server.finished[0].envelope.recipients.len(), 1);
    assert_eq!(server.heard(), "Occy");
    let mut server = MailServer::new(true);
    server.say(&modern()).say(&say(b'M', b"<x@refused.example>\0"));
    assert_eq!(server.packets()[1], (b'y', b"450 4.7.1 too much mail for now\0".to_vec()));
    assert!(server.session.is_idle());
    // Where the MTA takes no answer to a sender, all of the mail is refused at its end.
    let mut server = MailServer::new(false);
    server.say(&modern()).say(&say(b'M', b"<x@refused.example>\0")).say(&say(b'R', b"<a@b.example>\0"));
    server.say(&say(b'E', b"x\r\n"));
    assert!(server.finished.is_empty() && server.session.is_idle());
    assert_eq!(server.packets().pop().unwrap().1, b"450 4.7.1 too much mail for now\0");
    // Nobody can be the recipient of `odd`.
    let mut server = MailServer::new(true);
    server.say(&modern()).say(&mail(&["odd"]));
    assert_eq!(server.heard(), "Ocyy", "the recipient and, without any, the mail");
}

/// Decision D30: one recipient is refused, and the rest of the mail goes on.
#[test]
fn a_route_in_a_local_part_is_refused_and_the_mail_goes_on() {
    for answers_sender in [true, false] {
        let mut server = MailServer::new(answers_sender);
        server.say(&modern()).say(&mail(&["a@b.example", "me%b.example@own.example", "\"me@b.example\"@own.example"]));
        assert_eq!(server.finished[0].envelope.recipients.len(), 1);
        let replies = server.packets();
        let refused = b"553 5.1.3 no @, %% or ! in a local part here\0";
        assert_eq!(
            replies.iter().filter(|(letter, data)| *letter == b'y' && data == refused).count(),
            2,
            "{replies:?}"
        );
    }
}

/// What the MTA said of one recipient says nothing of the next.
#[test]
fn a_resolved_address_belongs_to_one_recipient() {
    let mut server = MailServer::new(true);
    server.say(&modern()).say(&say(b'M', b"<a@own.example>\0"));
    server.say(&say(b'D', b"R{rcpt_addr}\0me@webmail.example\0")).say(&say(b'R', b"<me@alias.example>\0"));
    server.say(&say(b'R', b"<you@b.example>\0")).say(&say(b'E', b"x\r\n"));
    let paths: Vec<_> = server.finished[0].envelope.recipients.iter().map(|one| one.path.to_string()).collect();
    assert_eq!(paths, ["me@webmail.example", "you@b.example"]);
}

/// As Sendmail does it once every recipient was refused.
#[test]
fn a_new_sender_ends_an_envelope_without_an_abort() {
    let mut server = MailServer::new(true);
    server.say(&modern()).say(&say(b'M', b"<a@own.example>\0")).say(&say(b'R', b"<me%b@own.example>\0"));
    server.say(&say(b'M', b"<b@own.example>\0")).say(&say(b'R', b"<c@d.example>\0")).say(&say(b'E', b"x\r\n"));
    let envelope = &server.finished[0].envelope;
    assert_eq!((envelope.verbatim.as_str(), envelope.recipients.len()), ("<b@own.example>", 1));
    assert_eq!(server.heard(), "Ocycc");
}

#[test]
fn an_abort_ends_the_mail_and_not_the_session() {
    let mut server = MailServer::new(false);
    server.say(&modern()).say(&say(b'M', b"<a@b.example>\0")).say(&say(b'A', b""));
    assert_eq!(server.events, ["reset"]);
    server.say(&mail(&["a@b.example"]));
    assert_eq!(server.finished.len(), 1);
    server.answer(Ending::Kept);
    server.say(&say(b'K', b"")).say(&mail(&["a@b.example"]));
    assert_eq!(server.finished.len(), 2);
    server.answer(Ending::Kept);
    server.say(&say(b'Q', b""));
    assert_eq!(server.events, ["reset", "quit"]);
}

#[test]
fn nonsense_closes_and_says_why() {
    let sender = say(b'M', b"<a@b.example>\0");
    let recipient = say(b'R', b"<c@d.example>\0");
    for (octets, told) in [
        (say(b'M', b"<a@b>\0"), "'M' out of turn"),
        ([modern(), recipient.clone()].concat(), "'R' out of turn"),
        ([modern(), say(b'B', b"x")].concat(), "'B' out of turn"),
        ([modern(), say(b'E', b"")].concat(), "'E' out of turn"),
        ([modern(), modern()].concat(), "'O' out of turn"),
        ([modern(), sender.clone(), say(b'C', b"x\0U")].concat(), "'C' out of turn"),
        ([modern(), sender.clone(), say(b'N', b""), sender.clone()].concat(), "'M' out of turn"),
        ([modern(), sender.clone(), say(b'N', b""), say(b'L', b"a\0b\0")].concat(), "'L' out of turn"),
        ([modern(), sender.clone(), say(b'N', b""), recipient].concat(), "'R' out of turn"),
        ([modern(), say(b'Z', b"")].concat(), "unknown command 'Z'"),
        ([modern(), say(0xff, b"")].concat(), "unknown command 0xff"),
        ([modern(), say(b'M', b"no NUL")].concat(), "'M' with data"),
        ([modern(), vec![0, 0, 0, 0]].concat(), "without a command"),
        ([modern(), vec![0xff; 4]].concat(), "4294967295 bytes"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "1195725856 bytes"),
        (offer(1, 0x3f, 0x7f), "version 1"),
        (offer(6, 0x01, 0x7f), "SMFIF_DELRCPT"),
        (say(b'O', b"short"), "'O' with data"),
    ] {
        let mut server = MailServer::new(false);
        server.say(&octets);
        assert!(server.events.last().is_some_and(|event| event.contains(told)), "{told}: {:?}", server.events);
        assert!(!server.session.wants_input() && server.session.next_event().is_none());
        server.say(&modern());
        assert_eq!(server.session.buffered(), 0, "{told}");
    }
}

#[test]
fn a_large_mail_is_forgotten_and_refused() {
    let mut server = MailServer::new(false);
    server.say(&modern()).say(&say(b'M', b"<a@b.example>\0")).say(&say(b'R', b"<c@d.example>\0"));
    for _ in 0..10 {
        server.say(&say(b'B', &[b'x'; 60_000]));
        assert!(server.session.buffered() < 200_000);
    }
    // But for its beginning.
    assert!(server.session.buffered() < 20_000);
    server.say(&say(b'E', b""));
    assert_eq!(server.packets().pop().unwrap().1, b"552 5.3.4 message too big\0");
    // The next mail of the same connection is another.
    server.say(&mail(&["a@b.example"]));
    assert_eq!(server.finished.len(), 1);
}

#[test]
fn ten_thousand_headers_and_a_flood_of_macros_are_bounded() {
    let mut server = MailServer::new(false);
    server.say(&modern()).say(&say(b'M', b"<a@b.example>\0")).say(&say(b'R', b"<c@d.example>\0"));
    for n in 0..10_000 {
        server.say(&say(b'D', b"L{x}\0y\0")).say(&say(b'L', format!("X{n}\0 \0").as_bytes()));
    }
    assert!(server.session.buffered() < 300_000);
    server.say(&say(b'E', b"\r\n"));
    assert_eq!(server.finished[0].content.iter().filter(|octet| **octet == b'\n').count(), 10_002);
    server.answer(Ending::Kept);
    // A loop has fewer.
    server.say(&say(b'M', b"<a@b.example>\0")).say(&say(b'R', b"<c@d.example>\0"));
    for _ in 0..51 {
        server.say(&say(b'L', b"RECEIVED\0 x\0"));
    }
    server.say(&say(b'E', b""));
    assert!(server.packets().pop().unwrap().1.starts_with(b"554 5.4.6"));
}

#[test]
fn a_bare_line_end_and_a_nul_are_seen_as_they_are() {
    for (header, body, refused) in [
        (&b"X\0 a\rb\0"[..], &b"x\r\n"[..], true),
        (b"X\0 a\0", b"x\ny\r\n", true),
        (b"X\0 a\0", b"x\r\r\n", true),
        (b"X\0 a\r\n b\0", b"x\r\n", false),
        (b"X\0 a\0b\0", b"x\0y\r\n", false),
        (b"X\0 a\0", b"x\r\n.\0\r\n", true),
        (b"X\0 a\0", b"\0.\r\n", true),
    ] {
        let mut server = MailServer::new(false);
        server.say(&modern()).say(&say(b'M', b"<a@b.example>\0")).say(&say(b'R', b"<c@d.example>\0"));
        server.say(&say(b'L', header)).say(&say(b'E', body));
        assert_eq!(server.finished.is_empty(), refused, "{header:?} {body:?}");
    }
}

/// Any octets at all, in any cut: no panic, and no more memory than they have.
#[test]
fn random_packets_neither_panic_nor_grow() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let letters = b"ODCHMRTLNBEAUKQ\0z";
    for _ in 0..2_000 {
        let mut server = MailServer::new(random() % 2 == 0);
        server.say(&modern());
        let mut sent = 0;
        for _ in 0..random() % 40 {
            let letter = letters[random() as usize % letters.len()];
            let length = random() as usize % 40;
            let data: Vec<u8> = (0..length)
                .map(|_| match random() % 4 {
                    0 => 0,
                    1 => b"<>@a.\r\n:="[random() as usize % 9],
                    _ => random() as u8,
                })
                .collect();
            let octets = say(letter, &data);
            sent += octets.len();
            server.say(&octets);
            assert!(server.session.buffered() <= 4 * sent + 4096);
            if !server.finished.is_empty() && !server.session.is_idle() && random() % 2 == 0 {
                server.answer(Ending::Kept);
            }
        }
    }
}
