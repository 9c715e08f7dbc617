// SPDX-License-Identifier: EUPL-1.2
//! Unpacks streams of a PDF within a limit: the library unpacks without one, so what may grow is counted first.

use flate2::{Decompress, FlushDecompress, Status};
use hayro_syntax::Filter;
use hayro_syntax::object::Stream;

use super::DocumentError;

/// How much one byte can become, at most: DEFLATE (RFC 1951) 1,032; LZW of twelve bits nearly as much again.
fn growth(filter: Filter) -> u64 {
    match filter {
        Filter::FlateDecode => 1_040,
        Filter::LzwDecode => 2_730,
        Filter::RunLengthDecode => 128,
        Filter::Ascii85Decode => 4,
        _ => 1,
    }
}

/// LZW cannot be counted without being unpacked; no page's content is longer than this packed.
const LZW: usize = 128 << 10;

/// The content of a stream that is no picture.
pub(super) fn unpack(stream: &Stream<'_>, limit: usize) -> Result<Vec<u8>, DocumentError> {
    // Nearly all are packed so, and most are whole.
    let is_plain = !stream.dict().contains_key("DecodeParms") && !stream.dict().contains_key("DP");
    if is_plain
        && stream.filters().as_slice() == [Filter::FlateDecode]
        && let Some(content) = inflated(&stream.raw_data(), limit)?
    {
        return Ok(content);
    }
    admit(stream, limit)?;
    let content = stream.decoded_data().map_err(|_| DocumentError::Broken)?;
    if content.len() > limit {
        return Err(DocumentError::Budget);
    }
    Ok(content.into_owned())
}

/// Whether a stream stays below the limit when it is unpacked.
pub(super) fn admit(stream: &Stream<'_>, limit: usize) -> Result<(), DocumentError> {
    let raw = stream.raw_data();
    let filters = stream.filters();
    let most = filters.iter().fold(raw.len() as u64, |size, filter| size.saturating_mul(growth(*filter)));
    if most <= limit as u64 {
        return Ok(());
    }
    let fits = match filters.as_slice() {
        [] => raw.len() <= limit,
        [Filter::FlateDecode, rest @ ..] if rest.iter().all(|filter| growth(*filter) == 1) => inflates(&raw, limit),
        [Filter::Ascii85Decode, Filter::FlateDecode, rest @ ..] if rest.iter().all(|filter| growth(*filter) == 1) => {
            inflates(&ascii85(&raw), limit)
        }
        [Filter::LzwDecode] => raw.len() <= LZW,
        [Filter::Ascii85Decode, Filter::LzwDecode] => raw.len() <= LZW,
        filters => most <= limit as u64 || filters.iter().all(|filter| growth(*filter) <= 4) && raw.len() * 4 <= limit,
    };
    if fits { Ok(()) } else { Err(DocumentError::Budget) }
}

/// Streams that the library unpacks by itself while it looks for objects.
pub(super) fn admit_objects(bytes: &[u8], limit: usize) -> Result<(), DocumentError> {
    let named = |name: &'static [u8]| memchr::memmem::find_iter(bytes, name);
    for at in named(b"/ObjStm").chain(named(b"/XRef")) {
        let near = bytes.get(at..).unwrap_or_default();
        let Some(start) = memchr::memmem::find(near.get(..4_096).unwrap_or(near), b"stream") else { continue };
        let raw = near.get(start + 6..).unwrap_or_default();
        let raw = raw.strip_prefix(b"\r").unwrap_or(raw);
        let raw = raw.strip_prefix(b"\n").unwrap_or(raw);
        let length = memchr::memmem::find(raw, b"endstream").unwrap_or(raw.len());
        if length as u64 * growth(Filter::FlateDecode) > limit as u64 && !inflates(raw, limit) {
            return Err(DocumentError::Budget);
        }
    }
    Ok(())
}

/// What zlib data unpack to; nothing where they are damaged, which the library copes with.
fn inflated(raw: &[u8], limit: usize) -> Result<Option<Vec<u8>>, DocumentError> {
    let mut inflater = Decompress::new(true);
    let mut content = Vec::with_capacity(raw.len().saturating_mul(4).clamp(4 << 10, 1 << 20));
    loop {
        let read = inflater.total_in() as usize;
        let status = inflater.decompress_vec(raw.get(read..).unwrap_or_default(), &mut content, FlushDecompress::None);
        if content.len() > limit {
            return Err(DocumentError::Budget);
        }
        match status {
            Ok(Status::StreamEnd) => return Ok(Some(content)),
            Ok(_) if content.len() == content.capacity() => {
                content.reserve(content.len().min(limit - content.len() + 1));
            }
            Ok(_) | Err(_) => return Ok(None),
        }
    }
}

/// Whether zlib data ends before the limit; what is no zlib data ends at once.
fn inflates(mut raw: &[u8], limit: usize) -> bool {
    let mut inflater = Decompress::new(true);
    let mut sink = vec![0; 64 << 10];
    loop {
        let before = inflater.total_in();
        let status = inflater.decompress(raw, &mut sink, FlushDecompress::None);
        let read = (inflater.total_in() - before) as usize;
        raw = raw.get(read..).unwrap_or_default();
        if inflater.total_out() > limit as u64 {
            return false;
        }
        match status {
            Ok(Status::StreamEnd) | Err(_) => return true,
            Ok(_) if raw.is_empty() => return true,
            Ok(_) => {}
        }
    }
}

/// §7.4.3, leniently: what is no digit is skipped.
fn ascii85(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 5 * 4);
    let mut group = (0_u32, 0);
    for byte in raw {
        match byte {
            b'z' if group.1 == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                group = (group.0.wrapping_mul(85).wrapping_add(u32::from(byte - b'!')), group.1 + 1);
                if group.1 == 5 {
                    out.extend(group.0.to_be_bytes());
                    group = (0, 0);
                }
            }
            b'~' => break,
            _ => {}
        }
    }
    if group.1 > 1 {
        for _ in group.1..5 {
            group.0 = group.0.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(group.0.to_be_bytes().iter().take(group.1 - 1));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_grows_is_counted() {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![0; 4 << 20]).expect("memory");
        let packed = packer.finish().expect("memory");
        assert!(inflates(&packed, 4 << 20));
        assert!(!inflates(&packed, (4 << 20) - 1));
        assert!(inflates(b"no zlib", 0));
        assert_eq!(inflated(&packed, 4 << 20).map(|content| content.map(|content| content.len())), Ok(Some(4 << 20)));
        assert_eq!(inflated(&packed, (4 << 20) - 1), Err(DocumentError::Budget));
        assert_eq!(inflated(&packed[..packed.len() - 40], 8 << 20), Ok(None));
        assert_eq!(inflated(b"no zlib", 8 << 20), Ok(None));
        let file = [b"<</Type/ObjStm>>stream\n".as_slice(), &packed, b"endstream"].concat();
        assert_eq!(admit_objects(&file, 1 << 20), Err(DocumentError::Budget));
        assert_eq!(admit_objects(&file, 8 << 20), Ok(()));
    }

    #[test]
    fn ascii85_is_unpacked() {
        assert_eq!(ascii85(b"9jqo^BlbD-BleB1DJ+*+F(f,q~>"), b"Man is distinguished");
        assert_eq!(ascii85(b"9j qo~>"), b"Man");
    }
}
