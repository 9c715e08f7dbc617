// SPDX-License-Identifier: EUPL-1.2
//! The parts of a workbook's package: which sheets there are, and each part's bytes as a bounded stream.

use std::io::{BufReader, Read, Seek, SeekFrom, Take};

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::scan::{Piece, Scan, attribute, local_name};
use crate::lists::rows::RowsError;

/// Bytes of one part. A full sheet of thirty columns has about 1.2 GB.
const MAX_PART: u64 = 2 << 30;
/// A sheet shrinks to a tenth or a twentieth; what shrinks more than this is made to explode.
const MAX_RATIO: u64 = 200;
/// Small parts may shrink as they like.
const FREE: u64 = 16 << 20;
const MAX_SHEETS: usize = 1000;

/// Bytes of a part, uncompressed, at most as many as it may have.
pub struct Part<R> {
    source: Packed<R>,
    left: u64,
}

enum Packed<R> {
    Stored(Take<BufReader<R>>),
    Deflated(Box<DeflateDecoder<Take<BufReader<R>>>>),
}

impl<R: Read> Read for Part<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = match &mut self.source {
            Packed::Stored(source) => source.read(into)?,
            Packed::Deflated(source) => source.read(into)?,
        };
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidData, "a part of the workbook grows beyond all bounds")
        })?;
        Ok(count)
    }
}

/// Opens a part; `None` where the package has none of this name.
///
/// # Errors
/// Where it is encrypted or packed in a way that workbooks do not use.
pub fn part<'s, S: Read + Seek>(source: &'s mut S, name: &str) -> Result<Option<Part<&'s mut S>>, RowsError> {
    let (start, packed, method) = {
        let mut archive = archive(source)?;
        let Some(index) = find(&archive, name) else { return Ok(None) };
        let file = archive.by_index_raw(index).map_err(|_| RowsError::Workbook("its package is broken"))?;
        if file.encrypted() {
            return Err(RowsError::Workbook("it is encrypted: save it without a password"));
        }
        let start = file.data_start().ok_or(RowsError::Workbook("its package is broken"))?;
        (start, file.compressed_size(), file.compression())
    };
    source.seek(SeekFrom::Start(start))?;
    let bytes = BufReader::with_capacity(64 << 10, source).take(packed);
    let left = packed.saturating_mul(MAX_RATIO).clamp(FREE, MAX_PART);
    Ok(Some(Part {
        left,
        source: match method {
            CompressionMethod::Stored => Packed::Stored(bytes),
            CompressionMethod::Deflated => Packed::Deflated(Box::new(DeflateDecoder::new(bytes))),
            _ => return Err(RowsError::Workbook("its package is packed in an unknown way")),
        },
    }))
}

pub fn archive<S: Read + Seek>(source: &mut S) -> Result<ZipArchive<&mut S>, RowsError> {
    ZipArchive::new(source).map_err(|_| RowsError::Workbook("its package is broken"))
}

/// Part names are compared without case (ECMA-376 part 2 §6.2.2).
fn find<S: Read + Seek>(archive: &ZipArchive<S>, name: &str) -> Option<usize> {
    archive.index_for_name(name).or_else(|| {
        (0..archive.len().min(10_000)).find(|index| {
            archive.name_for_index(*index).and_then(Result::ok).is_some_and(|known| known.eq_ignore_ascii_case(name))
        })
    })
}

/// The parts that hold the visible sheets, in the workbook's order.
///
/// # Errors
/// Where it is no workbook.
pub fn sheets<S: Read + Seek>(source: &mut S) -> Result<Vec<String>, RowsError> {
    let mut targets = Vec::new();
    if let Some(part) = part(source, "xl/_rels/workbook.xml.rels")? {
        each_tag(part, &mut |tag| {
            if let (b"Relationship", Some(id), Some(target)) =
                (local_name(tag), attribute(tag, "Id"), attribute(tag, "Target"))
            {
                targets.push((id.into_owned(), target.into_owned()));
            }
        })?;
    }
    let workbook = part(source, "xl/workbook.xml")?
        .ok_or(RowsError::Format("it is an archive and no workbook: unpack it first"))?;
    let mut sheets = Vec::new();
    each_tag(workbook, &mut |tag| {
        let is_hidden = attribute(tag, "state").is_some_and(|state| state.to_ascii_lowercase().contains("hidden"));
        if local_name(tag) == b"sheet" && !is_hidden && sheets.len() < MAX_SHEETS {
            // `sheetId` ends in `Id` but is no `id`.
            let id = attribute(tag, "id").unwrap_or_default();
            if let Some((_, target)) = targets.iter().find(|(known, _)| *known == id) {
                let target = target.strip_prefix('/').unwrap_or(target);
                sheets.push(if target.starts_with("xl/") { target.to_owned() } else { format!("xl/{target}") });
            }
        }
    })?;
    if sheets.is_empty() { Err(RowsError::Workbook("it has no visible sheet")) } else { Ok(sheets) }
}

fn each_tag<R: Read>(part: R, visit: &mut dyn FnMut(&[u8])) -> Result<(), RowsError> {
    let mut scan = Scan::new(part);
    while let Some(piece) = scan.piece()? {
        if piece == Piece::Open {
            visit(&scan.raw);
        }
    }
    Ok(())
}
