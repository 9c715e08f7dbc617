// SPDX-License-Identifier: EUPL-1.2
//! Files that are messages or parts of messages: `.eml`, web archives, mailboxes, Apple's `.emlx`. Their header
//! section tells, however long it is; the name and the declared type do not (decision D34).

use memchr::{memchr, memmem};

use super::kind::{FileType, is};

/// A header section longer than this is no file's.
const LONGEST: usize = 256 << 10;

/// What a file is as a message: `eml` (sent or to be sent), `mht` (a MIME entity that nobody addressed: a web archive,
/// the content of a signature), `mbox`, `emlx`.
pub(super) fn kind_of(bytes: &[u8]) -> Option<FileType> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(rest) = after_separator(bytes) {
        return Section::read(rest)
            .is_some_and(|section| section.fields >= 2)
            .then_some(is("mbox", "application/mbox"));
    }
    if emlx(bytes).is_some_and(|inner| Section::read(inner).is_some_and(|section| section.is_message())) {
        return Some(is("emlx", "message/rfc822"));
    }
    let section = Section::read(bytes.trim_ascii_start())?;
    match (section.is_message() || section.is_entity(), section.addressed) {
        (true, true) => Some(is("eml", "message/rfc822")),
        (true, false) => Some(is("mht", "multipart/related")),
        _ => None,
    }
}

/// Whether bytes begin as a MIME entity does (RFC 2045 §3): one field that describes a content is enough where
/// nothing else stands to reason.
pub fn is_entity(bytes: &[u8]) -> bool {
    Section::read(bytes).is_some_and(|section| section.is_message() || section.is_entity())
}

/// The messages of a mailbox (RFC 4155 appendix A): each begins with a line `From `, and in it `>From ` is `From `.
pub fn messages(mbox: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> = Vec::new();
    let separators = memmem::find_iter(mbox, b"\nFrom ").map(|at| at + 1);
    for at in std::iter::once(0).chain(separators) {
        // A line in a letter may begin so, too: a separator stands before a header.
        let is_header = |rest: &[u8]| Section::read(rest.get(..1_000).unwrap_or(rest)).is_some();
        if mbox.get(at..).and_then(after_separator).is_some_and(is_header) {
            starts.push(at);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([mbox.len()]);
    let message = |(from, to): (&usize, usize)| mbox.get(*from..to).and_then(after_separator);
    starts.iter().zip(ends).filter_map(message).collect()
}

/// The message in Apple Mail's file: a line with its length, the message, a property list.
pub fn emlx(bytes: &[u8]) -> Option<&[u8]> {
    let end = memchr(b'\n', bytes.get(..24).unwrap_or(bytes))?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let length: usize = std::str::from_utf8(line).ok()?.trim().parse().ok()?;
    let rest = rest.get(1..)?;
    Some(rest.get(..length).unwrap_or(rest))
}

/// The bytes after a separator of a mailbox.
fn after_separator(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_prefix(b"From ")?;
    let end = memchr(b'\n', line.get(..1_000).unwrap_or(line))?;
    line.get(end + 1..)
}

/// A header section as far as it is one.
#[derive(Default)]
struct Section {
    fields: usize,
    /// Fields that mails have (RFC 5322 §3.6, RFC 2045).
    known: usize,
    /// Fields that nobody types by hand.
    by_machine: bool,
    /// `Content-Type: type/subtype`.
    typed: bool,
    /// MIME-Version, Content-Transfer-Encoding.
    mime: bool,
    /// Somebody wrote or received it.
    addressed: bool,
    /// An empty line ends it.
    ended: bool,
}

impl Section {
    /// `None` where the first line is no field.
    fn read(bytes: &[u8]) -> Option<Section> {
        let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
        let mut section = Section::default();
        for line in bytes.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                section.ended = true;
                break;
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                continue;
            }
            let Some(colon) = memchr(b':', line.get(..100).unwrap_or(line)) else { break };
            let (name, value) = (line.get(..colon)?.trim_ascii_end().to_ascii_lowercase(), line.get(colon + 1..)?);
            if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
                break;
            }
            section.field(&name, value);
        }
        (section.fields > 0).then_some(section)
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.fields += 1;
        match name {
            b"content-type" => {
                self.typed |= memchr(b'/', value).is_some();
                self.by_machine = true;
            }
            b"mime-version" | b"content-transfer-encoding" => {
                self.mime = true;
                self.by_machine |= name == b"mime-version";
            }
            b"from" | b"sender" | b"reply-to" => self.addressed |= memchr(b'@', value).is_some(),
            b"to" | b"cc" | b"bcc" | b"delivered-to" => self.addressed = true,
            b"message-id" | b"received" | b"return-path" | b"dkim-signature" => {
                self.by_machine = true;
                self.addressed = true;
            }
            b"subject" | b"date" | b"x-mailer" => {}
            name if name.starts_with(b"arc-") || name == b"authentication-results" => {
                self.by_machine = true;
                self.addressed = true;
            }
            _ => return,
        }
        self.known += 1;
    }

    /// Three known fields, one of which nobody types by hand: a mail quoted in a text begins like one too.
    fn is_message(&self) -> bool {
        self.known >= 3 && self.by_machine
    }

    fn is_entity(&self) -> bool {
        self.ended && (self.typed || self.mime && self.fields >= 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        kind_of(text.as_bytes()).map_or("", |kind| kind.extension)
    }

    #[test]
    fn header_sections_tell_what_a_file_is() {
        let arc = format!("Received: by x\n{}", "ARC-Seal: i=1; a=rsa\n b\n".repeat(100));
        for (text, expected) in [
            ("From: a\nTo: b\nSubject: c\nMIME-Version: 1.0\n\n", "eml"),
            (&format!("{arc}Subject: x\n\n"), "eml"),
            ("From: a\nTo: b\nSubject: c\n\nplain quote", ""),
            ("MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x", "mht"),
            ("From: \"Saved by a browser\"\nSubject: p\nMIME-Version: 1.0\nContent-Type: text/html\n\n<p>", "mht"),
            ("Content-Type: multipart/signed; boundary=x\r\n\r\n--x", "mht"),
            ("Note: bien\n\nContent", ""),
            ("Content-Type: sans rien", ""),
            ("From a@b Mon Jan  1 00:00:00 2026\nSubject: x\nFrom: a@b\n\n", "mbox"),
            ("From here on, all is well.\nAnd so on.\n", ""),
            ("512\nFrom: a@b\nTo: b@c\nDate: x\nMessage-ID: <1>\n\nx", "emlx"),
            ("512\n513\n", ""),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn a_mailbox_is_split_before_headers_only() {
        let mbox = b"From a@b x\nSubject: 1\n\nFrom there\nwe go\n\nFrom c@d y\nSubject: 2\n\nb\n";
        let messages = messages(mbox);
        assert_eq!(messages.len(), 2);
        assert!(messages[0].ends_with(b"we go\n\n") && messages[1].starts_with(b"Subject: 2"));
        assert_eq!(emlx(b"3\nabcdef"), Some(&b"abc"[..]));
    }
}
