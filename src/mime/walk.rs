// SPDX-License-Identifier: EUPL-1.2
//! Converts mail-parser's parts into ours.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::{Encoding, MessagePart, MimeHeaders, PartType};
use memchr::memmem;

use super::encoding::{binary_as_text, decoded, octets, repair, says_base64};
use super::filetype::{FileType, sniff};
use super::offsets::slice;
use super::parse::{Position, Reading, Source, join};
use super::{Body, Header, header, hidden};

impl Source<'_> {
    /// Whether mail-parser saw other bytes in this part than came.
    fn is_mended(&self, part: &MessagePart<'_>) -> bool {
        let first = self.mended.partition_point(|at| *at < part.offset_body as usize);
        self.mended.get(first).is_some_and(|at| *at < part.offset_end as usize)
    }
}

impl Reading<'_> {
    pub(super) fn walk(&mut self, source: &Source<'_>, id: usize, position: Position) {
        let Source { parsed, raw, origin, .. } = *source;
        let Some(part) = parsed.parts.get(id) else { return };
        if self.message.parts.len() >= self.budget.parts {
            return self.exceed("parts");
        }
        if position.level > self.budget.depth {
            return self.exceed("depth");
        }
        if self.is_stopped() {
            return;
        }
        let range = origin.map(|origin| origin + part.offset_header as usize..origin + part.offset_end as usize);
        let headers = self.headers(part, raw);
        let declared = declared_type(part);
        match &part.body {
            PartType::Multipart(children) => {
                let index = self.push_multipart(&declared, headers, range, &position);
                if children.is_empty() {
                    self.unparsable_multipart(part, raw, index, &position);
                }
                for (n, child) in children.iter().enumerate() {
                    let path = join(&position.path, &(n + 1).to_string());
                    let inner =
                        Position { path, parent: Some(index), depth: position.depth, level: position.level + 1 };
                    self.walk(source, *child as usize, inner);
                }
                self.outside_the_parts(source, part, children, index, &position);
            }
            PartType::Message(nested) => {
                // Encoded nested messages have offsets of their own.
                let encoded = part.encoding != Encoding::None;
                let (inner, origin): (&[u8], _) = if encoded {
                    (&nested.raw_message, None)
                } else {
                    // Not encoded: the nested message's bytes stand in ours, from the part's body on.
                    let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
                    (body, origin.map(|o| o + part.offset_body as usize))
                };
                self.nested(name_of(part), (inner, origin), &declared, headers, range, &position);
            }
            PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_)
                if declared.starts_with("multipart/") =>
            {
                let index = self.push_multipart(&declared, headers, range, &position);
                self.unparsable_multipart(part, raw, index, &position);
            }
            PartType::Text(text) | PartType::Html(text) => {
                if let Some(bytes) = binary_as_text(part, raw, &declared) {
                    return self.attachment(name_of(part), bytes, declared, headers, range, position);
                }
                let text = if source.is_mended(part) { decoded(part, raw) } else { Cow::Borrowed(text.as_ref()) };
                let text = repair(part, raw, &text);
                self.text_part(part, text, declared, headers, range, position);
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let bytes = if part.is_encoding_problem && says_base64(part) {
                    self.defect("bad-encoding", &position);
                    hidden::lenient_base64(slice(raw, part.offset_body as usize..part.offset_end as usize))
                } else if source.is_mended(part) {
                    octets(part, raw)
                } else {
                    bytes.to_vec()
                };
                self.attachment(name_of(part), bytes, declared, headers, range, position);
            }
        }
    }

    fn push_multipart(
        &mut self,
        declared: &str,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        position: &Position,
    ) -> usize {
        self.push(None, declared, FileType::default_for(declared), headers, Body::Multipart, range, position)
    }

    /// A message inside: its bytes, and where they stand in the original (`None` where they were encoded there).
    fn nested(
        &mut self,
        name: Option<String>,
        (bytes, origin): (&[u8], Option<usize>),
        declared: &str,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        position: &Position,
    ) {
        let file = FileType { media_type: "message/rfc822", extension: "eml" };
        let index = self.push(name, declared, file, headers, Body::Message(Vec::new()), range, position);
        let nested = self.read_message(bytes, origin, self.inside(index, position));
        self.message.parts[index].body = Body::Message(nested);
    }

    /// Text the reader sees as the message, or a file that happens to be text.
    fn text_part(
        &mut self,
        part: &MessagePart<'_>,
        text: String,
        declared: String,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        position: Position,
    ) {
        let name = name_of(part);
        let is_attached = part.content_disposition().is_some_and(|d| d.ctype().eq_ignore_ascii_case("attachment"));
        let is_body = is_hypertext(&declared) || matches!(declared.as_str(), "text/plain" | "text/markdown");
        let first =
            !self.message.parts.iter().any(|p| matches!(p.body, Body::Text { .. }) && p.depth == position.depth);
        if is_attached || !is_body || (name.is_some() && !first) {
            return self.attachment(name, text.into_bytes(), declared, headers, range, position);
        }
        self.push_text(text, &declared, headers, range, position);
    }

    pub(super) fn push_text(
        &mut self,
        text: String,
        declared: &str,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        position: Position,
    ) {
        if !self.spend(text.len()) {
            return;
        }
        let html = is_hypertext(declared);
        let text = if is_enriched(declared) { enriched_as_html(&text) } else { text };
        let pasted = hidden::files_in(&text);
        let file = FileType::default_for(declared);
        let index = self.push(None, declared, file, headers, Body::Text { html, text }, range.clone(), &position);
        self.push_pasted(pasted, index, &position);
    }

    fn attachment(
        &mut self,
        name: Option<String>,
        bytes: Vec<u8>,
        declared: String,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        position: Position,
    ) {
        if !self.spend(bytes.len()) {
            return;
        }
        // Content-Transfer-Encoding: x-uuencode is not MIME's (RFC 2045 §6.4), and is met: the blocks are files inside.
        let has_uu =
            memmem::find(&bytes[..bytes.len().min(1 << 20)], b"begin ").is_some() && position.level < self.budget.depth;
        let pasted = if has_uu { hidden::files_in(&header::decode_bytes(&bytes)) } else { Vec::new() };
        let file = match sniff(&bytes) {
            // A fragment does not begin as a document does; who opens it sees a page all the same.
            text if matches!(text.extension, "txt" | "xml") && (is_hypertext(&declared) || named_html(&name)) => HTML,
            file => file,
        };
        let is_message = file.extension == "eml"
            && (declared.starts_with("message/") || declared == "application/octet-stream" || named_eml(&name));
        if is_message {
            return self.nested(name, (&bytes, None), &declared, headers, range, &position);
        }
        let index = self.push(name, &declared, file, headers, Body::Attachment(bytes.into()), range, &position);
        self.push_pasted(pasted, index, &position);
    }

    fn push_pasted(&mut self, pasted: Vec<hidden::Pasted>, index: usize, position: &Position) {
        for file in pasted {
            if file.file_type.extension != "svg" {
                self.defect("pasted-file", position);
            }
            let path = join(&position.path, &file.how);
            let inner = Position { path, parent: Some(index), level: position.level + 1, ..position.clone() };
            let name = file.name.or(Some(file.how));
            // It can only be cut together with what it stands in.
            self.attachment(name, file.bytes, file.file_type.media_type.to_owned(), Vec::new(), None, inner);
        }
    }
}

impl FileType {
    /// For text and containers the declared type is the true one.
    fn default_for(declared: &str) -> FileType {
        match declared {
            d if is_hypertext(d) => HTML,
            d if d.starts_with("text/") => FileType { media_type: "text/plain", extension: "txt" },
            d if d.starts_with("multipart/") => FileType { media_type: "multipart/mixed", extension: "" },
            _ => FileType { media_type: "text/plain", extension: "txt" },
        }
    }
}

const HTML: FileType = FileType { media_type: "text/html", extension: "html" };

/// Types whose text is written between tags and shown without them. Apple Watch's and AMP's are next to `text/html`
/// in a multipart/alternative.
fn is_hypertext(declared: &str) -> bool {
    matches!(declared, "text/html" | "application/xhtml+xml" | "text/x-amp-html" | "text/watch-html")
        || is_enriched(declared)
}

/// RFC 1896, and RFC 1341 §7.1.3 before it.
fn is_enriched(declared: &str) -> bool {
    matches!(declared, "text/enriched" | "text/richtext")
}

/// RFC 1896: a single line end is a blank, the further ones of a run are breaks; `<<` is the sign itself.
fn enriched_as_html(text: &str) -> String {
    text.replace("\r\n", "\n").replace("<<", "&lt;").replace("\n\n", "<br>\n").replace("\n\n", "<br>\n")
}

fn named_html(name: &Option<String>) -> bool {
    let extension = name.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    extension.is_some_and(|e| ["html", "htm", "xhtml", "xht"].iter().any(|known| e.eq_ignore_ascii_case(known)))
}

fn named_eml(name: &Option<String>) -> bool {
    name.as_deref().is_some_and(|name| name.to_ascii_lowercase().ends_with(".eml"))
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
