// SPDX-License-Identifier: EUPL-1.2
//! Finds pictures that may show text: picture files, and pictures on PDF pages without text. It converts them for a
//! reader of pictures; `worker` runs that reader.

use lopdf::{Dictionary, Document, Object, Stream};
use serde::{Deserialize, Serialize};

use super::opening::Opening;

/// A picture handed out for reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where its text will stand: `#page1` …
    pub place: String,
    /// Length of the content, bytes.
    pub length: usize,
    /// PNG, JPEG, TIFF, GIF, BMP, WebP, JPEG 2000 or PNM. Travels beside the serialised extract, not in it.
    #[serde(skip)]
    pub content: Vec<u8>,
}

/// Picture points: below, a logo or a dot; above, more than a scanned A3 sheet at 600 dpi.
const POINTS: std::ops::RangeInclusive<u64> = 120_000..=70_000_000;

/// The shortest side that can hold a line of text worth reading.
const SIDE: u64 = 60;

/// A file that is a picture. Formats whose size is not looked up are handed out by their length.
pub(super) fn file(opening: &mut Opening<'_>) {
    let bytes = opening.bytes;
    let is_page = match size(opening.kind, bytes) {
        Some((width, height)) => is_page(width, height),
        None => bytes.len() >= 2_000,
    };
    if is_page {
        hand_out("#page1".into(), bytes.to_vec(), opening);
    }
}

/// What a page of a PDF shows instead of text.
pub(super) fn page(document: &Document, stream: &Stream, place: String, opening: &mut Opening<'_>) {
    match content(document, stream, opening.budget.bytes.min(64 << 20) as usize) {
        Some(content) => hand_out(place, content, opening),
        None => opening.extract.note_unseen("unread"),
    }
}

/// Whether a picture of a PDF is large enough for a page.
pub(super) fn points(stream: &Stream, document: &Document) -> Option<u64> {
    let (width, height) = dimensions(stream, document)?;
    is_page(width, height).then_some(width * height)
}

fn is_page(width: u64, height: u64) -> bool {
    width.min(height) >= SIDE && POINTS.contains(&width.saturating_mul(height))
}

fn hand_out(place: String, content: Vec<u8>, opening: &mut Opening<'_>) {
    if opening.budget.pictures == 0 || opening.budget.spend(content.len()).is_err() {
        return opening.extract.note_unseen("unread");
    }
    opening.budget.pictures -= 1;
    opening.extract.pictures.push(Picture { place, length: content.len(), content });
}

/// Width and height by the formats' own headers.
fn size(kind: &str, bytes: &[u8]) -> Option<(u64, u64)> {
    let be = |at: usize| Some(u64::from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
    let le16 = |at: usize| Some(u64::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    match kind {
        "png" => Some((be(16)?, be(20)?)),
        "gif" => Some((le16(6)?, le16(8)?)),
        "jpeg" => jpeg(bytes),
        _ => None,
    }
}

/// The first frame header (ITU-T T.81 §B.2.2) among the marker segments.
fn jpeg(bytes: &[u8]) -> Option<(u64, u64)> {
    let be16 = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let mut at = 2;
    for _ in 0..1_000 {
        let marker = be16(at)?;
        let is_frame = matches!(marker, 0xFFC0..=0xFFCF) && !matches!(marker, 0xFFC4 | 0xFFC8 | 0xFFCC);
        if is_frame {
            return Some((be16(at + 7)?.into(), be16(at + 5)?.into()));
        }
        at = at + 2 + usize::from(be16(at + 2)?);
    }
    None
}

fn number(dictionary: &Dictionary, key: &[u8], document: &Document) -> Option<i64> {
    dictionary.get_deref(key, document).and_then(Object::as_i64).ok()
}

fn dimensions(stream: &Stream, document: &Document) -> Option<(u64, u64)> {
    let of = |key: &[u8]| u64::try_from(number(&stream.dict, key, document)?).ok();
    Some((of(b"Width")?, of(b"Height")?))
}

/// The picture as a file of its own. JBIG2 and colours by rare spaces stay unread.
fn content(document: &Document, stream: &Stream, limit: usize) -> Option<Vec<u8>> {
    let filters = stream.filters().unwrap_or_default();
    match filters.as_slice() {
        [b"DCTDecode" | b"JPXDecode"] => Some(stream.content.clone()),
        [b"CCITTFaxDecode"] => fax(document, stream),
        _ => plain(document, stream, limit),
    }
}

/// A fax wrapped in a TIFF of one strip (TIFF 6.0 §11, ISO 32000-1 §7.4.6).
fn fax(document: &Document, stream: &Stream) -> Option<Vec<u8>> {
    let parameters = match stream.dict.get_deref(b"DecodeParms", document).ok() {
        Some(Object::Array(list)) => list.first().and_then(|first| first.as_dict().ok()),
        Some(object) => object.as_dict().ok(),
        None => None,
    };
    let k = parameters.and_then(|found| number(found, b"K", document)).unwrap_or(0);
    let black_is_one = parameters
        .and_then(|found| found.get_deref(b"BlackIs1", document).and_then(Object::as_bool).ok())
        .unwrap_or(false);
    let (width, height) = dimensions(stream, document)?;
    let compression = if k < 0 { 4 } else { 3 };
    let length = u32::try_from(stream.content.len()).ok()?;
    let tags: [(u16, u32); 9] = [
        (256, u32::try_from(width).ok()?),
        (257, u32::try_from(height).ok()?),
        (258, 1),
        (259, compression),
        // The codes say black and white; `BlackIs1` only turns what comes out.
        (262, u32::from(black_is_one && k >= 0)),
        (273, 8 + 2 + 9 * 12 + 4),
        (277, 1),
        (278, u32::try_from(height).ok()?),
        (279, length),
    ];
    let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, value) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(4_u16.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(&stream.content);
    Some(file)
}

/// Unpacked pixels as PNM; the number of bytes says how many belong to one pixel.
fn plain(document: &Document, stream: &Stream, limit: usize) -> Option<Vec<u8>> {
    let (width, height) = dimensions(stream, document)?;
    let bits = number(&stream.dict, b"BitsPerComponent", document).unwrap_or(1);
    let points = stream.get_plain_content_with_limit(limit).ok()?;
    let area = usize::try_from(width.checked_mul(height)?).ok()?;
    let row = usize::try_from(width.div_ceil(8)).ok()?;
    let (head, body) = match bits {
        // One is white in a PDF and black in a PBM.
        1 => {
            let length = row.checked_mul(usize::try_from(height).ok()?)?;
            (format!("P4\n{width} {height}\n"), points.get(..length)?.iter().map(|byte| !byte).collect())
        }
        8 if points.len() < area => return None,
        8 if points.len() / area >= 4 => {
            // Four inks: what is left white by all of them is bright.
            let grey = |ink: &[u8]| 255 - ink.iter().fold(0, |sum: u8, part| sum.saturating_add(*part));
            (format!("P5\n{width} {height}\n255\n"), points.chunks_exact(4).take(area).map(grey).collect())
        }
        8 if points.len() / area == 3 => (format!("P6\n{width} {height}\n255\n"), points.get(..area * 3)?.to_vec()),
        8 => match palette(document, stream) {
            Some(palette) => {
                let colour = |point: &u8| palette.get(usize::from(*point) * 3..usize::from(*point) * 3 + 3);
                let colours = points.iter().take(area).flat_map(|point| colour(point).unwrap_or(&[255; 3]).to_vec());
                (format!("P6\n{width} {height}\n255\n"), colours.collect())
            }
            None => (format!("P5\n{width} {height}\n255\n"), points.get(..area)?.to_vec()),
        },
        _ => return None,
    };
    let body: Vec<u8> = body;
    Some([head.into_bytes(), body].concat())
}

/// The colours of an indexed space over three components (§8.6.6.3).
fn palette(document: &Document, stream: &Stream) -> Option<Vec<u8>> {
    let space = stream.dict.get_deref(b"ColorSpace", document).and_then(Object::as_array).ok()?;
    if space.first()?.as_name().ok()? != b"Indexed" {
        return None;
    }
    let (_, table) = document.dereference(space.get(3)?).ok()?;
    let table = match table {
        Object::String(bytes, _) => bytes.clone(),
        Object::Stream(stream) => stream.get_plain_content_with_limit(4 << 10).ok()?,
        _ => return None,
    };
    let highest = usize::try_from(space.get(2)?.as_i64().ok()?).ok()?;
    (table.len() >= (highest.min(255) + 1) * 3).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    #[test]
    fn a_page_is_told_from_a_logo() {
        let png = |width: u32, height: u32| {
            let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
            bytes.extend(width.to_be_bytes());
            bytes.extend(height.to_be_bytes());
            bytes
        };
        let jpeg = b"\xFF\xD8\xFF\xE0\x00\x04ab\xFF\xC2\x00\x0B\x08\x04\x91\x03\x3A\x01\x01\x11\x00";
        let rows: &[(&'static str, &[u8], usize)] = &[
            ("png", &png(827, 1169), 1),
            ("png", &png(120, 60), 0),
            ("png", &png(10_000, 20), 0),
            ("png", &png(100_000, 100_000), 0),
            ("png", b"\x89PNG\r\n\x1a\n", 0),
            ("jpeg", jpeg, 1),
            ("jpeg", b"\xFF\xD8\xFF\xE0\x00\x00", 0),
        ];
        for (kind, bytes, count) in rows {
            let (extract, _) = read_alone(kind, bytes, |opening| {
                file(opening);
                Ok(())
            });
            assert_eq!(extract.pictures.len(), *count, "{kind} of {} bytes", bytes.len());
        }
    }
}
