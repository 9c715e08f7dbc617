// SPDX-License-Identifier: EUPL-1.2
//! Single compressed streams: gzip (RFC 1952), bzip2, xz, Zstandard (RFC 8878). Concatenated members are all read.

use std::io::Read;

use super::{Budget, DocumentError, Extract, kind_of};

/// xz and zstd declare how much memory their dictionary wants; more than this is a bomb.
const DICTIONARY: u32 = 64 << 20;

pub(super) fn read(
    kind: &str,
    bytes: &[u8],
    extract: &mut Extract,
    budget: &mut Budget,
    passwords: &[String],
) -> Result<(), DocumentError> {
    let mut source: Box<dyn Read> = match kind {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        "bz2" => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
        "xz" => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY >> 10)),
        _ => {
            let mut decoder = zstd::Decoder::new(bytes).map_err(|_| DocumentError::Broken)?;
            decoder.window_log_max(DICTIONARY.ilog2()).map_err(|_| DocumentError::Broken)?;
            Box::new(decoder)
        }
    };
    let (inside, fault) = budget.inflate(&mut *source);
    if !inside.is_empty() {
        let name = inner_name(&extract.name);
        if kind_of(&inside) == "tar" {
            super::tar::read(&inside, extract, budget, passwords)?;
        } else {
            extract.child(&name, &inside, budget, passwords);
        }
    }
    fault.map_or(Ok(()), Err)
}

/// `report.csv.gz` holds `report.csv`.
fn inner_name(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    match base.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => "content".to_owned(),
    }
}
