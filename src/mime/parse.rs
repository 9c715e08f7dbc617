// SPDX-License-Identifier: EUPL-1.2
//! From bytes to the tree of parts.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::{MessageParser, MessagePart};
use memchr::memmem;

use super::budget::{AMBIGUOUS, ParseBudget, TIME};
use super::encoding::{plain_encodings, unfold_parameters};
use super::kind::FileType;
use super::offsets::slice;
use super::{Body, Defect, Header, Message, Part, Stop, bomb, boundary, header};

/// Reads a message. Never fails: what deviates is a defect, what is too much is left out and said.
pub fn parse(raw: &[u8], budget: &ParseBudget) -> Message {
    parse_until(raw, budget, &Stop::never())
}

/// The same, but ends when told to: [`Message::exceeded`] is [`TIME`] then, and the parts listed are not all.
pub fn parse_until(raw: &[u8], budget: &ParseBudget, stop: &Stop<'_>) -> Message {
    let mut reading = Reading { message: Message::default(), budget, stop, decoded: 0, read: 0 };
    reading.read_message(raw, Some(0), Position { path: String::new(), parent: None, depth: 0, level: 0 });
    reading.message
}

/// Where the parts of a message come to stand.
#[derive(Clone)]
pub(super) struct Position {
    pub path: String,
    pub parent: Option<usize>,
    /// Nested messages around.
    pub depth: usize,
    /// Multiparts and messages around.
    pub level: usize,
}

/// One message as mail-parser read it.
pub(super) struct Source<'a> {
    pub parsed: &'a mail_parser::Message<'a>,
    /// The bytes as they came; mail-parser saw a copy of the same length.
    pub raw: &'a [u8],
    /// Where `raw` stands in the original message.
    pub origin: Option<usize>,
    /// Offsets at which content was overwritten in the copy, in order.
    pub mended: Vec<usize>,
}

pub(super) struct Reading<'b> {
    pub message: Message,
    pub budget: &'b ParseBudget,
    pub stop: &'b Stop<'b>,
    decoded: usize,
    /// Bytes handed to mail-parser, those of nested messages each time again.
    read: usize,
}

impl Reading<'_> {
    /// Reads `raw`, which stands at `origin` in the original bytes (`None` where it was encoded there).
    pub(super) fn read_message(&mut self, raw: &[u8], origin: Option<usize>, position: Position) -> Vec<Header> {
        self.read += raw.len();
        if self.read > raw.len() && self.read > self.budget.reread {
            return self.unread("depth", raw, position);
        }
        if self.is_stopped() {
            return Vec::new();
        }
        let header_end = header_end(raw);
        if let Some(budget) = bomb::told(raw, header_end, self.budget) {
            // mail-parser would build them all, each level again, before our own budget is asked.
            return self.unread(budget, raw, position);
        }
        let scratch = unfold_parameters(raw);
        if matches!(scratch, Cow::Owned(_)) {
            self.defect("folded-parameter", &position);
        }
        let (scratch, ambiguous) = plain_encodings(scratch);
        if ambiguous {
            self.defect("unknown-encoding", &position);
            self.exceed(AMBIGUOUS);
        }
        let first = MessageParser::default().parse(scratch.as_ref());
        let found = first.as_ref().map_or_else(Vec::new, |parsed| boundary::in_mid_line(parsed, &scratch));
        let (copy, mended);
        let parsed = if found.is_empty() {
            mended = found;
            first
        } else {
            drop(first);
            (copy, mended) = self.mend_boundaries(scratch.to_vec(), found, &position);
            MessageParser::default().parse(&copy)
        };
        let Some(parsed) = parsed else {
            if !raw.is_empty() {
                self.defect("unparsable", &position);
                let text = header::decode_bytes(raw).into_owned();
                self.push_text(text, "text/plain", Vec::new(), None, position);
            }
            return Vec::new();
        };
        let headers = self.headers(&parsed.parts[0], raw);
        self.note_duplicates(&headers, &position);
        if position.depth == 0 && position.parent.is_none() {
            self.message.headers.clone_from(&headers);
        }
        self.walk(&Source { parsed: &parsed, raw, origin, mended }, 0, position.clone());
        self.below_the_header(raw, header_end, position.clone());
        self.other_readings(raw, &headers, position);
        headers
    }

    /// Makes mail-parser blind to delimiters in the middle of a line; the copy for it, and the offsets that were
    /// overwritten, in order.
    fn mend_boundaries(
        &mut self,
        mut copy: Vec<u8>,
        mut found: Vec<usize>,
        position: &Position,
    ) -> (Vec<u8>, Vec<usize>) {
        /// What stood behind a false delimiter may hold multiparts of its own.
        const ROUNDS: usize = 4;
        let mut mended = Vec::new();
        for _ in 0..ROUNDS {
            found.iter().for_each(|at| copy[*at] = b'_');
            mended.append(&mut found);
            found = MessageParser::default().parse(&copy).map_or_else(Vec::new, |p| boundary::in_mid_line(&p, &copy));
            if found.is_empty() {
                mended.sort_unstable();
                return (copy, mended);
            }
        }
        self.defect("ambiguous-boundary", position);
        self.exceed(AMBIGUOUS);
        mended.sort_unstable();
        (copy, mended)
    }

    /// A message too costly to take apart: its beginning is read as text, and it is said.
    fn unread(&mut self, budget: &'static str, raw: &[u8], position: Position) -> Vec<Header> {
        self.exceed(budget);
        let text = header::decode_bytes(&raw[..raw.len().min(1 << 20)]).into_owned();
        self.push_text(text, "text/plain", Vec::new(), None, position);
        Vec::new()
    }

    /// A header that ends at a line which is no field is read that way, too: so does the next hop.
    fn below_the_header(&mut self, raw: &[u8], header_end: usize, position: Position) {
        let Some(at) = header::broken_at(slice(raw, 0..header_end)) else { return };
        self.defect("broken-header", &position);
        if position.level < self.budget.depth {
            let (header, body) = raw.split_at(at);
            let inner = Position { level: position.level + 1, path: join(&position.path, "cut"), ..position };
            self.read_message(&[header, b"\r\n", body].concat(), None, inner);
        }
    }

    /// Two Content-Type fields that differ are read both ways: programs disagree on which one counts.
    fn other_readings(&mut self, raw: &[u8], headers: &[Header], position: Position) {
        let mut types = headers.iter().filter(|h| h.name.eq_ignore_ascii_case("content-type"));
        // As a parameter's name only: many programs write the word into the boundary itself.
        let is_boundary =
            |piece: &&str| piece.trim_start().strip_prefix("boundary").is_some_and(|r| r.trim_start().starts_with('='));
        let boundaries = |h: &Header| h.value.to_ascii_lowercase().split(';').filter(is_boundary).count();
        if types.clone().any(|h| boundaries(h) > 1) || types.clone().count() > 2 {
            self.exceed(AMBIGUOUS);
        }
        let (Some(first), Some(last)) = (types.next(), types.next_back()) else { return };
        if first.value == last.value || position.level > 0 {
            return;
        }
        let header_end = memmem::find(raw, b"\r\n\r\n").unwrap_or(raw.len());
        let lower = raw[..header_end].to_ascii_lowercase();
        if let Some(at) = memmem::rfind(&lower, b"\ncontent-type:") {
            let mut other = raw.to_vec();
            other[at + 1] = b'X';
            let inner = Position { level: position.level + 1, path: join(&position.path, "alt"), ..position };
            self.read_message(&other, None, inner);
        }
    }

    pub(super) fn headers(&mut self, part: &MessagePart<'_>, raw: &[u8]) -> Vec<Header> {
        let limit = self.budget.header;
        let fields = part
            .headers
            .iter()
            .take_while(|h| (h.offset_end as usize) < limit.saturating_add(part.offset_header as usize));
        fields
            .map(|h| {
                let name = slice(raw, h.offset_field as usize..(h.offset_start as usize).saturating_sub(1));
                let name = String::from_utf8_lossy(name.trim_ascii());
                header::read(&name, slice(raw, h.offset_start as usize..h.offset_end as usize))
            })
            .collect()
    }

    fn note_duplicates(&mut self, headers: &[Header], position: &Position) {
        for name in ["from", "subject", "content-type", "content-transfer-encoding", "content-disposition"] {
            if headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name)).count() > 1 {
                self.defect("duplicate-header", position);
            }
        }
    }

    pub(super) fn inside(&self, index: usize, position: &Position) -> Position {
        Position {
            path: position.path.clone(),
            parent: Some(index),
            depth: position.depth + 1,
            level: position.level + 1,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place where a part is made")]
    pub(super) fn push(
        &mut self,
        name: Option<String>,
        declared: &str,
        file: FileType,
        headers: Vec<Header>,
        body: Body,
        range: Option<Range<usize>>,
        position: &Position,
    ) -> usize {
        let path = if position.path.is_empty() && !matches!(body, Body::Multipart) {
            "1".into()
        } else {
            position.path.clone()
        };
        self.message.parts.push(Part {
            path,
            parent: position.parent,
            depth: position.depth,
            name,
            declared_type: declared.to_owned(),
            true_type: file.media_type.to_owned(),
            extension: file.extension.to_owned(),
            headers,
            body,
            range,
        });
        self.message.parts.len() - 1
    }

    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        self.decoded += bytes;
        if self.decoded > self.budget.decoded {
            self.exceed("decoded");
            return false;
        }
        true
    }

    /// Notes what was too much. That programs disagree is less than that something was left unread.
    pub(super) fn exceed(&mut self, what: &'static str) {
        if self.message.exceeded.is_none_or(|before| before == AMBIGUOUS) {
            self.message.exceeded = Some(what);
        }
    }

    /// Whether the time is up; asked at every part.
    pub(super) fn is_stopped(&mut self) -> bool {
        let stopped = self.stop.now();
        if stopped {
            self.exceed(TIME);
        }
        stopped
    }

    pub(super) fn defect(&mut self, kind: &'static str, position: &Position) {
        // A hundred tell as much as a million.
        if self.message.defects.len() < 100 {
            let place = if position.path.is_empty() { "body".into() } else { format!("part:{}", position.path) };
            self.message.defects.push(Defect { kind, place });
        }
    }
}

pub(super) fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

/// Where the header section ends (RFC 5322 §2.1): before the first empty line, whichever its line ends.
fn header_end(raw: &[u8]) -> usize {
    if raw.starts_with(b"\n") || raw.starts_with(b"\r\n") {
        return 0;
    }
    let is_empty_next = |at: &usize| matches!(raw.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..]));
    memchr::memchr_iter(b'\n', raw).find(is_empty_next).unwrap_or(raw.len())
}
