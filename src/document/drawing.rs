// SPDX-License-Identifier: EUPL-1.2
//! Drawings of legacy Office (MS-ODRAW) and objects of legacy presentations (MS-PPT), found in the bytes of a stream.

use memchr::memmem;

use super::property_set::{le16, le32};

/// Drawings and objects looked at in one stream.
const MOST: usize = 2_000;

/// Texts drawn as shapes: watermarks (§2.3.22.1 gtextUNICODE, property 0x00C0).
pub(super) fn watermarks(stream: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    // §2.2.9 OfficeArtFOPT: version 3, the number of properties, type 0xF00B.
    for at in memmem::find_iter(stream, b"\x0B\xF0").take(MOST).filter_map(|at| at.checked_sub(2)) {
        let Some(head) = le16(stream, at).filter(|head| head & 0x0F == 3) else { continue };
        let count = usize::from(head >> 4).min(256);
        let mut complex = at + 8 + count * 6;
        for property in 0..count {
            let from = at + 8 + property * 6;
            let (Some(id), Some(value)) = (le16(stream, from), le32(stream, from + 2)) else { break };
            if id & 0x8000 == 0 {
                continue;
            }
            let end = complex.saturating_add(value as usize);
            if id & 0x3FFF == 0x00C0
                && let Some(octets) = stream.get(complex..end).filter(|octets| octets.len() <= 2_048)
            {
                let text = encoding_rs::UTF_16LE.decode_without_bom_handling(octets).0;
                found.push(text.trim_end_matches('\0').to_owned());
            }
            complex = end;
        }
    }
    found
}

/// Objects embedded in a presentation (MS-PPT §2.10.34 ExOleObjStg, type 0x1011): whether each is deflated, and its
/// bytes.
pub(super) fn objects(stream: &[u8]) -> Vec<(bool, &[u8])> {
    let mut found = Vec::new();
    for at in memmem::find_iter(stream, b"\x11\x10").take(MOST).filter_map(|at| at.checked_sub(2)) {
        let (Some(head), Some(length)) = (le16(stream, at), le32(stream, at + 4)) else { continue };
        let Some(data) = stream.get(at + 8..).and_then(|rest| rest.get(..length as usize)) else { continue };
        match head {
            // The size first, then ZLIB.
            0x0010 => found.extend(data.get(4..).filter(|zlib| zlib.first() == Some(&0x78)).map(|zlib| (true, zlib))),
            0x0000 if data.starts_with(b"\xD0\xCF\x11\xE0") => found.push((false, data)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_stands_behind_its_properties() {
        let text: Vec<u8> = "SECRET\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut stream = vec![1, 2, 3];
        stream.extend([0x23, 0x00, 0x0B, 0xF0, 0, 0, 0, 0]);
        stream.extend([0x7F, 0x00, 0, 0, 0, 0, 0xC0, 0x80]);
        stream.extend((text.len() as u32).to_le_bytes());
        stream.extend(text);
        assert_eq!(watermarks(&stream), ["SECRET"]);
        for length in 0..stream.len() {
            assert!(watermarks(&stream[..length]).is_empty());
        }
    }

    #[test]
    fn objects_of_presentations_are_found() {
        let mut stream = vec![0x10, 0, 0x11, 0x10];
        stream.extend(6u32.to_le_bytes());
        stream.extend([9, 0, 0, 0, 0x78, 0x9C]);
        assert_eq!(objects(&stream), [(true, &[0x78, 0x9C][..])]);
    }
}
