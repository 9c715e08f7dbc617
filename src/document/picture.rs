// SPDX-License-Identifier: EUPL-1.2
//! Picture files that may show text, turned upright for a reader of pictures; `worker` runs that reader. Pages of a PDF
//! that are pictures are put together by `pdf_raster`.

use serde::{Deserialize, Serialize};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::opening::Opening;

/// A picture handed out for reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where its text will stand: `#page1` …
    pub place: String,
    /// Length of the content, bytes.
    pub length: usize,
    /// The page has text of its own beside the picture.
    #[serde(default)]
    pub has_text: bool,
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
        let content = upright(opening.kind, bytes).unwrap_or_else(|| bytes.to_vec());
        hand_out("#page1".into(), content, false, opening);
    }
}

pub(super) fn is_page(width: u64, height: u64) -> bool {
    width.min(height) >= SIDE && POINTS.contains(&width.saturating_mul(height))
}

/// `has_text`: its page has text of its own, so that nothing need be said where it stays unread.
pub(super) fn hand_out(place: String, content: Vec<u8>, has_text: bool, opening: &mut Opening<'_>) {
    let length = content.len();
    let is_over = opening.budget.pictures == 0 || length > opening.budget.picture_bytes;
    if is_over || opening.budget.spend(length).is_err() {
        opening.budget.left_out = true;
        if !has_text {
            opening.extract.note_unseen("unread");
        }
        return;
    }
    opening.budget.pictures -= 1;
    opening.budget.picture_bytes -= length;
    opening.extract.pictures.push(Picture { place, length: content.len(), has_text, content });
}

/// Width and height by the formats' own headers.
fn size(kind: &str, bytes: &[u8]) -> Option<(u64, u64)> {
    let be = |at: usize| Some(u64::from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
    let le32 = |at: usize| Some(u64::from(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?).unsigned_abs()));
    let le16 = |at: usize| Some(u64::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    match kind {
        "png" => Some((be(16)?, be(20)?)),
        "gif" => Some((le16(6)?, le16(8)?)),
        "jpeg" => jpeg(bytes),
        "bmp" => Some((le32(18)?, le32(22)?)),
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

/// A photograph that says how it was held (Exif 2.3 §4.6.4, tag 274), turned as it is shown, in shades of grey. Nothing
/// where it is upright, or is not understood.
fn upright(kind: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let orientation = exif(bytes).filter(|turned| kind == "jpeg" && (2..=8).contains(turned))?;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let points = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    if points.len() != width * height {
        return None;
    }
    let is_turned = orientation >= 5;
    let (across, down) = if is_turned { (height, width) } else { (width, height) };
    let mut file = format!("P5\n{across} {down}\n255\n").into_bytes();
    file.reserve(points.len());
    for y in 0..down {
        for x in 0..across {
            let (right, below) = (across - 1 - x, down - 1 - y);
            let (column, row) = match orientation {
                2 => (right, y),
                3 => (right, below),
                4 => (x, below),
                5 => (y, x),
                6 => (y, right),
                7 => (below, right),
                _ => (below, x),
            };
            file.push(points.get(row * width + column).copied().unwrap_or(255));
        }
    }
    Some(file)
}

/// The orientation in the first Exif segment.
fn exif(bytes: &[u8]) -> Option<u16> {
    let head = bytes.get(..bytes.len().min(128 << 10))?;
    let tiff = head.get(memchr::memmem::find(head, b"Exif\0\0")? + 6..)?;
    let is_little = tiff.starts_with(b"II");
    let u16_at = |at: usize| {
        let pair = tiff.get(at..at + 2)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let u32_at = |at: usize| {
        let four = tiff.get(at..at + 4)?.try_into().ok()?;
        Some(if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?.min(1 << 20);
    let entries = usize::from(u16_at(directory)?.min(200));
    let entry = (0..entries).map(|entry| directory + 2 + entry * 12).find(|at| u16_at(*at) == Some(274))?;
    u16_at(entry + 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    /// A photograph of 16 by 24 points, its upper left corner dark, that says how it was held.
    fn held(orientation: u8, big: bool) -> Vec<u8> {
        let photograph = [
            "ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f",
            "626768673e4d71797064785c656763ffc0000b080018001001011100ffc400160001010100000000000000000000000000000708ffc4",
            "0014100100000000000000000000000000000000ffda0008010100003f009fb40003ffd9",
        ];
        let digits = photograph.concat();
        let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        let mut bytes = b"\xFF\xD8\xFF\xE1\0\x22Exif\0\0".to_vec();
        let (head, value): (&[u8], _) = if big {
            (b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", [0, orientation])
        } else {
            (b"II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", [orientation, 0])
        };
        bytes.extend(head);
        bytes.extend(value);
        bytes.extend([0; 6]);
        bytes.extend((0..digits.len()).step_by(2).map(octet));
        bytes
    }

    #[test]
    fn a_photograph_is_turned_as_it_was_held() {
        // Width, and the corner that is dark: above or below, left or right.
        let rows = [
            (2, 16, "above right"),
            (3, 16, "below right"),
            (4, 16, "below left"),
            (5, 24, "above left"),
            (6, 24, "above right"),
            (7, 24, "below right"),
            (8, 24, "below left"),
        ];
        for (orientation, wide, corner) in rows {
            for big in [false, true] {
                let file = upright("jpeg", &held(orientation, big)).expect("a photograph that is turned");
                let head = format!("P5\n{wide} {}\n255\n", 40 - wide);
                let points = file.strip_prefix(head.as_bytes()).expect("its size");
                let dark = points.iter().position(|point| *point < 64).expect("a dark point");
                let column = if dark % wide < 8 { "left" } else { "right" };
                let row = if dark / wide < 8 { "above" } else { "below" };
                assert_eq!(format!("{row} {column}"), corner, "{orientation}");
            }
        }
        for orientation in [0, 1, 9] {
            assert_eq!(upright("jpeg", &held(orientation, true)), None, "{orientation}");
        }
        assert_eq!(upright("png", &held(6, true)), None);
    }

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
