// SPDX-License-Identifier: EUPL-1.2
//! What a mail's journal row seals, as few bytes: who wrote to whom, what was said, the facts judged.
//!
//! Times are differences, a domain that stood before is a number, and what most next hops say begins with a number too.

use std::net::IpAddr;

use super::entry::{Entry, EntryCopy, EntryFacts};
use super::instant;
use crate::mail::MailId;
use crate::policy::bytes::{read_byte, read_number, read_slice, read_text, write_number, write_text};
use crate::policy::verdict::Disposition;

/// The first byte. A form is never changed: rows of each stand in databases.
const FORM: u8 = 1;
/// How replies begin, of Postfix, Exim, OpenSMTPD, Sendmail and ourselves. Rows are added, never changed.
const REPLIES: [&str; 7] =
    ["", "250 2.0.0 Ok: queued as ", "250 OK id=", "250 2.0.0 ", "250 2.0.0 accepted as ", "451 4.3.0 ", "250 "];
const DUPLICATE: u8 = 1;
const OUR_ID: u8 = 2;
const JUDGED: u8 = 4;
const OTHER_SENDER: u8 = 8;
const NO_SENDER: u8 = 16;
const HELD: u8 = 1;
const OWN_REPLY: u8 = 2;
/// The bit from which on the number of the verdict stands.
const VERDICT: u8 = 2;

/// An entry on its way to its row: `began` is the row's time in milliseconds, `tls` the numbers of the two words.
pub(super) struct Context {
    pub began: i64,
    pub tls: [i64; 2],
}

pub(super) fn pack(entry: &Entry, context: &Context) -> Vec<u8> {
    let view = |copy: &EntryCopy| SealedCopy {
        recipient: copy.recipient,
        verdict: copy.verdict,
        held: copy.held,
        reply: copy.reply.clone(),
        facts: copy.facts.clone(),
    };
    pack_with(entry, entry.copies.iter().map(view), context)
}

/// The same for what was read before.
pub(super) fn pack_again(sealed: Sealed, began: i64) -> Vec<u8> {
    let Sealed { entry, copies, tls } = sealed;
    pack_with(&entry, copies.into_iter(), &Context { began, tls })
}

fn pack_with(entry: &Entry, copies: impl ExactSizeIterator<Item = SealedCopy>, context: &Context) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut domains = Domains::default();
    let judged = entry.judged.as_ref();
    let sender = judged.and_then(|judged| judged.sender.as_deref());
    let (reply, our_id) = without_id(&entry.reply, &entry.mail);
    let is_named = judged.is_some() && !entry.private;
    let mut flags = 0;
    for (flag, set) in [
        (DUPLICATE, entry.maybe_duplicate),
        (OUR_ID, our_id),
        (JUDGED, judged.is_some()),
        (OTHER_SENDER, is_named && sender != Some(entry.reverse_path.as_str())),
        (NO_SENDER, is_named && sender.is_none()),
    ] {
        flags |= if set { flag } else { 0 };
    }
    out.extend([FORM, flags]);
    write_signed(entry.time.as_microsecond() - context.began * 1000, &mut out);
    write_id(&entry.mail, entry.time.as_millisecond(), &mut out);
    // Whose machine it was says who sent it.
    write_client(entry.client.filter(|_| !entry.private), &mut out);
    context.tls.iter().for_each(|word| write_number(word.cast_unsigned(), &mut out));
    write_optional(entry.queue_id.as_deref(), &mut out);
    write_reply(reply, entry.private, &mut out);
    // Decision D20: of private mail nothing says who wrote to whom, nor how much.
    if !entry.private {
        write_number(entry.size, &mut out);
        domains.write(&entry.reverse_path, &mut out);
        if flags & (OTHER_SENDER | NO_SENDER) == OTHER_SENDER {
            domains.write(sender.unwrap_or_default(), &mut out);
        }
        write_number(entry.recipients.len() as u64, &mut out);
        entry.recipients.iter().for_each(|recipient| domains.write(recipient, &mut out));
        domains.write(entry.message_id.as_deref().unwrap_or_default(), &mut out);
    }
    if let Some(judged) = judged {
        write_bytes(&judged.bytes, &mut out);
    }
    write_number(copies.len() as u64, &mut out);
    for copy in copies {
        write_number(copy.recipient as u64, &mut out);
        let own = copy.reply.as_deref();
        let verdict = copy.verdict.map_or(0, |verdict| (verdict as u8 + 1) << VERDICT);
        out.push(verdict | if copy.held { HELD } else { 0 } | if own.is_some() { OWN_REPLY } else { 0 });
        own.into_iter().for_each(|reply| write_reply(reply, entry.private, &mut out));
        write_bytes(&copy.facts, &mut out);
    }
    out
}

/// What a mail's row seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Without copies, and without whatever stands in columns.
    pub entry: Entry,
    pub copies: Vec<SealedCopy>,
    /// The numbers of the words of TLS.
    pub tls: [i64; 2],
}

/// What it seals of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedCopy {
    pub recipient: usize,
    pub verdict: Option<Disposition>,
    pub held: bool,
    pub reply: Option<String>,
    pub facts: Vec<u8>,
}

/// Reads what [`pack`] wrote; `None` where the bytes are none of that.
pub(super) fn unpack(mut bytes: &[u8], began: i64, private: bool) -> Option<Sealed> {
    let bytes = &mut bytes;
    let (FORM, flags) = (read_byte(bytes)?, read_byte(bytes)?) else { return None };
    let has = |flag: u8| flags & flag != 0;
    let time = instant(began.checked_mul(1000)?.checked_add(read_signed(bytes)?)?);
    let mail = read_id(bytes, time.as_millisecond())?;
    let client = read_client(bytes)?;
    let tls = [read_number(bytes)?.cast_signed(), read_number(bytes)?.cast_signed()];
    let queue_id = read_optional(bytes)?;
    let mut reply = read_reply(bytes)?;
    if has(OUR_ID) {
        reply.push_str(&suffix(&mail));
    }
    let mut entry = Entry {
        mail,
        time,
        client,
        queue_id,
        message_id: None,
        reverse_path: String::new(),
        recipients: Vec::new(),
        private,
        size: 0,
        reply,
        maybe_duplicate: has(DUPLICATE),
        client_tls: None,
        next_hop_tls: None,
        judged: None,
        copies: Vec::new(),
    };
    let mut sender = None;
    if !private {
        let mut domains = Domains::default();
        entry.size = read_number(bytes)?;
        entry.reverse_path = domains.read(bytes)?;
        sender = match (has(NO_SENDER), has(OTHER_SENDER)) {
            (true, _) => None,
            (false, true) => Some(domains.read(bytes)?),
            (false, false) => Some(entry.reverse_path.clone()),
        };
        entry.recipients = (0..read_number(bytes)?).map(|_| domains.read(bytes)).collect::<Option<_>>()?;
        entry.message_id = Some(domains.read(bytes)?).filter(|known| !known.is_empty());
    }
    if has(JUDGED) {
        let facts = read_bytes(bytes)?;
        entry.judged = Some(EntryFacts { sender, unit: String::new(), sources: "".into(), bytes: facts });
    }
    let mut copies = Vec::new();
    for _ in 0..read_number(bytes)? {
        let recipient = usize::try_from(read_number(bytes)?).ok()?;
        let flags = read_byte(bytes)?;
        let reply = if flags & OWN_REPLY != 0 { Some(read_reply(bytes)?) } else { None };
        copies.push(SealedCopy {
            recipient,
            verdict: match flags >> VERDICT {
                0 => None,
                number => Some(*Disposition::ALL.get(usize::from(number - 1))?),
            },
            held: flags & HELD != 0,
            reply,
            facts: read_bytes(bytes)?,
        });
    }
    bytes.is_empty().then_some(Sealed { entry, copies, tls })
}

/// Domains of one mail: those that stood before are numbers.
#[derive(Default)]
struct Domains(Vec<String>);

impl Domains {
    fn write(&mut self, address: &str, out: &mut Vec<u8>) {
        let (local, domain) = address.rsplit_once('@').map_or((address, None), |(local, domain)| (local, Some(domain)));
        write_text(local, out);
        let Some(domain) = domain else { return out.push(0) };
        match self.0.iter().position(|known| known == domain) {
            Some(at) => write_number(at as u64 + 2, out),
            None => {
                out.push(1);
                write_text(domain, out);
                self.0.push(domain.to_owned());
            }
        }
    }

    fn read(&mut self, bytes: &mut &[u8]) -> Option<String> {
        let local = read_text(bytes)?;
        let domain = match read_number(bytes)? {
            0 => return Some(local.to_owned()),
            1 => {
                self.0.push(read_text(bytes)?.to_owned());
                self.0.last()?
            }
            at => self.0.get(usize::try_from(at - 2).ok()?)?,
        };
        Some(format!("{local}@{domain}"))
    }
}

fn suffix(mail: &MailId) -> String {
    format!(" (octroi {mail})")
}

/// The next hop's words without what we added to them.
fn without_id<'r>(reply: &'r str, mail: &MailId) -> (&'r str, bool) {
    match reply.strip_suffix(&suffix(mail)) {
        Some(theirs) => (theirs, true),
        None => (reply, false),
    }
}

/// A hop's words may name people: of private mail only the code is kept.
pub(super) fn code_of(reply: &str) -> &str {
    reply.split_whitespace().next().unwrap_or_default()
}

fn write_reply(reply: &str, private: bool, out: &mut Vec<u8>) {
    let kept = if private { code_of(reply) } else { reply };
    let (at, begins) = (0u8..)
        .zip(REPLIES)
        .filter(|(_, begins)| kept.starts_with(begins))
        .max_by_key(|(_, b)| b.len())
        .unwrap_or((0, ""));
    out.push(at);
    write_text(&kept[begins.len()..], out); // it begins so
}

fn read_reply(bytes: &mut &[u8]) -> Option<String> {
    let begins = REPLIES.get(usize::from(read_byte(bytes)?))?;
    Some(format!("{begins}{}", read_text(bytes)?))
}

/// One of our own ids without its milliseconds, which are the mail's; else the text.
fn write_id(mail: &MailId, millis: i64, out: &mut Vec<u8>) {
    match mail.number() {
        Some(id) if id >> 45 == millis.cast_unsigned().into() => {
            out.push(1);
            out.extend_from_slice(&(id as u64 & ((1 << 45) - 1)).to_be_bytes()[2..]); // six of eight
        }
        _ => {
            out.push(0);
            write_text(mail.as_str(), out);
        }
    }
}

fn read_id(bytes: &mut &[u8], millis: i64) -> Option<MailId> {
    if read_byte(bytes)? == 0 {
        return MailId::parse(read_text(bytes)?).ok();
    }
    let low = read_slice(bytes, 6)?.iter().fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    Some(MailId::of_number((u128::from(millis.cast_unsigned()) << 45) | low))
}

fn write_client(client: Option<IpAddr>, out: &mut Vec<u8>) {
    match client {
        None => out.push(0),
        Some(IpAddr::V4(address)) => {
            out.push(4);
            out.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            out.push(16);
            out.extend(address.octets());
        }
    }
}

fn read_client(bytes: &mut &[u8]) -> Option<Option<IpAddr>> {
    match read_byte(bytes)? {
        0 => Some(None),
        4 => Some(Some(IpAddr::from(<[u8; 4]>::try_from(read_slice(bytes, 4)?).ok()?))),
        16 => Some(Some(IpAddr::from(<[u8; 16]>::try_from(read_slice(bytes, 16)?).ok()?))),
        _ => None,
    }
}

fn write_signed(number: i64, out: &mut Vec<u8>) {
    write_number(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let number = read_number(bytes)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// An empty text is no text.
fn write_optional(text: Option<&str>, out: &mut Vec<u8>) {
    write_text(text.unwrap_or_default(), out);
}

fn read_optional(bytes: &mut &[u8]) -> Option<Option<String>> {
    Some(Some(read_text(bytes)?.to_owned()).filter(|text| !text.is_empty()))
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn read_bytes(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(read_number(bytes)?).ok()?;
    read_slice(bytes, length).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let copy = |recipient, held, reply: Option<&str>| EntryCopy {
            recipient,
            class: None,
            disposition: Disposition::Pass,
            verdict: Some(Disposition::Quarantine),
            observed: None,
            rules: Vec::new(),
            held,
            reply: reply.map(str::to_owned),
            facts: vec![0, 4, 9],
            cause: None,
            put_off: None,
            kept_as: None,
        };
        Entry {
            mail: MailId::parse("1M8P0ZBWBY1V0E3XXM").unwrap(),
            time: instant(1_772_452_800_123_456),
            client: Some([192, 0, 2, 1].into()),
            queue_id: Some("4fT1xQ0zQ7z2".into()),
            message_id: Some("<a.b@mail.town.example>".into()),
            reverse_path: "clerk@town.example".into(),
            recipients: vec!["b@town.example".into(), "postmaster".into(), "déjà@gmail.example".into()],
            private: false,
            size: 123_456,
            reply: "250 2.0.0 Ok: queued as 4fT1 (octroi 1M8P0ZBWBY1V0E3XXM)".into(),
            maybe_duplicate: true,
            client_tls: None,
            next_hop_tls: None,
            judged: Some(EntryFacts {
                sender: Some("clerk@town.example".into()),
                unit: String::new(),
                sources: "".into(),
                bytes: vec![1, 2, 3],
            }),
            copies: vec![copy(0, true, None), copy(2, false, Some("450 4.2.0 later"))],
        }
    }

    fn again(entry: &Entry) -> Sealed {
        let began = entry.time.as_millisecond() + 150;
        let bytes = pack(entry, &Context { began, tls: [7, 300] });
        (0..bytes.len()).for_each(|cut| assert_eq!(unpack(&bytes[..cut], began, entry.private), None));
        unpack(&bytes, began, entry.private).expect("it was packed just now")
    }

    /// What the row seals of an entry of which nothing is left out.
    fn whole(entry: &Entry) -> Sealed {
        let copy = |copy: &EntryCopy| SealedCopy {
            recipient: copy.recipient,
            verdict: copy.verdict,
            held: copy.held,
            reply: copy.reply.clone(),
            facts: copy.facts.clone(),
        };
        let copies = entry.copies.iter().map(copy).collect();
        Sealed { entry: Entry { copies: Vec::new(), ..entry.clone() }, copies, tls: [7, 300] }
    }

    #[test]
    fn everything_comes_back() {
        assert_eq!(again(&entry()), whole(&entry()));
        let ours = Entry { mail: id_of(&entry()), ..entry() };
        assert_eq!(again(&ours), whole(&ours));
        let login = |sender: Option<&str>| {
            let judged = EntryFacts { sender: sender.map(str::to_owned), ..entry().judged.unwrap() };
            Entry { judged: Some(judged), reverse_path: String::new(), ..entry() }
        };
        for other in [login(Some("chief@other.example")), login(None), Entry { judged: None, ..entry() }] {
            assert_eq!(again(&other), whole(&other));
        }
    }

    /// An id of ours for the entry's own time.
    fn id_of(entry: &Entry) -> MailId {
        MailId::of_number((entry.time.as_millisecond() as u128) << 45 | 0x1234_5678_9abc)
    }

    #[test]
    fn our_own_ids_take_seven_bytes() {
        let mut bytes = Vec::new();
        write_id(&id_of(&entry()), entry().time.as_millisecond(), &mut bytes);
        assert_eq!(bytes.len(), 7);
    }

    #[test]
    fn of_private_mail_nobody_is_named() {
        let private = Entry { private: true, reply: "250 2.0.0 queued for <b@town.example>".into(), ..entry() };
        let bytes = pack(&private, &Context { began: 0, tls: [0, 0] });
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("town") && !text.contains("gmail") && !text.contains("clerk"), "{text}");
        let Sealed { entry: again, copies, .. } = again(&private);
        assert_eq!(copies.len(), 2);
        assert_eq!(again.client, None, "nor whose machine it was");
        assert_eq!((again.size, again.reply.as_str(), again.recipients.len()), (0, "250", 0));
        assert_eq!((again.message_id, again.judged.unwrap().sender), (None, None));
    }

    /// Whatever the disk made of it, what is read is an entry or nothing; and what is no entry's end is no entry.
    #[test]
    fn flipped_bits_are_read_as_something_or_as_nothing() {
        let began = entry().time.as_millisecond();
        let bytes = pack(&entry(), &Context { began, tls: [7, 300] });
        let mut nothing = 0;
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                for private in [false, true] {
                    nothing += usize::from(unpack(&flipped, began, private).is_none());
                }
            }
        }
        assert!(nothing > bytes.len(), "{nothing}");
        assert_eq!(unpack(&[&bytes[..], &[0]].concat(), began, false), None, "more than there was");
        // Counts beyond all bytes must not be believed.
        let counts = [&[FORM, 0][..], &[0xff; 9], &[1]].concat();
        assert_eq!(unpack(&counts, began, true), None);
    }
}
