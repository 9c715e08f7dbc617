// SPDX-License-Identifier: EUPL-1.2
//! RAR archives, versions 4 and 5: names and the encryption flag. There is no free reader for compressed contents, so
//! such members are reported as unreadable; stored members are opened.

use super::DocumentError;
use super::opening::Opening;
use crate::mime::charset;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    match bytes.get(6..8) {
        Some([1, 0]) => version5(bytes.get(8..).unwrap_or_default(), opening),
        Some([0, _]) => version4(bytes.get(7..).unwrap_or_default(), opening),
        _ => return Err(DocumentError::Broken),
    }
    if opening.extract.encrypted.is_some() { Err(DocumentError::Encrypted) } else { Err(DocumentError::Broken) }
}

/// Notes one member: what can be opened is opened.
fn note(name: &str, size: u64, encrypted: bool, stored: Option<&[u8]>, opening: &mut Opening<'_>) {
    match stored {
        Some(content) if !encrypted => opening.child(name, content),
        _ if encrypted => {
            opening.extract.encrypted = Some("rar".into());
            opening.closed(name, size, DocumentError::Encrypted, Some("rar"));
        }
        _ => opening.closed(name, size, DocumentError::Broken, None),
    }
}

/// RAR 1.5 to 4: blocks of crc16, type, flags, size; `0x8000` says that data follows.
fn version4(mut rest: &[u8], opening: &mut Opening<'_>) {
    while let (Some(kind), Some(flags), Some(length)) = (rest.get(2), le16(rest, 3), le16(rest, 5)) {
        let length = usize::from(length);
        if length < 7 || opening.extract.children.len() >= 5_000 {
            return;
        }
        let Some(header) = rest.get(..length) else { return };
        let data = if flags & 0x8000 != 0 || *kind == 0x74 { le32(rest, 7).unwrap_or(0) as usize } else { 0 };
        let content = rest.get(length..).unwrap_or_default();
        match kind {
            // Archive header: 0x0080 means that the headers after it are encrypted too.
            0x73 if flags & 0x0080 != 0 => {
                opening.extract.encrypted = Some("rar".into());
                return;
            }
            0x74 => {
                let size = le32(header, 11).unwrap_or(0);
                let method = header.get(25).copied().unwrap_or(0);
                let name_length = usize::from(le16(header, 26).unwrap_or(0));
                let at: usize = if flags & 0x0100 != 0 { 40 } else { 32 };
                let name = header.get(at..at.saturating_add(name_length)).unwrap_or_default();
                let name = name.split(|b| *b == 0).next().unwrap_or_default();
                // 0xE0 in the dictionary bits marks a folder.
                if flags & 0x00E0 != 0x00E0 {
                    let stored = content.get(..data).filter(|_| method == 0x30);
                    let name = charset::decode(name, None).replace('\\', "/");
                    note(&name, u64::from(size), flags & 0x0004 != 0, stored, opening);
                }
            }
            0x7B => return,
            _ => {}
        }
        let Some(next) = length.checked_add(data).and_then(|skip| rest.get(skip..)) else { return };
        rest = next;
    }
}

/// RAR 5: blocks of crc32 and variable-length integers.
fn version5(mut rest: &[u8], opening: &mut Opening<'_>) {
    while let Some(after_crc) = rest.get(4..) {
        let Some((length, header)) = varint(after_crc) else { return };
        let Some(header) = header.get(..length as usize) else { return };
        let skip = rest.len() - after_crc.len() + (after_crc.len() - varint_rest(after_crc)) + length as usize;
        let Some(content) = rest.get(skip..) else { return };
        let data = block5(header, content, opening);
        if opening.extract.children.len() >= 5_000 {
            return;
        }
        let Some(data) = data else { return };
        let Some(next) = content.get(data as usize..) else { return };
        rest = next;
    }
}

/// Reads one block; gives the length of its data, `None` at the end.
fn block5(header: &[u8], content: &[u8], opening: &mut Opening<'_>) -> Option<u64> {
    let (kind, at) = varint(header)?;
    let (flags, at) = varint(at)?;
    let (extra, at) = if flags & 1 != 0 { varint(at)? } else { (0, at) };
    let (data, at) = if flags & 2 != 0 { varint(at)? } else { (0, at) };
    match kind {
        // Encryption header: everything after it is unreadable.
        4 => {
            opening.extract.encrypted = Some("rar".into());
            return None;
        }
        5 => return None,
        2 => {
            let (file_flags, at) = varint(at)?;
            let (size, at) = varint(at)?;
            let (_, at) = varint(at)?;
            let at = at.get(if file_flags & 2 != 0 { 4 } else { 0 }..)?;
            let at = at.get(if file_flags & 4 != 0 { 4 } else { 0 }..)?;
            let (method, at) = varint(at)?;
            let (_, at) = varint(at)?;
            let (length, at) = varint(at)?;
            let name = String::from_utf8_lossy(at.get(..length as usize)?).into_owned();
            let records = header.get(header.len().checked_sub(extra as usize)?..)?;
            let encrypted = extra > 0 && has_encryption_record(records);
            if file_flags & 1 == 0 {
                let stored = content.get(..data as usize).filter(|_| (method >> 7) & 7 == 0);
                note(&name, size, encrypted, stored, opening);
            }
        }
        _ => {}
    }
    Some(data)
}

/// Extra area: records of size, type, data; type 1 is file encryption.
fn has_encryption_record(mut records: &[u8]) -> bool {
    while let Some((length, rest)) = varint(records) {
        if varint(rest).is_some_and(|(kind, _)| kind == 1) {
            return true;
        }
        match rest.get(length as usize..) {
            Some(next) if length > 0 => records = next,
            _ => return false,
        }
    }
    false
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn varint_rest(bytes: &[u8]) -> usize {
    varint(bytes).map_or(0, |(_, rest)| rest.len())
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    fn file_header4(name: &[u8], flags: u16, method: u8, content: &[u8]) -> Vec<u8> {
        let mut header = vec![0, 0, 0x74];
        header.extend((flags | 0x8000).to_le_bytes());
        header.extend((32 + name.len() as u16).to_le_bytes());
        header.extend((content.len() as u32).to_le_bytes());
        header.extend((content.len() as u32).to_le_bytes());
        header.extend([0; 10]);
        header.push(method);
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0; 4]);
        header.extend(name);
        header.extend(content);
        header
    }

    #[test]
    fn version_4_lists_members_and_opens_stored_ones() {
        let mut archive = b"Rar!\x1A\x07\x00".to_vec();
        archive.extend([0, 0, 0x73, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0]);
        archive.extend(file_header4(b"dossier\\a.txt", 0, 0x30, b"stored text"));
        archive.extend(file_header4(b"b.docx", 4, 0x33, b"????"));
        let (extract, outcome) = read_alone("rar", &archive, read);
        assert_eq!(outcome, Err(DocumentError::Encrypted));
        assert_eq!(extract.encrypted.as_deref(), Some("rar"));
        let names: Vec<_> = extract.children.iter().map(|child| (child.name.as_str(), child.fault)).collect();
        assert_eq!(names, [("dossier/a.txt", None), ("b.docx", Some(DocumentError::Encrypted))]);
    }

    #[test]
    fn version_5_tells_encrypted_headers() {
        let archive = b"Rar!\x1A\x07\x01\x00\0\0\0\0\x03\x04\x00\x00";
        assert_eq!(read_alone("rar", archive, read).1, Err(DocumentError::Encrypted));
    }
}
