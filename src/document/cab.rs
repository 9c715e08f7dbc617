// SPDX-License-Identifier: EUPL-1.2
//! Cabinet files (MS-CAB): stored, MSZIP and LZX folders. Quantum, and files that begin in another cabinet, are only
//! listed.

use flate2::{Decompress, FlushDecompress};

use super::opening::Opening;
use super::property_set::{le16, le32};
use super::{Budget, DocumentError};
use crate::mime::charset;

/// MS-CAB §2.6: what one block may hold unpacked.
const BLOCK: usize = 32 << 10;

struct Folder {
    start: usize,
    blocks: usize,
    method: u16,
}

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    let (folders, reserve) = folders(bytes).ok_or(DocumentError::Broken)?;
    let count = usize::from(le16(bytes, 28).ok_or(DocumentError::Broken)?);
    let mut at = le32(bytes, 16).ok_or(DocumentError::Broken)? as usize;
    // Files stand in the order of their folders: each folder is unpacked once.
    let mut open: Option<(u16, Vec<u8>)> = None;
    let mut outcome = Ok(());
    for _ in 0..count {
        let header = bytes.get(at..).filter(|rest| rest.len() > 16).ok_or(DocumentError::Broken)?;
        let end = memchr::memchr(0, header.get(16..).unwrap_or_default()).ok_or(DocumentError::Broken)?;
        let name = charset::decode(header.get(16..16 + end).unwrap_or_default(), None).replace('\\', "/");
        at += 16 + end + 1;
        let size = le32(header, 0).unwrap_or(0) as usize;
        let offset = le32(header, 4).unwrap_or(0) as usize;
        let index = le16(header, 8).unwrap_or(u16::MAX);
        opening.room_for_a_file()?;
        if open.as_ref().is_none_or(|(known, _)| *known != index) {
            let (content, fault) = match folders.get(usize::from(index)) {
                Some(folder) => unpack(bytes, folder, reserve, opening.budget),
                None => (Vec::new(), Some(DocumentError::Broken)),
            };
            outcome = outcome.and(fault.map_or(Ok(()), Err));
            open = Some((index, content));
        }
        let content = open.as_ref().and_then(|(_, content)| content.get(offset..offset.checked_add(size)?));
        match content {
            Some(content) => opening.child(&name, content),
            None => opening.closed(&name, size as u64, outcome.err().unwrap_or(DocumentError::Broken), None),
        }
    }
    outcome
}

/// The folders and how many bytes are reserved in each block's head (§2.1, §2.2).
fn folders(bytes: &[u8]) -> Option<(Vec<Folder>, usize)> {
    let count = usize::from(le16(bytes, 26)?);
    let flags = le16(bytes, 30)?;
    let mut at = 36;
    let (mut in_folder, mut in_block) = (0, 0);
    if flags & 4 != 0 {
        in_folder = usize::from(*bytes.get(38)?);
        in_block = usize::from(*bytes.get(39)?);
        at = 40 + usize::from(le16(bytes, 36)?);
    }
    // Names of the cabinets before and after, two strings each.
    let strings = if flags & 1 != 0 { 2 } else { 0 } + if flags & 2 != 0 { 2 } else { 0 };
    for _ in 0..strings {
        at += memchr::memchr(0, bytes.get(at..)?)? + 1;
    }
    let mut folders = Vec::new();
    for _ in 0..count {
        let start = le32(bytes, at)? as usize;
        folders.push(Folder { start, blocks: usize::from(le16(bytes, at + 4)?), method: le16(bytes, at + 6)? });
        at += 8 + in_folder;
    }
    Some((folders, in_block))
}

fn unpack(bytes: &[u8], folder: &Folder, reserve: usize, budget: &mut Budget) -> (Vec<u8>, Option<DocumentError>) {
    let mut method = match folder.method & 0x000F {
        0 => Method::Stored,
        1 => Method::Zip(Decompress::new(false)),
        3 => match window(folder.method >> 8 & 0x1F) {
            Some(size) => Method::Lzx(lzxd::Lzxd::new(size)),
            None => return (Vec::new(), Some(DocumentError::Broken)),
        },
        _ => return (Vec::new(), Some(DocumentError::Broken)),
    };
    let mut content = Vec::new();
    let mut at = folder.start;
    for _ in 0..folder.blocks {
        let sizes = le16(bytes, at + 4).zip(le16(bytes, at + 6));
        let Some((packed, plain)) = sizes.map(|(packed, plain)| (usize::from(packed), usize::from(plain))) else {
            return (content, Some(DocumentError::Broken));
        };
        at += 8 + reserve;
        let Some(block) = bytes.get(at..at + packed) else { return (content, Some(DocumentError::Broken)) };
        at += packed;
        if let Err(fault) = budget.spend(plain) {
            return (content, Some(fault));
        }
        if plain > BLOCK || method.block(block, plain, &mut content).is_none() {
            return (content, Some(DocumentError::Broken));
        }
    }
    (content, None)
}

enum Method {
    Stored,
    Zip(Decompress),
    Lzx(lzxd::Lzxd),
}

impl Method {
    /// Appends one block; `None` where it is damaged.
    fn block(&mut self, block: &[u8], plain: usize, content: &mut Vec<u8>) -> Option<()> {
        match self {
            Method::Stored => content.extend_from_slice(block.get(..plain)?),
            Method::Zip(inflate) => {
                // MS-MCI §2.1.1.1: `CK`, then a stream that may look back into the blocks before it.
                let block = block.strip_prefix(b"CK")?;
                inflate.reset(false);
                if !content.is_empty() {
                    inflate.set_dictionary(content.get(content.len().saturating_sub(BLOCK)..)?).ok()?;
                }
                let before = content.len();
                content.reserve(plain);
                let mut unpacked = vec![0; plain];
                inflate.decompress(block, &mut unpacked, FlushDecompress::Finish).ok()?;
                content.extend_from_slice(unpacked.get(..usize::try_from(inflate.total_out()).ok()?)?);
                if content.len() != before + plain {
                    return None;
                }
            }
            Method::Lzx(reader) => content.extend_from_slice(reader.decompress_next(block, plain).ok()?),
        }
        Some(())
    }
}

/// MS-PATCH §2.2: windows of 2^15 to 2^21 bytes in cabinets.
fn window(bits: u16) -> Option<lzxd::WindowSize> {
    Some(match bits {
        15 => lzxd::WindowSize::KB32,
        16 => lzxd::WindowSize::KB64,
        17 => lzxd::WindowSize::KB128,
        18 => lzxd::WindowSize::KB256,
        19 => lzxd::WindowSize::KB512,
        20 => lzxd::WindowSize::MB1,
        21 => lzxd::WindowSize::MB2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    /// A cabinet of one folder and one file, its block stored or by MSZIP.
    fn cabinet(method: u16, block: &[u8], plain: u16) -> Vec<u8> {
        let mut file = u32::from(plain).to_le_bytes().to_vec();
        file.extend([0; 12]);
        file.extend(b"dir\\note.txt\0");
        let start = 36 + 8 + file.len() as u32;
        let mut bytes = b"MSCF\0\0\0\0".to_vec();
        bytes.extend([0; 8]);
        bytes.extend(44_u32.to_le_bytes());
        bytes.extend([0, 0, 0, 0, 3, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(start.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(method.to_le_bytes());
        bytes.extend(file);
        bytes.extend([0; 4]);
        bytes.extend((block.len() as u16).to_le_bytes());
        bytes.extend(plain.to_le_bytes());
        bytes.extend(block);
        bytes
    }

    #[test]
    fn blocks_stored_damaged_and_of_unknown_methods() {
        let rows = [
            (cabinet(0, b"in a cab", 8), None, Some("in a cab")),
            (cabinet(0, b"in a", 8), Some(DocumentError::Broken), None),
            (cabinet(1, b"CKjunk", 8), Some(DocumentError::Broken), None),
            (cabinet(2, b"in a cab", 8), Some(DocumentError::Broken), None),
            (cabinet(3, b"in a cab", 8), Some(DocumentError::Broken), None),
        ];
        for (bytes, fault, text) in rows {
            let (extract, outcome) = read_alone("cab", &bytes, read);
            assert_eq!(outcome.err(), fault);
            let child = extract.children.first().expect("listed, read or not");
            assert_eq!(child.name, "dir/note.txt");
            assert_eq!(child.segments.first().map(|segment| segment.text.as_str()), text);
            assert_eq!(child.fault, fault);
        }
    }
}
