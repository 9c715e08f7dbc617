// SPDX-License-Identifier: EUPL-1.2
//! Undoes the encodings that carry octets as text: base64, quoted-printable, percent signs. Noise is passed over, as
//! mail programs do.

/// Undoes `%41` (RFC 3986 §2.1); what is not an escape stays.
pub fn percent_decoded(data: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(data.len());
    let mut at = 0;
    while at < data.len() {
        match (data[at], digit(data.get(at + 1)), digit(data.get(at + 2))) {
            // Two hexadecimal digits are at most 255.
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Decodes what can be decoded and passes over everything else, as mail programs do (RFC 2045 §6.8).
pub fn lenient_base64(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() / 4 * 3);
    let mut word = 0u32;
    let mut have = 0;
    for byte in input {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                have = flush(word, have, &mut out);
                word = 0;
                continue;
            }
            _ => continue,
        };
        word = word << 6 | u32::from(six);
        have += 1;
        if have == 4 {
            out.extend_from_slice(&word.to_be_bytes()[1..]);
            word = 0;
            have = 0;
        }
    }
    flush(word, have, &mut out);
    out
}

fn flush(word: u32, have: u32, out: &mut Vec<u8>) -> u32 {
    match have {
        2 => out.push((word >> 4) as u8),
        3 => out.extend_from_slice(&[(word >> 10) as u8, (word >> 2) as u8]),
        _ => {}
    }
    0
}

/// Undoes quoted-printable (RFC 2045 §6.7): soft breaks go, what is no escape stays.
pub fn lenient_quoted_printable(input: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'=' {
            out.push(*first);
            continue;
        }
        match (digit(after.first()), digit(after.get(1))) {
            // Two hexadecimal digits are at most 255.
            (Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
                match after.get(blanks) {
                    Some(b'\n') => rest = after.get(blanks + 1..).unwrap_or_default(),
                    None => rest = &[],
                    _ => out.push(b'='),
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_means_noise_is_passed_over() {
        assert_eq!(lenient_base64(b"SGVs\r\nbG8=!"), b"Hello");
        assert_eq!(lenient_base64(b"SGVsbG8"), b"Hello");
        assert_eq!(lenient_base64(b"===="), b"");
    }

    #[test]
    fn soft_breaks_go_and_what_is_no_escape_stays() {
        assert_eq!(lenient_quoted_printable(b"DIFF=\r\nUSION=20=C3=89 =zz = \n="), "DIFFUSION É =zz ".as_bytes());
    }
}
