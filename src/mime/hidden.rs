// SPDX-License-Identifier: EUPL-1.2
//! Files at places without attachments: pasted in the text, in a data: URI, uuencoded, yEnc, encoded twice.

use memchr::memmem;

use super::filetype::sniff;
use super::kind::FileType;
use super::transfer::{lenient_base64, percent_decoded};

/// A file found inside a text.
pub struct Pasted {
    /// `base64`, `uu:NAME`, `data`.
    pub how: String,
    pub name: Option<String>,
    pub bytes: Vec<u8>,
    pub file_type: FileType,
}

impl Pasted {
    /// Whether the page shows it where it stands.
    pub fn is_drawn(&self) -> bool {
        self.how == "data" && self.file_type.media_type.starts_with("image/")
    }
}

/// At most this many are taken out of one text.
const MOST: usize = 16;
/// A run of base64 shorter than this is a token or a key, not a file.
const LEAST_BASE64: usize = 300;
/// A picture of fewer bytes is a logo or a dot, in which `document` looks for no letters.
const LEAST_PICTURE: usize = 2_000;

/// Points, in which only the reader of scans finds letters; a drawing (SVG) holds text.
fn is_picture(file_type: FileType) -> bool {
    file_type.media_type.starts_with("image/") && file_type.extension != "svg"
}

/// Pictures have places of their own: a letter with sixteen of them hides no file behind them.
fn is_full(found: &[Pasted]) -> bool {
    found.iter().filter(|file| !is_picture(file.file_type)).count() >= MOST
}

/// Looks for files in a text. Costs one scan if there are none.
pub fn files_in(text: &str) -> Vec<Pasted> {
    let mut found = Vec::new();
    uuencoded(text, &mut found);
    begin_base64(text, &mut found);
    armours(text, &mut found);
    data_uris(text, &mut found);
    drawings(text, &mut found);
    base64_blocks(text, &mut found);
    found
}

/// Whether a text may hold a file: one look at its octets.
pub fn may_hold_files(bytes: &[u8]) -> bool {
    [&b"begin "[..], b"begin-base64 ", b";base64,", b"data:image/svg", b"=ybegin ", b"-----BEGIN PGP MESSAGE"]
        .iter()
        .any(|word| memmem::find(bytes, word).is_some())
}

/// `=ybegin … name=NAME` … `=yend` (yEnc 1.3): octets moved up by 42. In octets, since a charset would ruin it.
pub fn yencoded(bytes: &[u8]) -> Vec<Pasted> {
    let mut found = Vec::new();
    for at in memmem::find_iter(bytes, b"=ybegin ").take(MOST) {
        if at > 0 && bytes[at - 1] != b'\n' {
            continue;
        }
        let mut lines = bytes[at..].split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let head = lines.next().unwrap_or_default();
        let name =
            memmem::find(head, b" name=").map(|from| String::from_utf8_lossy(&head[from + 6..]).trim().to_owned());
        let mut file = Vec::new();
        for line in lines.skip_while(|line| line.starts_with(b"=ypart ")).take_while(|l| !l.starts_with(b"=yend")) {
            let mut escaped = false;
            for byte in line {
                match (escaped, byte) {
                    (false, b'=') => escaped = true,
                    _ => {
                        file.push(byte.wrapping_sub(if escaped { 106 } else { 42 }));
                        escaped = false;
                    }
                }
            }
        }
        if !file.is_empty() {
            let file_type = sniff(&file);
            found.push(Pasted { how: "yenc".into(), name, bytes: file, file_type });
        }
    }
    found
}

/// A file that is nothing but base64 holds another: what was encoded twice on its way.
pub fn encoded_twice(bytes: &[u8]) -> Option<Pasted> {
    let text = bytes.trim_ascii();
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\r' | b'\n');
    if text.len() < 24 || !text.iter().all(is_base64) {
        return None;
    }
    let decoded = lenient_base64(text);
    let file_type = sniff(&decoded);
    // A key or a sum decodes to bytes of no known kind; few of them are mistaken for text.
    let written = decoded.iter().filter(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')).count();
    let is_noise =
        file_type.extension == "txt" && std::str::from_utf8(&decoded).is_err() && written * 10 < decoded.len() * 8;
    (!file_type.extension.is_empty() && !is_noise).then(|| Pasted {
        how: "base64".into(),
        name: None,
        bytes: decoded,
        file_type,
    })
}

/// `begin 644 name` … `end`, and `begin-base64 644 name` … `====` (POSIX uuencode).
fn uuencoded(text: &str, found: &mut Vec<Pasted>) {
    // Asked before anything looks for the line's end, which may be far.
    for at in memmem::find_iter(text.as_bytes(), b"begin ").filter(|at| is_line_start(text, *at)) {
        let block = &text[at + 6..];
        let mut lines = block.lines();
        let Some((mode, name)) = lines.next().and_then(|head| head.split_once(' ')) else { continue };
        if mode.len() > 4 || mode.len() < 3 || !mode.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
            continue;
        }
        let mut bytes = Vec::new();
        for line in lines {
            if line == "end" || !uu_line(line.as_bytes(), &mut bytes) {
                break;
            }
        }
        if !bytes.is_empty() && !is_full(found) {
            let file_type = sniff(&bytes);
            let name = name.trim().to_owned();
            found.push(Pasted { how: format!("uu:{name}"), name: Some(name), bytes, file_type });
        }
    }
}

fn begin_base64(text: &str, found: &mut Vec<Pasted>) {
    for at in memmem::find_iter(text.as_bytes(), b"begin-base64 ").filter(|at| is_line_start(text, *at)).take(MOST) {
        let block = &text[at + 13..];
        let Some((head, body)) = block.split_once('\n') else { continue };
        let Some((_, name)) = head.trim().split_once(' ') else { continue };
        let body = body.split("====").next().unwrap_or(body);
        let bytes = lenient_base64(body.as_bytes());
        if !bytes.is_empty() && !is_full(found) {
            let file_type = sniff(&bytes);
            found.push(Pasted { how: format!("uu:{name}"), name: Some(name.to_owned()), bytes, file_type });
        }
    }
}

/// OpenPGP messages in a text (RFC 9580 §6.2): encrypted, or only signed and readable by everybody.
fn armours(text: &str, found: &mut Vec<Pasted>) {
    const END: &str = "-----END PGP MESSAGE-----";
    for at in memmem::find_iter(text.as_bytes(), b"-----BEGIN PGP MESSAGE-----").take(MOST) {
        let block = &text[at..];
        if let Some(end) = memmem::find(block.as_bytes(), END.as_bytes()).filter(|_| is_line_start(text, at)) {
            let bytes = block.as_bytes()[..end + END.len()].to_vec();
            let file_type = sniff(&bytes);
            found.push(Pasted { how: "pgp".into(), name: None, bytes, file_type });
        }
    }
}

fn is_line_start(text: &str, at: usize) -> bool {
    at == 0 || text.as_bytes()[at - 1] == b'\n'
}

/// One line: a length, then groups of four characters for three octets. False where it is no such line.
fn uu_line(line: &[u8], out: &mut Vec<u8>) -> bool {
    let value = |b: u8| (32..=96).contains(&b).then(|| (b - 32) & 63);
    let Some((length, groups)) = line.split_first() else { return true };
    let Some(length) = value(*length) else { return false };
    let start = out.len();
    for group in groups.chunks(4) {
        let mut word = 0u32;
        for i in 0..4 {
            let Some(six) = value(group.get(i).copied().unwrap_or(b' ')) else { return false };
            word = word << 6 | u32::from(six);
        }
        out.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    out.truncate(start + usize::from(length));
    true
}

/// RFC 2397.
fn data_uris(text: &str, found: &mut Vec<Pasted>) {
    let (mut rest, mut pictures) = (text, 0);
    while let Some(at) = memmem::find(rest.as_bytes(), b";base64,") {
        let head = &rest[rest[..at].rfind("data:").unwrap_or(at)..at];
        rest = &rest[at + 8..];
        let plausible = head.len() < 200 && head.starts_with("data:");
        // RFC 3986 §2.1: percent signs are met, too, mostly for line ends.
        let is_end = |b: &u8| !(b.is_ascii_alphanumeric() || b"+/=-_%\r\n\t ".contains(b));
        let run = rest.bytes().position(|b| is_end(&b)).unwrap_or(rest.len());
        if plausible && run >= 40 && !is_full(found) {
            let bytes = lenient_base64(&percent_decoded(&rest.as_bytes()[..run]));
            let file_type = sniff(&bytes);
            // Small pictures in HTML mail are decoration; drawings hold text, and larger pictures may be scans.
            let is_picture = is_picture(file_type);
            if !is_picture || (bytes.len() >= LEAST_PICTURE && pictures < MOST) {
                pictures += usize::from(is_picture);
                found.push(Pasted { how: "data".into(), name: None, bytes, file_type });
            }
        }
    }
}

/// Drawings in a data: URI that is written with percent signs (RFC 2397, RFC 3986 §2.1), as design tools do.
fn drawings(text: &str, found: &mut Vec<Pasted>) {
    const HEAD: &[u8] = b"data:image/svg+xml";
    let mut rest = text.as_bytes();
    while !is_full(found)
        && let Some(at) = memmem::find(rest, HEAD)
    {
        let quote = at.checked_sub(1).map(|before| rest[before]).filter(|b| matches!(b, b'"' | b'\''));
        rest = &rest[at + HEAD.len()..];
        let Some(comma) = rest.iter().take(100).position(|b| *b == b',') else { continue };
        if memmem::find(&rest[..comma], b"base64").is_some() {
            continue;
        }
        let data = &rest[comma + 1..];
        // Signs that should be escaped are met in the drawing: only the quotation mark before it ends it.
        let is_end = |b: &u8| quote.map_or(b.is_ascii_whitespace() || matches!(b, b'"' | b'\''), |quote| *b == quote);
        let end = data.iter().position(is_end).unwrap_or(data.len());
        // What was read is not read again: else a text of nothing but beginnings would cost its square.
        rest = &data[end..];
        let bytes = percent_decoded(&data[..end]);
        if memmem::find(&bytes[..bytes.len().min(1024)], b"<svg").is_some() {
            let file_type = FileType { media_type: "image/svg+xml", extension: "svg" };
            found.push(Pasted { how: "data".into(), name: None, bytes, file_type });
        }
    }
}

/// Bare base64: lines of it, or one long run, that decode to a file we know.
fn base64_blocks(text: &str, found: &mut Vec<Pasted>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let line_end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
        let line = bytes[at..line_end].trim_ascii();
        let first_run = base64_run(line);
        if first_run < 40 || first_run < line.len() {
            at = line_end + 1;
            continue;
        }
        let start = at;
        let mut end = line_end;
        let mut next = line_end + 1;
        while next < bytes.len() {
            let stop = memchr::memchr(b'\n', &bytes[next..]).map_or(bytes.len(), |i| next + i);
            let line = bytes[next..stop].trim_ascii();
            if line.is_empty() || base64_run(line) < line.len() {
                break;
            }
            end = stop;
            next = stop + 1;
        }
        if end - start >= LEAST_BASE64 && !is_full(found) {
            let decoded = lenient_base64(&bytes[start..end]);
            let file_type = sniff(&decoded);
            if !matches!(file_type.extension, "" | "txt" | "pgp") {
                found.push(Pasted { how: "base64".into(), name: None, bytes: decoded, file_type });
            }
        }
        at = next.max(line_end + 1);
    }
}

fn base64_run(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_')))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;

    #[test]
    fn files_in_texts_are_found_and_plain_texts_hold_none() {
        let pdf = [b"%PDF-1.4 ".as_slice(), &[b'x'; 400]].concat();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&pdf);
        let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect();
        let pasted = files_in(&format!("Bonjour,\r\n\r\n{}\r\n\r\nmerci", lines.join("\r\n")));
        assert_eq!((pasted.len(), pasted[0].file_type.extension), (1, "pdf"));
        assert_eq!(pasted[0].bytes, pdf);
        let uri = format!("<a href=\"data:application/pdf;base64,{encoded}\">x</a>");
        assert_eq!(files_in(&uri)[0].how, "data");
        let svg = "data:image/svg+xml;charset=utf-8,%3Csvg xmlns='x'%3E%3Ctext%3EA%3C/text%3E%3C/svg%3E";
        let drawing = &files_in(&format!("<img src=\"{svg}\"> data:image/svg+xml,plain"))[..];
        assert_eq!((drawing.len(), drawing[0].bytes.as_slice()), (1, &b"<svg xmlns='x'><text>A</text></svg>"[..]));
        let raw = "<img src='data:image/svg+xml,<svg width=\"9\"><text>A B</text></svg>'>";
        assert_eq!(files_in(raw)[0].bytes, b"<svg width=\"9\"><text>A B</text></svg>");
        assert!(files_in(&"data:image/svg+xml,".repeat(200_000)).is_empty(), "and it ends");
        let picture = |size: usize| {
            let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![7; size]].concat();
            let encoded = base64::engine::general_purpose::STANDARD.encode(png);
            files_in(&format!("<img src=\"data:image/png;base64,{encoded}\">"))
        };
        assert_eq!((picture(100).len(), picture(4_000).len()), (0, 1), "a dot, and what may be a scan");
        assert!(picture(4_000)[0].is_drawn());
        let uu = "avant\nbegin 644 a.txt\n#0V%T\n`\nend\n";
        assert_eq!(files_in(uu)[0].bytes, b"Cat");
        assert_eq!(files_in(uu)[0].how, "uu:a.txt");
        assert_eq!(files_in("begin begin 644 a.txt\n#0V%T\n`\nend\n").len(), 0);
        let base64 = "begin-base64 644 a.txt\nQ2F0\n====\n";
        assert_eq!(files_in(base64)[0].bytes, b"Cat");
        let yenc = b"x\r\n=ybegin line=128 size=4 name=a.txt\r\nm\x8b=\x7e\r\n=yend size=4\r\n";
        assert_eq!(
            (yencoded(yenc)[0].bytes.as_slice(), yencoded(yenc)[0].name.as_deref()),
            (&b"Ca\x14"[..], Some("a.txt"))
        );
        let twice = base64::engine::general_purpose::STANDARD.encode(b"DIFFUSION RESTREINTE, une note.");
        assert_eq!(encoded_twice(twice.as_bytes()).unwrap().bytes, b"DIFFUSION RESTREINTE, une note.");
        assert!(encoded_twice(b"4f1dA9c03bE7aa10ff83c2d4e5b6a798").is_none());
        for plain in ["begin at nine", "une phrase", &"mot ".repeat(500), &"abcd".repeat(20)] {
            assert!(files_in(plain).is_empty());
        }
    }
}
