// SPDX-License-Identifier: EUPL-1.2
//! Compressed RTF of Outlook (MS-OXRTFCP).

/// The dictionary every compressor begins with (§3.1.1.1.1 of MS-OXRTFCP).
const START: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

const WINDOW: usize = 4096;

/// Unpacks to RTF, at most `limit` bytes. `None` where the header is not one.
pub(super) fn unpack(packed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let kind = packed.get(8..12)?;
    let body = packed.get(16..)?;
    if kind == b"MELA" {
        return Some(body.get(..limit).unwrap_or(body).to_vec());
    }
    if kind != b"LZFu" {
        return None;
    }
    let mut window = [b' '; WINDOW];
    for (slot, byte) in window.iter_mut().zip(START) {
        *slot = *byte;
    }
    let mut at = START.len();
    let mut out = Vec::new();
    let mut bytes = body.iter().copied();
    let mut write = |byte: u8, window: &mut [u8; WINDOW], out: &mut Vec<u8>| {
        if let Some(slot) = window.get_mut(at % WINDOW) {
            *slot = byte;
        }
        at = (at + 1) % WINDOW;
        out.push(byte);
        at
    };
    let mut position = START.len();
    'runs: while let Some(control) = bytes.next() {
        for bit in 0..8 {
            if out.len() >= limit {
                break 'runs;
            }
            if control >> bit & 1 == 0 {
                let Some(byte) = bytes.next() else { break 'runs };
                position = write(byte, &mut window, &mut out);
                continue;
            }
            let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else { break 'runs };
            let token = usize::from(high) << 8 | usize::from(low);
            let (offset, length) = (token >> 4, (token & 0xF) + 2);
            // A reference to the place being written ends the text.
            if offset == position {
                break 'runs;
            }
            for step in 0..length {
                let byte = window.get((offset + step) % WINDOW).copied().unwrap_or(b' ');
                position = write(byte, &mut window, &mut out);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        // MS-OXRTFCP §4.1.1
        let packed = [
            0x2d, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x00, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00,
            0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09,
            0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
        ];
        let rtf = unpack(&packed, 1000).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&rtf), "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    }
}
