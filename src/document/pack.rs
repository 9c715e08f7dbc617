// SPDX-License-Identifier: EUPL-1.2
//! Single compressed streams: gzip (RFC 1952), bzip2, xz, Zstandard (RFC 8878), compress.
//! Concatenated members are all read.

use std::io::Read;

use super::opening::Opening;
use super::{DocumentError, kind_of};

/// xz and zstd declare how much memory their dictionary wants; more than this is a bomb.
const DICTIONARY: u32 = 64 << 20;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    if opening.kind == "z" {
        return compress(opening);
    }
    let mut source: Box<dyn Read> = match opening.kind {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        "bz2" => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
        "xz" => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY >> 10)),
        _ => {
            let mut decoder = zstd::Decoder::new(bytes).map_err(|_| DocumentError::Broken)?;
            decoder.window_log_max(DICTIONARY.ilog2()).map_err(|_| DocumentError::Broken)?;
            Box::new(decoder)
        }
    };
    let (inside, fault) = opening.inflate(&mut *source);
    content(&inside, opening)?;
    fault.map_or(Ok(()), Err)
}

fn compress(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let left = usize::try_from(opening.budget.bytes).unwrap_or(usize::MAX);
    let (inside, whole) = super::lzw::unpack(opening.bytes, left);
    opening.budget.spend(inside.len())?;
    content(&inside, opening)?;
    if whole { Ok(()) } else { Err(DocumentError::Broken) }
}

/// What was packed: a tar archive, or one file.
fn content(inside: &[u8], opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    if !inside.is_empty() {
        let name = inner_name(&opening.extract.name);
        if kind_of(inside) == "tar" {
            super::tar::read(&mut opening.again("tar", inside))?;
        } else {
            opening.child(&name, inside);
        }
    }
    Ok(())
}

/// `report.csv.gz` holds `report.csv`.
fn inner_name(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    match base.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => "content".to_owned(),
    }
}
