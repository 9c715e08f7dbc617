// SPDX-License-Identifier: EUPL-1.2
//! Binary workbooks (MS-XLSB): records of an identifier and a length. Texts are taken from the records that hold them;
//! of the others, runs of letters within each record.

use super::DocumentError;
use super::letters;
use super::paragraphs::Pages;
use super::sheet::print_text;

/// The strings of `sharedStrings.bin` in their order.
pub(super) fn shared_strings(bytes: &[u8]) -> Vec<String> {
    // §2.4.747 BrtSSTItem: a flag, then the string.
    records(bytes).filter(|(id, _)| *id == 19).map(|(_, data)| string(data, 1).unwrap_or_default()).collect()
}

/// A sheet, its comments, or the workbook: cells in rows, headers and footers, names. `limit` bounds the text of cells.
pub(super) fn read(
    bytes: &[u8],
    place: &str,
    shared: &[String],
    pages: &mut Pages,
    limit: usize,
) -> Result<(), DocumentError> {
    let mut row = String::new();
    let mut written = 0;
    for (id, data) in records(bytes) {
        let cell = match id {
            // §2.4.743 BrtRowHdr.
            0 => {
                pages.line(place, row.trim_end());
                row.clear();
                continue;
            }
            // BrtCellRk, BrtCellReal, BrtCellSt, BrtCellIsst, BrtFmlaString: eight octets of place and style before.
            2 => rk(data),
            5 => data.get(8..16).and_then(|real| Some(f64::from_le_bytes(real.try_into().ok()?).to_string())),
            6 | 8 => string(data, 8),
            7 => little(data, 8).and_then(|index| shared.get(index)).cloned(),
            // §2.4.29 BrtBeginHeaderFooter: flags, then six strings that may be missing.
            479 => {
                let mut at = 2;
                for name in ["#header", "#footer", "#header", "#footer", "#header", "#footer"] {
                    match little(data, at) {
                        Some(0xFFFF_FFFF) => at += 4,
                        Some(length) => {
                            pages.line(name, &print_text(&string(data, at).unwrap_or_default()));
                            at += 4 + length.saturating_mul(2);
                        }
                        None => break,
                    }
                }
                continue;
            }
            // §2.4.320 BrtCommentText.
            637 => {
                pages.line("#comment", &string(data, 1).unwrap_or_default());
                continue;
            }
            _ => {
                let mut text = String::new();
                letters::wide(data, &mut text);
                pages.line("#hidden", &text);
                continue;
            }
        };
        if let Some(cell) = cell {
            written += cell.len();
            if written <= limit {
                row.push_str(cell.trim());
            }
        }
        row.push('\t');
    }
    pages.line(place, row.trim_end());
    if written > limit { Err(DocumentError::Budget) } else { Ok(()) }
}

/// §2.1.4: an identifier of one or two octets, a length of up to four; seven bits each.
fn records(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (id, after) = number(rest, 2)?;
        let (length, after) = number(after, 4)?;
        let (data, next) = after.split_at_checked(length as usize)?;
        rest = next;
        Some((id, data))
    })
}

fn number(bytes: &[u8], octets: usize) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (n, byte) in bytes.iter().take(octets).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * n);
        if byte & 0x80 == 0 || n + 1 == octets {
            return Some((value, bytes.get(n + 1..)?));
        }
    }
    None
}

/// §2.5.172 XLWideString.
fn string(data: &[u8], at: usize) -> Option<String> {
    let length = little(data, at)?;
    let octets = data.get(at + 4..)?.get(..length.checked_mul(2)?)?;
    Some(encoding_rs::UTF_16LE.decode_without_bom_handling(octets).0.into_owned())
}

/// §2.5.122 RkNumber.
fn rk(data: &[u8]) -> Option<String> {
    let rk = u32::try_from(little(data, 8)?).ok()?;
    let whole = if rk & 2 != 0 { f64::from(rk as i32 >> 2) } else { f64::from_bits(u64::from(rk & !3) << 32) };
    Some(if rk & 1 != 0 { whole / 100.0 } else { whole }.to_string())
}

fn little(data: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(data.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    fn record(id: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = if id < 128 { vec![id as u8] } else { vec![id as u8 | 0x80, (id >> 7) as u8] };
        bytes.push(data.len() as u8);
        bytes.extend(data);
        bytes
    }

    fn wide(text: &str) -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        [(units.len() as u32).to_le_bytes().to_vec(), units.iter().flat_map(|u| u.to_le_bytes()).collect()].concat()
    }

    #[test]
    fn strings_end_where_their_records_do() {
        let item = |text: &str| record(19, &[vec![0], wide(text)].concat());
        let strings = [record(159, &[0; 8]), item("DIFFUSION"), item("RESTREINTE"), record(160, &[])].concat();
        let shared = shared_strings(&strings);
        assert_eq!(shared, ["DIFFUSION", "RESTREINTE"]);
        let cell = |index: u8| record(7, &[&[0; 8][..], &[index, 0, 0, 0]].concat());
        let none = u32::MAX.to_le_bytes();
        let header = [&[0, 0][..], &wide("&CSECRET"), &none, &none, &none, &none, &none].concat();
        let sheet = [record(0, &[0; 8]), cell(0), cell(1), record(479, &header)].concat();
        let mut pages = Pages::new();
        assert_eq!(read(&sheet, "#sheet1", &shared, &mut pages, 1_000), Ok(()));
        let (extract, _) = read_alone("xlsx", b"", |opening| pages.write(opening));
        let texts: Vec<_> = extract.segments.iter().map(|s| (s.place.as_str(), s.text.as_str())).collect();
        assert_eq!(texts, [("#header", "SECRET\n"), ("#sheet1", "DIFFUSION\tRESTREINTE\n")]);
    }
}
