// SPDX-License-Identifier: EUPL-1.2
//! Disc images (ECMA-119, ISO 9660): the files of the Joliet tree if there is one, else of the primary tree.

use super::DocumentError;
use super::opening::Opening;
use super::property_set::le32;
use crate::mime::charset;

/// ECMA-119 §6.1.2: a logical sector.
const SECTOR: usize = 2048;

/// ECMA-119 §6.8.2.1 allows eight levels; Joliet and others write more.
const DEPTH: usize = 32;

/// Folder records walked over the whole image.
const RECORDS: usize = 50_000;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let (root, wide) = volume(opening.bytes).ok_or(DocumentError::Broken)?;
    let mut files = Vec::new();
    let mut walk = Walk { bytes: opening.bytes, wide, seen: Vec::new(), records: 0 };
    let walked = walk.folder(root, "", DEPTH, &mut files);
    for (name, content) in files {
        opening.room_for_a_file()?;
        match content {
            Some(content) => {
                opening.paid_child(&name, content)?;
            }
            None => opening.closed(&name, 0, DocumentError::Broken, None),
        }
    }
    walked
}

/// The root folder's record and whether names are UTF-16: descriptors stand from sector 16 on (§8.1).
fn volume(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let mut primary = None;
    for sector in 16..48 {
        let descriptor = bytes.get(sector * SECTOR..(sector + 1) * SECTOR)?;
        if descriptor.get(1..6) != Some(b"CD001") {
            break;
        }
        let root = descriptor.get(156..190)?;
        match descriptor.first()? {
            1 => primary = primary.or(Some(root)),
            // Joliet: a supplementary descriptor whose escape sequences announce UCS-2.
            2 if matches!(descriptor.get(88..91), Some([b'%', b'/', b'@' | b'C' | b'E'])) => return Some((root, true)),
            255 => break,
            _ => {}
        }
    }
    primary.map(|root| (root, false))
}

struct Walk<'a> {
    bytes: &'a [u8],
    wide: bool,
    /// Extents of folders: a folder that holds itself ends here.
    seen: Vec<u32>,
    records: usize,
}

impl<'a> Walk<'a> {
    /// Records of one folder (§9.1). A length of zero means that the next sector goes on.
    fn folder(
        &mut self,
        record: &[u8],
        path: &str,
        depth: usize,
        files: &mut Vec<(String, Option<&'a [u8]>)>,
    ) -> Result<(), DocumentError> {
        let extent = le32(record, 2).ok_or(DocumentError::Broken)?;
        if depth == 0 || self.seen.contains(&extent) {
            return Err(DocumentError::Budget);
        }
        self.seen.push(extent);
        let content = self.extent(record).ok_or(DocumentError::Broken)?;
        let mut at = 0;
        while let Some(length) = content.get(at).map(|length| usize::from(*length)) {
            if length == 0 {
                at = (at / SECTOR + 1) * SECTOR;
                continue;
            }
            self.records += 1;
            if self.records > RECORDS {
                return Err(DocumentError::Budget);
            }
            let inner = content.get(at..at + length).filter(|inner| inner.len() >= 34).ok_or(DocumentError::Broken)?;
            at += length;
            let name = inner
                .get(33..33 + usize::from(*inner.get(32).ok_or(DocumentError::Broken)?))
                .ok_or(DocumentError::Broken)?;
            // §6.8.2.2: a folder names itself 0 and its parent 1.
            if matches!(name, [0 | 1]) {
                continue;
            }
            let name = self.name(name);
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            let is_folder = inner.get(25).is_some_and(|flags| flags & 2 != 0);
            if is_folder {
                self.folder(inner, &path, depth - 1, files)?;
            } else {
                files.push((path, self.extent(inner)));
            }
        }
        Ok(())
    }

    fn extent(&self, record: &[u8]) -> Option<&'a [u8]> {
        let start = (le32(record, 2)? as usize).checked_mul(SECTOR)?;
        self.bytes.get(start..start.checked_add(le32(record, 10)? as usize)?)
    }

    fn name(&self, name: &[u8]) -> String {
        let name = match self.wide {
            true => encoding_rs::UTF_16BE.decode_without_bom_handling(name).0.into_owned(),
            false => charset::decode(name, None),
        };
        // §7.5.1: a version number follows the name.
        name.split(';').next().unwrap_or_default().trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    fn record(name: &[u8], sector: u32, length: u32, flags: u8) -> Vec<u8> {
        let size = (33 + name.len()).next_multiple_of(2).max(34);
        let mut record = vec![0; size];
        record[0] = size as u8;
        record[2..6].copy_from_slice(&sector.to_le_bytes());
        record[10..14].copy_from_slice(&length.to_le_bytes());
        record[25] = flags;
        record[32] = name.len() as u8;
        record[33..33 + name.len()].copy_from_slice(name);
        record
    }

    #[test]
    fn a_folder_that_holds_itself_ends() {
        let mut image = vec![0; 20 * SECTOR];
        image[16 * SECTOR] = 1;
        image[16 * SECTOR + 1..16 * SECTOR + 6].copy_from_slice(b"CD001");
        image[16 * SECTOR + 156..16 * SECTOR + 190].copy_from_slice(&record(&[0], 18, 2048, 2));
        let file = record(b"NOTE.TXT;1", 19, 10, 0);
        let again = record(b"LOOP", 18, 2048, 2);
        image[18 * SECTOR..18 * SECTOR + file.len()].copy_from_slice(&file);
        image[18 * SECTOR + file.len()..18 * SECTOR + file.len() + again.len()].copy_from_slice(&again);
        image[19 * SECTOR..19 * SECTOR + 10].copy_from_slice(b"in an iso\n");
        let (extract, outcome) = read_alone("iso", &image, read);
        assert_eq!(outcome, Err(DocumentError::Budget));
        let child = extract.children.first().map(|child| (child.name.as_str(), child.size));
        assert_eq!(child, Some(("NOTE.TXT", 10)));
    }
}
