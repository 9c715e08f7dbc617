// SPDX-License-Identifier: EUPL-1.2
//! From bytes to the tree of parts.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::{Encoding, MessageParser, MessagePart, MimeHeaders, PartType};
use memchr::{memchr, memmem, memrchr};

use super::filetype::{FileType, sniff};
use super::{Body, Defect, Header, Message, Part, header, hidden};

/// How much of one message is read; beyond it [`Message::exceeded`] says which limit.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub parts: usize,
    /// Multiparts and messages within one another.
    pub depth: usize,
    /// Decoded bytes of all parts together.
    pub decoded: usize,
    /// Bytes of one header section.
    pub header: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { parts: 5_000, depth: 100, decoded: 256 << 20, header: 1 << 20 }
    }
}

/// Reads a message. Never fails: what deviates is a defect, what is too much is left out and said.
pub fn parse(raw: &[u8], budget: &Budget) -> Message {
    let mut reading = Reading { message: Message::default(), budget, decoded: 0 };
    reading.read_message(raw, Some(0), Seat { path: String::new(), parent: None, depth: 0, level: 0 });
    reading.message
}

/// Where the parts of a message come to stand.
#[derive(Clone)]
struct Seat {
    path: String,
    parent: Option<usize>,
    /// Nested messages around.
    depth: usize,
    /// Multiparts and messages around.
    level: usize,
}

struct Reading<'b> {
    message: Message,
    budget: &'b Budget,
    decoded: usize,
}

impl Reading<'_> {
    /// Reads `raw`, which stands at `origin` in the original bytes (`None` where it was encoded there).
    fn read_message(&mut self, raw: &[u8], origin: Option<usize>, seat: Seat) -> Vec<Header> {
        let header_end = memmem::find(raw, b"\r\n\r\n").or_else(|| memmem::find(raw, b"\n\n")).unwrap_or(raw.len());
        if header_end > self.budget.header {
            self.exceed("header");
        }
        let bomb = if attached_messages(raw) > MOST_ATTACHED {
            Some("depth")
        } else {
            (memmem::find_iter(raw, b"\n--").count() > MOST_BOUNDARIES).then_some("parts")
        };
        if let Some(budget) = bomb {
            // mail-parser would build them all, each level anew, before our own budget is asked.
            self.exceed(budget);
            let text = header::decode_bytes(&raw[..raw.len().min(1 << 20)]).into_owned();
            self.push_text(text, "text/plain", Vec::new(), None, seat);
            return Vec::new();
        }
        let scratch = unfold_parameters(raw);
        if matches!(scratch, Cow::Owned(_)) {
            self.defect("folded-parameter", &seat);
        }
        let (scratch, ambiguous) = plain_encodings(scratch);
        if ambiguous {
            self.defect("unknown-encoding", &seat);
            self.exceed(AMBIGUOUS);
        }
        let Some(parsed) = MessageParser::default().parse(scratch.as_ref()) else {
            if !raw.is_empty() {
                self.defect("unparsable", &seat);
                let text = header::decode_bytes(raw).into_owned();
                self.push_text(text, "text/plain", Vec::new(), None, seat);
            }
            return Vec::new();
        };
        let headers = self.headers(&parsed.parts[0], raw);
        self.note_duplicates(&headers, &seat);
        if seat.depth == 0 && seat.parent.is_none() {
            self.message.headers.clone_from(&headers);
        }
        self.walk(&parsed, 0, raw, origin, seat.clone());
        self.other_readings(raw, &headers, seat);
        headers
    }

    /// Two Content-Type fields that differ are read both ways: programs disagree on which one counts.
    fn other_readings(&mut self, raw: &[u8], headers: &[Header], seat: Seat) {
        let mut types = headers.iter().filter(|h| h.name.eq_ignore_ascii_case("content-type"));
        // As a parameter's name only: many programs write the word into the boundary itself.
        let is_boundary =
            |piece: &&str| piece.trim_start().strip_prefix("boundary").is_some_and(|r| r.trim_start().starts_with('='));
        let boundaries = |h: &Header| h.value.to_ascii_lowercase().split(';').filter(is_boundary).count();
        if types.clone().any(|h| boundaries(h) > 1) || types.clone().count() > 2 {
            self.exceed(AMBIGUOUS);
        }
        let (Some(first), Some(last)) = (types.next(), types.next_back()) else { return };
        if first.value == last.value || seat.level > 0 {
            return;
        }
        let header_end = memmem::find(raw, b"\r\n\r\n").unwrap_or(raw.len());
        let lower = raw[..header_end].to_ascii_lowercase();
        if let Some(at) = memmem::rfind(&lower, b"\ncontent-type:") {
            let mut other = raw.to_vec();
            other[at + 1] = b'X';
            let inner = Seat { level: seat.level + 1, path: join(&seat.path, "alt"), ..seat };
            self.read_message(&other, None, inner);
        }
    }

    fn walk(&mut self, parsed: &mail_parser::Message<'_>, id: usize, raw: &[u8], origin: Option<usize>, seat: Seat) {
        let Some(part) = parsed.parts.get(id) else { return };
        if self.message.parts.len() >= self.budget.parts {
            return self.exceed("parts");
        }
        if seat.level > self.budget.depth {
            return self.exceed("depth");
        }
        let range = origin.map(|origin| origin + part.offset_header as usize..origin + part.offset_end as usize);
        let headers = self.headers(part, raw);
        let declared = declared_type(part);
        match &part.body {
            PartType::Multipart(children) => {
                let index = self.push(
                    None,
                    &declared,
                    FileType::default_for(&declared),
                    headers,
                    Body::Multipart,
                    range,
                    &seat,
                );
                if children.is_empty() {
                    self.unparsable_multipart(part, raw, index, &seat);
                }
                self.outside_the_parts(parsed, part, children, raw, index, &seat);
                for (n, child) in children.iter().enumerate() {
                    let path = join(&seat.path, &(n + 1).to_string());
                    let inner = Seat { path, parent: Some(index), depth: seat.depth, level: seat.level + 1 };
                    self.walk(parsed, *child as usize, raw, origin, inner);
                }
            }
            PartType::Message(nested) => {
                // Encoded nested messages have offsets of their own.
                let encoded = part.encoding != Encoding::None;
                let inner_raw: &[u8] = &nested.raw_message;
                let file = FileType { media_type: "message/rfc822", extension: "eml" };
                let name = name_of(part);
                let index = self.push(name, &declared, file, headers, Body::Message(Vec::new()), range, &seat);
                let inner = self.inside(index, &seat);
                // Not encoded: the nested message's bytes stand in ours, from the part's body on.
                let nested_headers = if encoded {
                    self.read_message(inner_raw, None, inner)
                } else {
                    let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
                    self.read_message(body, origin.map(|o| o + part.offset_body as usize), inner)
                };
                self.message.parts[index].body = Body::Message(nested_headers);
            }
            PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_)
                if declared.starts_with("multipart/") =>
            {
                let index = self.push(
                    None,
                    &declared,
                    FileType::default_for(&declared),
                    headers,
                    Body::Multipart,
                    range,
                    &seat,
                );
                self.unparsable_multipart(part, raw, index, &seat);
            }
            PartType::Text(text) | PartType::Html(text) => {
                if let Some(bytes) = binary_as_text(part, raw, &declared) {
                    return self.attachment(name_of(part), bytes, declared, headers, range, seat);
                }
                let text = self.repair(part, raw, text);
                self.text_part(part, text, declared, headers, range, seat);
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let bytes = if part.is_encoding_problem && says_base64(part) {
                    self.defect("bad-encoding", &seat);
                    hidden::lenient_base64(slice(raw, part.offset_body as usize..part.offset_end as usize))
                } else {
                    bytes.to_vec()
                };
                self.attachment(name_of(part), bytes, declared, headers, range, seat);
            }
        }
    }

    /// Text the reader sees as the message, or a file that happens to be text.
    fn text_part(
        &mut self,
        part: &MessagePart<'_>,
        text: String,
        declared: String,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        seat: Seat,
    ) {
        let name = name_of(part);
        let is_attached = part.content_disposition().is_some_and(|d| d.ctype().eq_ignore_ascii_case("attachment"));
        let is_body = matches!(
            declared.as_str(),
            "text/plain" | "text/html" | "text/enriched" | "text/x-amp-html" | "text/markdown"
        );
        let first = !self.message.parts.iter().any(|p| matches!(p.body, Body::Text { .. }) && p.depth == seat.depth);
        if is_attached || !is_body || (name.is_some() && !first) {
            return self.attachment(name, text.into_bytes(), declared, headers, range, seat);
        }
        self.push_text(text, &declared, headers, range, seat);
    }

    fn push_text(
        &mut self,
        text: String,
        declared: &str,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        seat: Seat,
    ) {
        if !self.spend(text.len()) {
            return;
        }
        let html = declared == "text/html";
        let pasted = hidden::files_in(&text);
        let file = FileType::default_for(declared);
        let index = self.push(None, declared, file, headers, Body::Text { html, text }, range.clone(), &seat);
        self.push_pasted(pasted, index, &seat);
    }

    fn attachment(
        &mut self,
        name: Option<String>,
        bytes: Vec<u8>,
        declared: String,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        seat: Seat,
    ) {
        if !self.spend(bytes.len()) {
            return;
        }
        // Content-Transfer-Encoding: x-uuencode is not MIME's (RFC 2045 §6.4), and is met: the blocks are files inside.
        let has_uu =
            memmem::find(&bytes[..bytes.len().min(1 << 20)], b"begin ").is_some() && seat.level < self.budget.depth;
        let pasted = if has_uu { hidden::files_in(&header::decode_bytes(&bytes)) } else { Vec::new() };
        let file = sniff(&bytes);
        let is_message = file.extension == "eml"
            && (declared.starts_with("message/") || declared == "application/octet-stream" || named_eml(&name));
        if is_message {
            let index = self.push(name, &declared, file, headers, Body::Message(Vec::new()), range, &seat);
            let inner = self.inside(index, &seat);
            let nested = self.read_message(&bytes, None, inner);
            self.message.parts[index].body = Body::Message(nested);
            return;
        }
        let index = self.push(name, &declared, file, headers, Body::Attachment(bytes.into()), range, &seat);
        self.push_pasted(pasted, index, &seat);
    }

    fn push_pasted(&mut self, pasted: Vec<hidden::Pasted>, index: usize, seat: &Seat) {
        for file in pasted {
            self.defect("pasted-file", seat);
            let path = join(&seat.path, &file.how);
            let inner = Seat { path, parent: Some(index), level: seat.level + 1, ..seat.clone() };
            let name = file.name.or(Some(file.how));
            // It can only be cut together with what it stands in.
            self.attachment(name, file.bytes, file.file_type.media_type.to_owned(), Vec::new(), None, inner);
        }
    }

    /// A multipart in which no part was found: its first `--line` is tried as the boundary, and it is a defect that
    /// `detect` reports as uninspectable where even that finds nothing.
    fn unparsable_multipart(&mut self, part: &MessagePart<'_>, raw: &[u8], index: usize, seat: &Seat) {
        let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
        self.defect("missing-boundary", seat);
        let boundary = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end).find_map(|line| {
            line.strip_prefix(b"--").filter(|rest| !rest.is_empty() && rest.len() <= 200 && !rest.contains(&b'"'))
        });
        let inner = Seat { path: seat.path.clone(), parent: Some(index), depth: seat.depth, level: seat.level + 1 };
        match boundary {
            Some(boundary) if seat.level < self.budget.depth => {
                let mut again = b"Content-Type: multipart/mixed; boundary=\"".to_vec();
                again.extend_from_slice(boundary);
                again.extend_from_slice(b"\"\r\n\r\n");
                again.extend_from_slice(body);
                let before = self.message.parts.len();
                self.read_message(&again, None, inner);
                if self.message.parts.len() <= before + 1 {
                    self.defect("unparsable-multipart", seat);
                }
            }
            _ => {
                self.defect("unparsable-multipart", seat);
                self.push_text(header::decode_bytes(body).into_owned(), "text/plain", Vec::new(), None, inner);
            }
        }
    }

    /// Text before the first and after the last part: no mail program shows it, some show it all.
    fn outside_the_parts(
        &mut self,
        parsed: &mail_parser::Message<'_>,
        part: &MessagePart<'_>,
        children: &[u32],
        raw: &[u8],
        index: usize,
        seat: &Seat,
    ) {
        let (Some(first), Some(last)) = (children.first(), children.last()) else { return };
        let at = |id: &u32| parsed.parts.get(*id as usize);
        let (Some(first), Some(last)) = (at(first), at(last)) else { return };
        let preamble = slice(raw, part.offset_body as usize..first.offset_header as usize);
        // The last line is the boundary, which may itself begin with dashes.
        let preamble = match memrchr(b'\n', preamble.trim_ascii_end()) {
            Some(end) => &preamble[..end],
            None => b"",
        };
        let epilogue = slice(raw, last.offset_end as usize..part.offset_end as usize).trim_ascii_start();
        let epilogue = match memchr(b'\n', epilogue) {
            Some(end) => &epilogue[end..],
            None => b"",
        };
        for text in [preamble, epilogue] {
            let text = text.trim_ascii();
            // "This is a multi-part message in MIME format." and its kin are no content.
            let lower = text[..text.len().min(200)].to_ascii_lowercase();
            let stock = text.len() < 200 && [&b"mime"[..], b"multi"].iter().any(|w| memmem::find(&lower, w).is_some());
            if !text.is_empty() && !stock {
                self.defect("hidden-parts", seat);
                let inner = Seat { path: join(&seat.path, "outside"), parent: Some(index), ..seat.clone() };
                self.push_text(header::decode_bytes(text).into_owned(), "text/plain", Vec::new(), None, inner);
            }
        }
    }

    /// Text whose declared charset or encoding does not fit is decoded again from its bytes.
    fn repair(&mut self, part: &MessagePart<'_>, raw: &[u8], text: &str) -> String {
        if part.is_encoding_problem && says_base64(part) {
            return header::decode_bytes(&octets(part, raw)).into_owned();
        }
        // "Ã©": UTF-8 under the name of a charset of single bytes.
        let charset = part.content_type().and_then(|declared| declared.attribute("charset"));
        let mojibake = charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8"))
            && text.contains(['Ã', 'Â', 'Ø', 'Ù', 'â']);
        if !mojibake && !text.contains('\u{fffd}') {
            return text.to_owned();
        }
        let bytes = octets(part, raw);
        let is_utf8 = std::str::from_utf8(&bytes).is_ok() && !bytes.is_ascii() && !bytes.contains(&0x1b);
        if text.contains('\u{fffd}') || is_utf8 {
            return header::decode_bytes(&bytes).into_owned();
        }
        text.to_owned()
    }

    fn headers(&mut self, part: &MessagePart<'_>, raw: &[u8]) -> Vec<Header> {
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

    fn note_duplicates(&mut self, headers: &[Header], seat: &Seat) {
        for name in ["from", "subject", "content-type", "content-transfer-encoding", "content-disposition"] {
            if headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name)).count() > 1 {
                self.defect("duplicate-header", seat);
            }
        }
    }

    fn inside(&self, index: usize, seat: &Seat) -> Seat {
        Seat { path: seat.path.clone(), parent: Some(index), depth: seat.depth + 1, level: seat.level + 1 }
    }

    #[expect(clippy::too_many_arguments, reason = "one place where a part is made")]
    fn push(
        &mut self,
        name: Option<String>,
        declared: &str,
        file: FileType,
        headers: Vec<Header>,
        body: Body,
        range: Option<Range<usize>>,
        seat: &Seat,
    ) -> usize {
        let path =
            if seat.path.is_empty() && !matches!(body, Body::Multipart) { "1".into() } else { seat.path.clone() };
        self.message.parts.push(Part {
            path,
            parent: seat.parent,
            depth: seat.depth,
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

    fn spend(&mut self, bytes: usize) -> bool {
        self.decoded += bytes;
        if self.decoded > self.budget.decoded {
            self.exceed("decoded");
            return false;
        }
        true
    }

    fn exceed(&mut self, what: &'static str) {
        self.message.exceeded.get_or_insert(what);
    }

    fn defect(&mut self, kind: &'static str, seat: &Seat) {
        // A hundred tell as much as a million.
        if self.message.defects.len() < 100 {
            let place = if seat.path.is_empty() { "body".into() } else { format!("part:{}", seat.path) };
            self.message.defects.push(Defect { kind, place });
        }
    }
}

impl FileType {
    /// For text and containers the declared type is the true one.
    fn default_for(declared: &str) -> FileType {
        match declared {
            "text/html" => FileType { media_type: "text/html", extension: "html" },
            d if d.starts_with("text/") => FileType { media_type: "text/plain", extension: "txt" },
            d if d.starts_with("multipart/") => FileType { media_type: "multipart/mixed", extension: "" },
            _ => FileType { media_type: "text/plain", extension: "txt" },
        }
    }
}

fn named_eml(name: &Option<String>) -> bool {
    name.as_deref().is_some_and(|name| name.to_ascii_lowercase().ends_with(".eml"))
}

fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

/// Offsets come from another library: what they name may not be there.
fn slice(raw: &[u8], range: Range<usize>) -> &[u8] {
    raw.get(range).unwrap_or_default()
}

/// The octets of a part, its transfer encoding undone.
fn octets(part: &MessagePart<'_>, raw: &[u8]) -> Vec<u8> {
    let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
    match part.encoding {
        _ if says_base64(part) => hidden::lenient_base64(body),
        Encoding::Base64 => hidden::lenient_base64(body),
        Encoding::QuotedPrintable => {
            mail_parser::decoders::quoted_printable::quoted_printable_decode(body).unwrap_or_else(|| body.to_vec())
        }
        Encoding::None => body.to_vec(),
    }
}

/// The octets of a file that is declared as text, or was taken for text because its encoding is damaged: decoding
/// it by a charset would ruin it.
fn binary_as_text(part: &MessagePart<'_>, raw: &[u8], declared: &str) -> Option<Vec<u8>> {
    let damaged = part.is_encoding_problem && says_base64(part);
    let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
    // Without base64 the first bytes tell, and are cheap to ask.
    let head = body.get(..64).unwrap_or(body);
    let magic = [b"PK".as_slice(), b"%PDF-", b"{\\rtf"].iter().any(|magic| head.starts_with(magic));
    let control = head.iter().any(|b| *b < 9 || (14..27).contains(b));
    if !damaged && !says_base64(part) && !magic && !control {
        return None;
    }
    let bytes = octets(part, raw);
    (!declared.starts_with("text/") && damaged || !is_textual(&sniff(&bytes))).then_some(bytes)
}

fn is_textual(file: &FileType) -> bool {
    matches!(file.extension, "" | "txt" | "html" | "xml" | "svg" | "ics" | "vcf" | "eml" | "sh" | "pgp" | "mp3" | "csv")
}

/// What the part says of itself: after a problem mail-parser's own note of the encoding is gone.
fn says_base64(part: &MessagePart<'_>) -> bool {
    part.content_transfer_encoding().is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"))
}

fn declared_type(part: &MessagePart<'_>) -> String {
    let default = || match part.body {
        PartType::Message(_) => "message/rfc822".to_owned(),
        _ => "text/plain".to_owned(), // RFC 2045 §5.2
    };
    match part.content_type() {
        Some(declared) => match declared.subtype() {
            Some(subtype) => format!("{}/{subtype}", declared.ctype()).to_ascii_lowercase(),
            None => declared.ctype().to_ascii_lowercase(),
        },
        None => default(),
    }
}

/// The file name, encoded words decoded even where RFC 2047 §5 forbids them, without a path.
fn name_of(part: &MessagePart<'_>) -> Option<String> {
    let name = part.attachment_name()?;
    let name = if name.contains("=?") { header::value(name.as_bytes()) } else { name.to_owned() };
    let name = name.rsplit(['/', '\\']).next().unwrap_or(&name).trim();
    (!name.is_empty()).then(|| name.chars().take(255).collect())
}

/// mail-parser 0.11 loses a parameter that is folded after its `=` (its issue 165), and with a `boundary` the whole
/// multipart. A scratch copy of the same length has the folds of `Content-` fields overwritten with spaces.
fn unfold_parameters(raw: &[u8]) -> Cow<'_, [u8]> {
    let suspicious = [b"=\r\n ".as_slice(), b"=\r\n\t", b"\r\n =", b"\r\n\t=", b"=\n ", b"=\n\t", b"= \r\n"]
        .iter()
        .any(|pattern| memmem::find(raw, pattern).is_some());
    if !suspicious {
        return Cow::Borrowed(raw);
    }
    let mut scratch: Option<Vec<u8>> = None;
    let mut at = 0;
    let mut in_content_field = false;
    while at < raw.len() {
        let end = memchr(b'\n', &raw[at..]).map_or(raw.len(), |i| at + i + 1);
        let line = &raw[at..end];
        let folded = matches!(line.first(), Some(b' ' | b'\t')) && !line.trim_ascii().is_empty();
        if folded && in_content_field && at >= 1 {
            let scratch = scratch.get_or_insert_with(|| raw.to_vec());
            scratch[at - 1] = b' ';
            if at >= 2 && raw[at - 2] == b'\r' {
                scratch[at - 2] = b' ';
            }
        } else if !folded {
            in_content_field = line.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"Content-"));
        }
        at = end;
    }
    scratch.map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// [`Message::exceeded`] where programs may disagree on what the message is.
pub const AMBIGUOUS: &str = "ambiguous";
/// Messages attached to or nested in one message: more are a bomb.
const MOST_ATTACHED: usize = 500;
/// Lines that may be boundaries in one message: far more than any budget of parts, far less than fills the memory.
const MOST_BOUNDARIES: usize = 50_000;

/// How often a nested message is declared, whatever the case of the letters.
fn attached_messages(raw: &[u8]) -> usize {
    let declares = |at: usize| {
        let before = at >= 7 && raw[at - 7..at].eq_ignore_ascii_case(b"message");
        before || raw.get(at + 1..at + 7).is_some_and(|after| after.eq_ignore_ascii_case(b"digest"))
    };
    memchr::memchr_iter(b'/', raw).filter(|at| declares(*at)).count()
}

/// Content-Transfer-Encoding without the comments, quotes and parameters around its word (RFC 2045 §5.1 and §6.1), so
/// that mail-parser knows it; in place, so that offsets hold. True where a word is unknown, or two of one part differ.
fn plain_encodings(raw: Cow<'_, [u8]>) -> (Cow<'_, [u8]>, bool) {
    const FIELD: &[u8] = b"Content-Transfer-Encoding:";
    let mut raw = raw;
    let (mut at, mut ambiguous) = (0, false);
    let mut of_this_header: Option<String> = None;
    while at < raw.len() {
        let end = memchr(b'\n', &raw[at..]).map_or(raw.len(), |i| at + i + 1);
        let line = &raw[at..end];
        if line.trim_ascii().is_empty() {
            of_this_header = None;
        } else if line.get(..FIELD.len()).is_some_and(|head| head.eq_ignore_ascii_case(FIELD)) {
            let from = at + FIELD.len();
            let written = raw[from..end].trim_ascii().to_ascii_lowercase();
            let word = encoding_word(&written);
            ambiguous |= word.is_none() || of_this_header.as_ref().is_some_and(|before| Some(before) != word.as_ref());
            if let Some(word) = &word
                && word.as_bytes() != written
                && word.len() + 2 < end - from
            {
                let field = &mut raw.to_mut()[from..end];
                let keep = field.len() - field.trim_ascii_end().len();
                let room = field.len() - keep;
                field[..room].fill(b' ');
                field[1..=word.len()].copy_from_slice(word.as_bytes());
            }
            of_this_header = word.or(of_this_header);
        }
        at = end;
    }
    (raw, ambiguous)
}

/// The encoding meant: also by names that are met and mean one of RFC 2045's.
fn encoding_word(written: &[u8]) -> Option<String> {
    let mut word = String::new();
    let mut comment = 0;
    for c in String::from_utf8_lossy(written).chars() {
        match c {
            '(' => comment += 1,
            ')' if comment > 0 => comment -= 1,
            ';' if comment == 0 => break,
            _ if comment > 0 => {}
            c if c.is_ascii_graphic() && c != '"' => word.push(c),
            _ => {}
        }
    }
    let known = match word.as_str() {
        w if w.contains("base64") => "base64",
        w if w.starts_with("quoted") => "quoted-printable",
        w if w.is_empty() || w.starts_with(['7', '8']) => "8bit",
        "binary" | "none" | "plain" | "utf-8" | "utf8" | "us-ascii" | "text" | "identity" => "8bit",
        w if w.contains("uuencode") || w == "x-uue" || w == "uue" => return Some(word),
        _ => return None,
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_known_whatever_stands_around_its_word() {
        for field in ["(x) base64", "base64 (y)", "base64;", "\"base64\"", "x-base64", "BASE64"] {
            let message = read(&format!("Content-Transfer-Encoding: {field}\n\nU0VDUkVU\n"));
            assert_eq!((texts(&message).as_str(), message.exceeded), ("SECRET", None), "{field}");
        }
        let message = read("Content-Transfer-Encoding: (c) quoted-printable\n\nS=45CRET\n");
        assert_eq!(texts(&message), "SECRET");
        assert_eq!(read("Content-Transfer-Encoding: yenc\n\nx\n").exceeded, Some(AMBIGUOUS));
        let both = "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nU0VDUkVU\n";
        assert_eq!(read(both).exceeded, Some(AMBIGUOUS));
        for fine in ["7bit", "8bit", "binary", "8-bit", "utf-8", ""] {
            assert_eq!(read(&format!("Content-Transfer-Encoding: {fine}\n\nx\n")).exceeded, None, "{fine}");
        }
    }

    #[test]
    fn messages_within_messages_are_counted_before_they_are_read() {
        let message = read(&format!("{}x", "Content-Type: message/rfc822\n\n".repeat(60_000)));
        assert_eq!((message.exceeded, message.parts.len()), (Some("depth"), 1));
        let three =
            "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=a\nContent-Type: text/plain\n\nx\n";
        assert_eq!(read(three).exceeded, Some(AMBIGUOUS));
    }

    #[test]
    fn a_uuencoded_block_hides_nothing_around_it() {
        let message = read("Content-Type: text/x-note; name=a.txt\n\nbegin 644 b.txt\n#0V%T\n`\nend\nSECRET\n");
        assert_eq!(names(&message), ["a.txt", "b.txt"]);
        assert!(matches!(&message.parts[0].body, Body::Attachment(bytes) if memmem::find(bytes, b"SECRET").is_some()));
    }

    fn read(text: &str) -> Message {
        parse(text.replace('\n', "\r\n").as_bytes(), &Budget::default())
    }

    fn names(message: &Message) -> Vec<&str> {
        message.parts.iter().filter_map(|p| p.name.as_deref()).collect()
    }

    fn texts(message: &Message) -> String {
        let text = |p: &Part| match &p.body {
            Body::Text { text, .. } => Some(text.trim().to_owned()),
            _ => None,
        };
        message.parts.iter().filter_map(text).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_plain_message_is_one_text() {
        let message = read("Subject: =?utf-8?Q?R=C3=A9union?=\n\tdu jeudi\nFrom: a@b.fr\n\nBonjour\n");
        assert_eq!(message.header("subject"), Some("Réunion du jeudi"));
        assert_eq!(texts(&message), "Bonjour");
        assert_eq!((message.parts[0].path.as_str(), message.place(0).as_str()), ("1", "body"));
        assert_eq!(message.defects, []);
    }

    #[test]
    fn a_boundary_folded_after_its_equals_sign_hides_nothing() {
        for fold in ["boundary=\n \"a\"", "boundary\n =\"a\"", "boundary=\n\t\"a\""] {
            let message = read(&format!(
                "Content-Type: multipart/mixed; {fold}\n\n--a\n\nhello\n--a\nContent-Type: application/zip;\n name=\n \"x.zip\"\n\nPK\n--a--\n"
            ));
            assert_eq!((texts(&message).as_str(), names(&message)), ("hello", vec!["x.zip"]), "{fold}");
        }
    }

    #[test]
    fn a_multipart_without_parts_is_read_by_its_first_line_or_reported() {
        let message = read(
            "Content-Type: multipart/mixed; boundary=x\n\n--other\n\nhello\n--other\nContent-Type: application/pdf; name=a.pdf\n\n%PDF-\n--other--\n",
        );
        assert_eq!(names(&message), ["a.pdf"]);
        assert!(message.defects.iter().any(|d| d.kind == "missing-boundary"));
        let message = read("Content-Type: multipart/mixed\n\nnothing here\n");
        assert!(message.defects.iter().any(|d| d.kind == "unparsable-multipart"));
        assert_eq!(texts(&message), "nothing here");
    }

    #[test]
    fn base64_without_its_closing_boundary_is_decoded() {
        let message = read(
            "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nU0VDUkVU\n",
        );
        assert_eq!(texts(&message), "SECRET");
    }

    #[test]
    fn what_stands_outside_the_parts_is_read() {
        let long = "DIFFUSION RESTREINTE ".repeat(8);
        let message =
            read(&format!("Content-Type: multipart/mixed; boundary=x\n\n{long}\n--x\n\nhello\n--x--\n{long}fin\n"));
        assert!(texts(&message).contains("hello") && texts(&message).matches("RESTREINTE").count() == 16);
        assert!(message.defects.iter().any(|d| d.kind == "hidden-parts"));
        // Java's and Outlook's boundaries begin with dashes of their own.
        let message = read(
            "Content-Type: multipart/mixed; boundary=\"----=_Part_1\"\n\n------=_Part_1\n\nhello\n------=_Part_1--\n",
        );
        assert!(message.defects.is_empty() && texts(&message) == "hello", "{message:?}");
    }

    #[test]
    fn a_wrong_charset_is_decoded_as_what_it_is() {
        let raw = b"Content-Type: text/plain; charset=utf-8\r\n\r\nSECRET D\xc9FENSE\r\n";
        assert_eq!(texts(&parse(raw, &Budget::default())), "SECRET DÉFENSE");
        for charset in ["us-ascii", "iso-8859-1", "utf-8"] {
            let message = read(&format!("Content-Type: text/plain; charset={charset}\n\nTRÈS SECRET\n"));
            assert_eq!(texts(&message), "TRÈS SECRET", "{charset}");
        }
        let honest = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xc2 l'aide, \xc9mile\r\n";
        assert_eq!(texts(&parse(honest, &Budget::default())), "Â l'aide, Émile");
    }

    #[test]
    fn a_file_declared_as_text_keeps_its_octets() {
        let zip = [b"PK\x03\x04\x14\0\0\0\x08\0".as_slice(), &[0x80, 0xe9, 0xff, 0x00, 0x13], b"word/a"].concat();
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &zip);
        let message = read(&format!(
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nvoir\n--a\nContent-Type: text/plain; charset=utf-8; name=notes.txt\nContent-Transfer-Encoding: base64\n\n{encoded}\n--a--\n"
        ));
        let bytes = message.parts.iter().find_map(|p| match &p.body {
            Body::Attachment(bytes) => Some(bytes.to_vec()),
            _ => None,
        });
        assert_eq!(bytes, Some(zip));
    }

    #[test]
    fn nested_messages_are_opened_encoded_or_not_or_misdeclared() {
        let inner = "From: a@b.fr\nTo: c@d.fr\nSubject: inner\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nsecret\n--i\nContent-Type: application/pdf; name=annexe.pdf\n\n%PDF-\n--i--\n";
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, inner.replace('\n', "\r\n"));
        let rows = [
            format!("Content-Type: message/rfc822; name=dossier.eml\n\n{inner}"),
            format!("Content-Type: message/rfc822; name=dossier.eml\nContent-Transfer-Encoding: base64\n\n{encoded}"),
            format!(
                "Content-Type: application/octet-stream; name=dossier.eml\nContent-Transfer-Encoding: base64\n\n{encoded}"
            ),
        ];
        for row in rows {
            let message =
                read(&format!("Content-Type: multipart/mixed; boundary=o\n\n--o\n\nvoir\n--o\n{row}\n--o--\n"));
            assert_eq!(names(&message), ["dossier.eml", "annexe.pdf"], "{message:#?}");
            assert_eq!(texts(&message), "voir|secret");
            let pdf = message.parts.iter().position(|p| p.name.as_deref() == Some("annexe.pdf")).unwrap();
            assert_eq!(message.place(pdf), "attachment:dossier.eml/annexe.pdf");
            let nested = message.parts.iter().find_map(|p| match &p.body {
                Body::Message(headers) => header::first(headers, "subject"),
                _ => None,
            });
            assert_eq!(nested, Some("inner"));
        }
    }

    #[test]
    fn two_content_types_are_read_both_ways() {
        let message = read(
            "Content-Type: multipart/mixed; boundary=a\nContent-Type: text/plain\n\n--a\nContent-Type: application/pdf; name=x.pdf\n\n%PDF-\n--a--\n",
        );
        assert!(names(&message).contains(&"x.pdf"));
        assert!(message.defects.iter().any(|d| d.kind == "duplicate-header"));
    }

    #[test]
    fn budgets_end_the_reading_and_say_so() {
        let parts = format!("Content-Type: multipart/mixed; boundary=a\n\n{}--a--\n", "--a\n\nx\n".repeat(100_000));
        let message = read(&parts);
        assert_eq!((message.exceeded, message.parts.len() <= 5_000), (Some("parts"), true));
        let mut deep = String::new();
        for i in 0..1_000 {
            deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n"));
        }
        assert_eq!(read(&deep).exceeded, Some("depth"));
        let header = format!("Subject: {}\n\nx", "a".repeat(2 << 20));
        assert_eq!(read(&header).exceeded, Some("header"));
        let small = Budget { decoded: 10, ..Budget::default() };
        assert_eq!(parse(b"\r\nmore than ten bytes", &small).exceeded, Some("decoded"));
    }

    #[test]
    fn no_input_panics() {
        let seed = b"Subject: =?utf-8?b?w6k=?=\r\nContent-Type: multipart/mixed; boundary=\r\n a\r\n\r\npre\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nFrom: x\r\n\r\nbegin 644 a\r\n#0V%T\r\n--a\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--a--\r\nend".as_slice();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        for _ in 0..20_000 {
            let mut bytes = seed.to_vec();
            for _ in 0..1 + next() % 6 {
                let at = next() % bytes.len();
                match next() % 3 {
                    0 => bytes[at] = next() as u8,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, b"\r\n-=: "[next() % 6]),
                }
            }
            let message = parse(&bytes, &Budget::default());
            for index in 0..message.parts.len() {
                let _ = message.place(index);
                let _ = super::super::cut(&bytes, &message, &[index], |_| Vec::new());
            }
        }
    }
}
