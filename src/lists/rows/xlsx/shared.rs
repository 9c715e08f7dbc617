// SPDX-License-Identifier: EUPL-1.2
//! The table of shared strings (ECMA-376 part 1 §18.4).

use std::io::Read;

use super::scan::{Piece, Scan, is_closed, local_name, unescape};
use crate::lists::rows::RowsError;

/// Bytes of all strings together: a million rows of four columns have about 80 MB.
const MAX_TEXT: usize = 256 << 20;
const MAX_STRINGS: usize = 16 << 20;

/// Strings by number; or their elements as written, where they are to be written again.
#[derive(Debug, Default, Clone)]
pub struct Shared {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Shared {
    /// Reads the texts; phonetic runs are left out.
    pub fn read<R: Read>(part: R) -> Result<Shared, RowsError> {
        let mut shared = Shared::default();
        let mut scan = Scan::new(part);
        let (mut in_text, mut phonetic) = (false, false);
        while let Some(piece) = scan.piece()? {
            match (piece, local_name(&scan.raw)) {
                (Piece::Open, b"t") => in_text = !phonetic && !is_closed(&scan.raw),
                (Piece::Open, b"rPh") => phonetic = !is_closed(&scan.raw),
                (Piece::Open, b"si") if is_closed(&scan.raw) => shared.end()?,
                (Piece::Close, b"t") => in_text = false,
                (Piece::Close, b"rPh") => phonetic = false,
                (Piece::Close, b"si") => shared.end()?,
                (Piece::Text, _) if in_text => shared.text.extend_from_slice(unescape(&scan.raw).as_bytes()),
                (Piece::Data, _) if in_text => {
                    let inner = scan.raw.strip_prefix(b"<![CDATA[").and_then(|raw| raw.strip_suffix(b"]]>"));
                    shared.text.extend_from_slice(inner.unwrap_or_default());
                }
                _ => {}
            }
        }
        Ok(shared)
    }

    /// Reads the elements `<si>…</si>` as written.
    pub fn read_raw<R: Read>(part: R) -> Result<Shared, RowsError> {
        let mut shared = Shared::default();
        let mut scan = Scan::new(part);
        let mut inside = false;
        while let Some(piece) = scan.piece()? {
            let is_string = local_name(&scan.raw) == b"si";
            inside |= piece == Piece::Open && is_string;
            if inside {
                shared.text.extend_from_slice(&scan.raw);
            }
            if is_string && (piece == Piece::Close || piece == Piece::Open && is_closed(&scan.raw)) {
                inside = false;
                shared.end()?;
            }
        }
        Ok(shared)
    }

    fn end(&mut self) -> Result<(), RowsError> {
        if self.text.len() > MAX_TEXT || self.ends.len() >= MAX_STRINGS {
            return Err(RowsError::Workbook("its texts are larger than 256 MiB"));
        }
        self.ends.push(self.text.len() as u32);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A string's bytes; `None` where there is no such number.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start as usize..end as usize])
    }
}
