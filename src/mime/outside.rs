// SPDX-License-Identifier: EUPL-1.2
//! Text outside all parts: multiparts without their boundary, text before the first part and after the last.

use std::borrow::Cow;

use mail_parser::{MessagePart, MimeHeaders};
use memchr::{memchr, memmem, memrchr};

use super::header;
use super::offsets::slice;
use super::parse::{Position, Reading, Source, join};
use super::transfer::{lenient_base64, lenient_quoted_printable};

impl Reading<'_> {
    /// A multipart in which no part was found: its first `--line` is tried as the boundary, and it is a defect that
    /// `detect` reports as uninspectable where even that finds nothing.
    pub(super) fn unparsable_multipart(
        &mut self,
        part: &MessagePart<'_>,
        raw: &[u8],
        index: usize,
        position: &Position,
    ) {
        // RFC 2045 §6.4 forbids an encoding here, and it is met.
        let encoding = part.content_transfer_encoding().unwrap_or_default().to_ascii_lowercase();
        let written = slice(raw, part.offset_body as usize..part.offset_end as usize);
        let body = match encoding.as_str() {
            "base64" => Cow::Owned(lenient_base64(written)),
            "quoted-printable" => Cow::Owned(lenient_quoted_printable(written)),
            _ => Cow::Borrowed(written),
        };
        let body = body.as_ref();
        self.defect("missing-boundary", position);
        let boundary = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end).find_map(|line| {
            line.strip_prefix(b"--").filter(|rest| !rest.is_empty() && rest.len() <= 200 && !rest.contains(&b'"'))
        });
        let inner = Position {
            path: position.path.clone(),
            parent: Some(index),
            depth: position.depth,
            level: position.level + 1,
        };
        match boundary {
            Some(boundary) if position.level < self.budget.depth => {
                let mut again = b"Content-Type: multipart/mixed; boundary=\"".to_vec();
                again.extend_from_slice(boundary);
                again.extend_from_slice(b"\"\r\n\r\n");
                again.extend_from_slice(body);
                let before = self.message.parts.len();
                self.read_message(&again, None, inner);
                if self.message.parts.len() <= before + 1 {
                    self.defect("unparsable-multipart", position);
                }
            }
            _ => {
                self.defect("unparsable-multipart", position);
                self.push_text(header::decode_bytes(body).into_owned(), "text/plain", Vec::new(), None, inner);
            }
        }
    }

    /// Text before the first and after the last part: no mail program shows it, some show it all. Parts behind the
    /// closing delimiter are read as parts as well.
    pub(super) fn outside_the_parts(
        &mut self,
        source: &Source<'_>,
        part: &MessagePart<'_>,
        children: &[u32],
        index: usize,
        position: &Position,
    ) {
        let Source { parsed, raw, .. } = *source;
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
        let boundary = part.content_type().and_then(|declared| declared.attribute("boundary")).unwrap_or_default();
        for text in [preamble, epilogue] {
            let text = text.trim_ascii();
            // "This is a multi-part message in MIME format." and similar are not content.
            let lower = text[..text.len().min(200)].to_ascii_lowercase();
            let stock = text.len() < 200 && [&b"mime"[..], b"multi"].iter().any(|w| memmem::find(&lower, w).is_some());
            if text.is_empty() || stock && ![&b"content-"[..], b"--"].iter().any(|open| lower.starts_with(open)) {
                continue;
            }
            self.defect("hidden-parts", position);
            let path = join(&position.path, "outside");
            let inner = Position { path, parent: Some(index), level: position.level + 1, ..position.clone() };
            self.push_text(header::decode_bytes(text).into_owned(), "text/plain", Vec::new(), None, inner.clone());
            if position.level < self.budget.depth {
                self.parts_outside(text, &lower, boundary, inner);
            }
        }
    }

    fn parts_outside(&mut self, text: &[u8], lower: &[u8], boundary: &str, position: Position) {
        let delimiter = [b"--", boundary.as_bytes()].concat();
        let opens = |at: usize| at == 0 || text[at - 1] == b'\n';
        if !boundary.is_empty() && memmem::find_iter(text, &delimiter).any(opens) {
            let mut text = text.to_vec();
            // Further closings close nothing: all that follows is read at once.
            let closing = [&delimiter, &b"--"[..]].concat();
            for at in memmem::find_iter(&text.clone(), &closing) {
                text[at + delimiter.len()..at + closing.len()].fill(b' ');
            }
            let again = [b"Content-Type: multipart/mixed; boundary=\"", boundary.as_bytes(), b"\"\r\n\r\n", &text];
            self.read_message(&again.concat(), None, position);
        } else if lower.starts_with(b"content-") {
            self.read_message(text, None, position);
        }
    }
}
