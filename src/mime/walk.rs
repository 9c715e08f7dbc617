// SPDX-License-Identifier: EUPL-1.2
//! Converts mail-parser's parts into ours.

use std::ops::Range;

use bytes::Bytes;
use mail_parser::{Encoding, MessagePart, MimeHeaders, PartType};
use memchr::memmem;

use super::cms::{self, Cms};
use super::encoding::{charset_of, is_binary_as_text, octets, says_base64, text_of};
use super::filetype::sniff;
use super::kind::FileType;
use super::offsets::slice;
use super::parse::{Position, Reading, Source, join};
use super::{Body, Header, card, charset, envelope, flowed, header, hidden, transfer};

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
        if id > 0 {
            self.below_a_broken_header(part, raw, &position);
        }
        if declared == "message/external-body" {
            return self.external_body(part, headers, range, &position);
        }
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
                self.nested(name_of(part, &headers), (inner, origin), &declared, headers, range, &position);
            }
            PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_)
                if declared.starts_with("multipart/") =>
            {
                let index = self.push_multipart(&declared, headers, range, &position);
                self.unparsable_multipart(part, raw, index, &position);
            }
            PartType::Text(text) | PartType::Html(text) => {
                if self.is_file(part, &declared, &position) || is_binary_as_text(part, raw, &declared) {
                    // An attachment is its octets: who opens it reads it from them.
                    let bytes = octets(part, raw);
                    return self.attachment(name_of(part, &headers), bytes, declared, headers, range, position);
                }
                let text = text_of(part, raw, text, source.is_mended(part), is_hypertext(&declared));
                let text = flowed::joined(text, &headers);
                let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
                let yenc = if memmem::find(body, b"=ybegin ").is_some() {
                    hidden::yencoded(&octets(part, raw))
                } else {
                    Vec::new()
                };
                self.push_text(text, &declared, headers, range, position.clone());
                if let Some(index) = self.message.parts.len().checked_sub(1).filter(|_| !yenc.is_empty()) {
                    self.push_pasted(yenc, index, &position);
                }
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let bytes = if part.is_encoding_problem && says_base64(part) {
                    self.defect("bad-encoding", &position);
                    transfer::lenient_base64(slice(raw, part.offset_body as usize..part.offset_end as usize))
                } else if source.is_mended(part) {
                    octets(part, raw)
                } else {
                    bytes.to_vec()
                };
                self.attachment(name_of(part, &headers), bytes, declared, headers, range, position);
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

    /// Whether a text is carried as a file and not shown as the message.
    fn is_file(&self, part: &MessagePart<'_>, declared: &str, position: &Position) -> bool {
        let is_attached = part.content_disposition().is_some_and(|d| d.ctype().eq_ignore_ascii_case("attachment"));
        let is_body = is_hypertext(declared) || matches!(declared, "text/plain" | "text/markdown");
        let first =
            || !self.message.parts.iter().any(|p| matches!(p.body, Body::Text { .. }) && p.depth == position.depth);
        is_attached || !is_body || part.attachment_name().is_some() && !first()
    }

    /// RFC 2046 §5.2.3, RFC 2017: the content is elsewhere, and the parameters say where.
    fn external_body(
        &mut self,
        part: &MessagePart<'_>,
        headers: Vec<Header>,
        range: Option<Range<usize>>,
        position: &Position,
    ) {
        let declared = "message/external-body";
        let file = FileType { media_type: "message/external-body", extension: "external" };
        let name = name_of(part, &headers);
        let value = header::first(&headers, "Content-Type").unwrap_or_default();
        let says = |name: &str| header::parameter(value, name).map(|text| text.split_whitespace().collect::<String>());
        let where_it_is: Vec<String> =
            ["url", "site", "directory", "name", "server"].into_iter().filter_map(says).collect();
        let index = self.push(name, declared, file, headers, Body::Attachment(Bytes::new()), range, position);
        let inner = Position {
            path: join(&position.path, "1"),
            parent: Some(index),
            level: position.level + 1,
            ..position.clone()
        };
        self.push_text(where_it_is.join("\n"), "text/plain", Vec::new(), None, inner);
    }

    /// What stands in a part's header below a line that is no field is shown as its text by some.
    fn below_a_broken_header(&mut self, part: &MessagePart<'_>, raw: &[u8], position: &Position) {
        let section = slice(raw, part.offset_header as usize..part.offset_body as usize);
        if let Some(at) = header::broken_at(section) {
            self.defect("broken-header", position);
            let inner = Position { path: join(&position.path, "cut"), level: position.level + 1, ..position.clone() };
            let text = section.get(at..).unwrap_or_default();
            self.push_text(charset::decode(text, charset_of(part)), "text/plain", Vec::new(), None, inner);
        }
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
        let file = match sniff(&bytes) {
            // A fragment does not begin as a document does; who opens it sees a page all the same.
            text if matches!(text.extension, "txt" | "xml") && (is_hypertext(&declared) || named_html(&name)) => HTML,
            file => file,
        };
        if position.level < self.budget.depth
            && self.messages_inside(file, &bytes, (&name, &declared, &headers, &range), &position)
        {
            return;
        }
        let pasted = self.files_inside(file, &bytes, header::first(&headers, "Content-Type"), &position);
        let index = self.push(name, &declared, file, headers, Body::Attachment(bytes.into()), range, &position);
        self.push_pasted(pasted, index, &position);
    }

    /// Files that are mail are read like the mail they stand in: messages, mailboxes, what is signed in clear. False
    /// where it is none, and nothing was read.
    fn messages_inside(
        &mut self,
        file: FileType,
        bytes: &[u8],
        (name, declared, headers, range): (&Option<String>, &str, &[Header], &Option<Range<usize>>),
        position: &Position,
    ) -> bool {
        let mut nested = |bytes: &[u8], position: &Position| {
            self.nested(name.clone(), (bytes, None), declared, headers.to_vec(), range.clone(), position);
        };
        match file.extension {
            "eml" => nested(bytes, position),
            "emlx" => nested(envelope::emlx(bytes).unwrap_or(bytes), position),
            "mbox" => {
                for (n, message) in envelope::messages(bytes).into_iter().enumerate() {
                    let path = join(&position.path, &(n + 1).to_string());
                    nested(message, &Position { path, ..position.clone() });
                }
            }
            "p7m" => {
                // RFC 8551 §3.5.2: what an S/MIME signature holds is a MIME entity; other signatures hold files.
                let Some(Cms::Clear(inner)) = cms::read(bytes) else { return false };
                let is_mail = matches!(declared, "application/pkcs7-mime" | "application/x-pkcs7-mime")
                    && name.as_deref().is_none_or(|name| name.eq_ignore_ascii_case("smime.p7m"));
                if !(envelope::is_entity(&inner) || is_mail && !charset::is_binary(&inner)) || !self.spend(inner.len())
                {
                    return false;
                }
                let index = self.push_multipart(declared, headers.to_vec(), range.clone(), position);
                let path = join(&position.path, "1");
                let level = position.level + 1;
                self.read_message(&inner, None, Position { path, parent: Some(index), level, ..position.clone() });
            }
            _ => return false,
        }
        true
    }

    /// Files that a file of text carries inside.
    fn files_inside(
        &mut self,
        file: FileType,
        bytes: &[u8],
        declared: Option<&str>,
        position: &Position,
    ) -> Vec<hidden::Pasted> {
        if position.level >= self.budget.depth {
            return Vec::new();
        }
        let charset = || declared.and_then(|value| header::parameter(value, "charset"));
        match file.extension {
            "ics" | "vcf" => {
                let card = card::read(bytes, charset().as_deref());
                let inline = |(name, bytes): (Option<String>, Vec<u8>)| {
                    let file_type = sniff(&bytes);
                    hidden::Pasted { how: "inline".into(), name, bytes, file_type }
                };
                card.files.into_iter().map(inline).collect()
            }
            // Content-Transfer-Encoding: x-uuencode is not MIME's (RFC 2045 §6.4), and is met: the blocks are files inside.
            "txt" | "html" | "xml" | "svg" | "csv" | "" => {
                let mut found: Vec<_> = hidden::encoded_twice(bytes).into_iter().collect();
                if hidden::may_hold_files(bytes) {
                    found.extend(hidden::files_in(&charset::decode(bytes, charset().as_deref())));
                    found.extend(hidden::yencoded(bytes));
                }
                found
            }
            _ => Vec::new(),
        }
    }

    fn push_pasted(&mut self, pasted: Vec<hidden::Pasted>, index: usize, position: &Position) {
        for file in pasted {
            if !file.is_drawn() && file.file_type.extension != "svg" && file.how != "pgp" && file.how != "inline" {
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
fn name_of(part: &MessagePart<'_>, headers: &[Header]) -> Option<String> {
    let name = part.attachment_name()?;
    let of = |field: &str, parameter: &str| header::parameter(header::first(headers, field)?, parameter);
    let name = match name {
        // mail-parser decodes the pieces of RFC 2231 one by one.
        name if name.contains('\u{fffd}') => {
            of("Content-Disposition", "filename").or_else(|| of("Content-Type", "name")).unwrap_or(name.to_owned())
        }
        name if name.contains("=?") => header::value(name.as_bytes()),
        name => name.to_owned(),
    };
    let name = name.rsplit(['/', '\\']).next().unwrap_or(&name).trim();
    (!name.is_empty()).then(|| name.chars().take(255).collect())
}
