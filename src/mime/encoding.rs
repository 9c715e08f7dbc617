// SPDX-License-Identifier: EUPL-1.2
//! Encodings and folds that mail-parser reads differently from mail programs.

use std::borrow::Cow;

use mail_parser::{Encoding, MessagePart, MimeHeaders};
use memchr::{memchr, memmem};

use super::filetype::sniff;
use super::kind::FileType;
use super::offsets::slice;
use super::{charset, transfer};

/// mail-parser 0.11 loses a parameter that is folded after its `=` (its issue 165), and with a `boundary` the whole
/// multipart. A scratch copy of the same length has such folds of `Content-` fields overwritten with spaces. Folds
/// elsewhere, as every mail program writes them, are read alike by all.
pub(super) fn unfold_parameters(raw: &[u8]) -> Cow<'_, [u8]> {
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
        let at_equals = || raw[..at].trim_ascii_end().ends_with(b"=") || line.trim_ascii_start().starts_with(b"=");
        if folded && in_content_field && at >= 1 && at_equals() {
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

/// Content-Transfer-Encoding without the comments, quotes and parameters around its word (RFC 2045 §5.1 and §6.1), so
/// that mail-parser knows it; in place, so that offsets hold. True where a word is unknown, or two of one part differ.
pub(super) fn plain_encodings(raw: Cow<'_, [u8]>) -> (Cow<'_, [u8]>, bool) {
    const FIELD: &[u8] = b"Content-Transfer-Encoding:";
    let mut raw = raw;
    let (mut at, mut ambiguous) = (0, false);
    let mut of_this_header: Option<String> = None;
    while at < raw.len() {
        let mut end = memchr(b'\n', &raw[at..]).map_or(raw.len(), |i| at + i + 1);
        let line = &raw[at..end];
        if line.trim_ascii().is_empty() {
            of_this_header = None;
        } else if line.get(..FIELD.len()).is_some_and(|head| head.eq_ignore_ascii_case(FIELD)) {
            let from = at + FIELD.len();
            // RFC 5322 §2.2.3: the word may stand on a line below.
            while matches!(raw.get(end), Some(b' ' | b'\t')) {
                end = memchr(b'\n', &raw[end..]).map_or(raw.len(), |i| end + i + 1);
            }
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

/// The octets of a part, its transfer encoding undone.
pub(super) fn octets(part: &MessagePart<'_>, raw: &[u8]) -> Vec<u8> {
    let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
    match part.encoding {
        _ if says_base64(part) => transfer::lenient_base64(body),
        Encoding::Base64 => transfer::lenient_base64(body),
        Encoding::QuotedPrintable => transfer::lenient_quoted_printable(body),
        Encoding::None => body.to_vec(),
    }
}

/// Whether what mail-parser took for text is a file of another kind: decoding it by a charset would ruin it.
pub(super) fn is_binary_as_text(part: &MessagePart<'_>, raw: &[u8], declared: &str) -> bool {
    let damaged = part.is_encoding_problem && says_base64(part);
    let body = slice(raw, part.offset_body as usize..part.offset_end as usize);
    // Without base64 the first bytes tell, and are cheap to ask.
    let head = body.get(..64).unwrap_or(body);
    let magic = [b"PK".as_slice(), b"%PDF-", b"{\\rtf"].iter().any(|magic| head.starts_with(magic));
    let control = head.iter().any(|b| *b < 9 || (14..27).contains(b));
    if !damaged && !says_base64(part) && !magic && !control {
        return false;
    }
    !declared.starts_with("text/") && damaged || !is_textual(&sniff(&octets(part, raw)))
}

pub(super) fn charset_of<'a>(part: &'a MessagePart<'_>) -> Option<&'a str> {
    part.content_type().and_then(|declared| declared.attribute("charset"))
}

fn is_textual(file: &FileType) -> bool {
    matches!(
        file.extension,
        "" | "txt"
            | "html"
            | "xml"
            | "svg"
            | "ics"
            | "vcf"
            | "eml"
            | "mht"
            | "mbox"
            | "emlx"
            | "sh"
            | "pgp"
            | "mp3"
            | "csv"
    )
}

/// What the part says of itself: after a problem mail-parser's own note of the encoding is gone.
pub(super) fn says_base64(part: &MessagePart<'_>) -> bool {
    part.content_transfer_encoding().is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"))
}

/// The text of a part. mail-parser's own reading stands where it cannot be wrong: plain ASCII under a name that means
/// ASCII, and sound UTF-8.
pub(super) fn text_of(part: &MessagePart<'_>, raw: &[u8], text: &str, is_mended: bool, is_markup: bool) -> String {
    let declared = charset_of(part);
    let is = |known: &str| declared.is_some_and(|name| name.eq_ignore_ascii_case(known));
    let is_ascii = text.is_ascii();
    let damaged = || {
        memchr(0, text.as_bytes()).is_some()
            || !is_ascii && memmem::find(text.as_bytes(), "\u{fffd}".as_bytes()).is_some()
    };
    let means_ascii = declared.is_none() || is("utf-8") || is("us-ascii");
    let alike = if is_ascii { !is_markup && means_ascii } else { is("utf-8") };
    if alike && !is_mended && !part.is_encoding_problem && !damaged() {
        return text.to_owned();
    }
    let octets = octets(part, raw);
    if is_markup { charset::decode_markup(&octets, declared) } else { charset::decode(&octets, declared) }
}
