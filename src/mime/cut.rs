// SPDX-License-Identifier: EUPL-1.2
//! Cuts parts out of a message, byte for byte, and recognises parts that must not be cut.

use memchr::memchr;

use super::{Message, Part};

/// The message with these parts replaced; every byte outside them stays. Parts inside an encoded nested message
/// cannot be cut alone: their nearest ancestor with a place in the bytes is replaced instead.
pub fn cut(raw: &[u8], message: &Message, parts: &[usize], replacement: impl Fn(&Part) -> Vec<u8>) -> Vec<u8> {
    let mut ranges: Vec<(usize, usize, &Part)> = Vec::new();
    for index in parts {
        let mut at = Some(*index);
        while let Some(part) = at.and_then(|i| message.parts.get(i)) {
            match &part.range {
                Some(range) if range.end <= raw.len() && range.start <= range.end => {
                    ranges.push((range.start, range.end, part));
                    break;
                }
                _ => at = part.parent,
            }
        }
    }
    ranges.sort_by_key(|(start, end, _)| (*start, usize::MAX - end));
    let mut out = Vec::with_capacity(raw.len());
    let mut from = 0;
    for (start, end, part) in ranges {
        if start < from {
            continue; // inside a part already replaced
        }
        out.extend_from_slice(&raw[from..start]);
        if start == 0 {
            // The message is this one part: what its header says of the mail itself stays.
            own_fields(raw, &mut out);
        }
        out.extend_from_slice(&replacement(part));
        if end == raw.len() && !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        from = end;
    }
    out.extend_from_slice(&raw[from..]);
    out
}

/// The fields of the header that do not describe the content (RFC 2045 §9: those that do begin with `Content-`).
fn own_fields(raw: &[u8], out: &mut Vec<u8>) {
    let mut stays = true;
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            return;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            stays = !line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-"));
        }
        if stays {
            out.extend_from_slice(line);
        }
    }
}

/// Whether a change would break a signature or an encryption the author applied (architecture §2, promise 4).
pub fn is_signed_or_encrypted(message: &Message) -> bool {
    message.parts.iter().any(|part| {
        matches!(
            part.declared_type.as_str(),
            "multipart/signed" | "multipart/encrypted" | "application/pkcs7-mime" | "application/x-pkcs7-mime"
        )
    })
}

/// The message without the trace fields at its head (RFC 5321 §4.4): the same after every retry (decision D11).
pub fn trace_free(raw: &[u8]) -> &[u8] {
    let mut rest = raw;
    loop {
        let is_trace = ["received:", "return-path:"]
            .iter()
            .any(|name| rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())));
        if !is_trace {
            return rest;
        }
        loop {
            match memchr(b'\n', rest) {
                Some(end) => rest = &rest[end + 1..],
                None => return &[],
            }
            if !matches!(rest.first(), Some(b' ' | b'\t')) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::{Body, ParseBudget, parse};

    const MIXED: &[u8] = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n\
        Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=\r\n--b--\r\n";

    #[test]
    fn every_byte_outside_the_cut_stays() {
        let message = parse(MIXED, &ParseBudget::default());
        let pdf = message.parts.iter().position(|p| matches!(p.body, Body::Attachment(_))).unwrap();
        let out = cut(MIXED, &message, &[pdf], |part| {
            assert_eq!(part.name.as_deref(), Some("a.pdf"));
            b"Content-Type: text/plain\r\n\r\nremoved".to_vec()
        });
        let expected = String::from_utf8_lossy(MIXED).replace(
            "Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=",
            "Content-Type: text/plain\r\n\r\nremoved",
        );
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn a_message_that_is_one_part_keeps_who_wrote_it() {
        let raw = b"Subject: x\r\ncontent-type: application/pdf;\r\n name=a.pdf\r\nFrom: a@b\r\n c\r\n\r\n%PDF-1.4\r\n";
        let message = parse(raw, &ParseBudget::default());
        let out = cut(raw, &message, &[0], |_| b"Content-Type: text/plain\r\n\r\nremoved".to_vec());
        let expected = "Subject: x\r\nFrom: a@b\r\n c\r\nContent-Type: text/plain\r\n\r\nremoved\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn trace_fields_alone_are_skipped() {
        let raw = b"Return-Path: <a@b>\r\nReceived: from x\r\n\tby y\r\nSubject: s\r\nReceived: kept\r\n\r\nb";
        assert_eq!(trace_free(raw), b"Subject: s\r\nReceived: kept\r\n\r\nb");
        assert_eq!(trace_free(b"Received: x"), b"");
        assert_eq!(trace_free(b""), b"");
    }
}
