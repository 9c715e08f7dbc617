// SPDX-License-Identifier: EUPL-1.2
//! Numbers and texts as few bytes: seven bits of a number each, the last without the eighth.

pub fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// `None` where the bytes end, or are no number of 64 bits.
pub fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(bytes)?;
        number |= u64::from(byte & 0x7f).checked_mul(1 << shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub fn read_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let length = usize::try_from(read_number(bytes)?).ok()?;
    std::str::from_utf8(read_slice(bytes, length)?).ok()
}

pub fn read_slice<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (slice, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(slice)
}

pub fn read_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        numbers.iter().for_each(|number| write_number(*number, &mut out));
        write_text("déjà", &mut out);
        let mut bytes = out.as_slice();
        assert!(numbers.iter().all(|number| read_number(&mut bytes) == Some(*number)));
        assert_eq!((read_text(&mut bytes), bytes.len()), (Some("déjà"), 0));
        assert_eq!((read_number(&mut bytes), read_byte(&mut bytes)), (None, None));
        assert_eq!(read_number(&mut &[0xff; 11][..]), None, "more than 64 bits");
        assert_eq!(read_text(&mut &[9, b'a'][..]), None, "longer than there is");
    }
}
