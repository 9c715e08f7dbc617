// SPDX-License-Identifier: EUPL-1.2
//! Identification numbers of persons and their check digits. A number that no checksum proves needs a word next to it.

/// French NIR, 15 digits as written with its key; `a`/`b` stand for Corsica (décret 82-103: key = 97 − n mod 97,
/// with 2A as 19 and 2B as 18).
pub fn is_nir(text: &str) -> bool {
    let compact: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    if compact.len() != 15 {
        return false;
    }
    let mut digits = String::new();
    for (at, byte) in compact[..13].iter().enumerate() {
        match (at, byte.to_ascii_lowercase()) {
            (6, b'a') => digits.replace_range(5.., "19"),
            (6, b'b') => digits.replace_range(5.., "18"),
            (_, byte) if byte.is_ascii_digit() => digits.push(byte as char),
            _ => return false,
        }
    }
    let number = digits.parse::<u64>().unwrap_or(0);
    let key = std::str::from_utf8(&compact[13..]).ok().and_then(|key| key.parse::<u64>().ok());
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let sex = matches!(digits.as_bytes()[0], b'1' | b'2' | b'3' | b'4' | b'7' | b'8');
    // Months beyond 12 are pseudo-months of incomplete civil status: 20 to 42 and 50 to 99.
    let month = matches!(part(3, 5), 1..=12 | 20..=42 | 50..=99);
    let place = part(5, 7) > 0 && part(10, 13) > 0;
    sex && month && place && number > 0 && key == Some(97 - number % 97)
}

/// Dutch BSN: the "elfproef", weights 9 to 2 and −1 (Wet algemene bepalingen burgerservicenummer).
pub fn is_bsn(text: &str) -> bool {
    let digits: Vec<i32> = text.bytes().filter(u8::is_ascii_digit).map(|b| i32::from(b - b'0')).collect();
    if digits.len() != 9 || digits.iter().all(|d| *d == digits[0]) {
        return false;
    }
    let sum: i32 = digits.iter().zip([9, 8, 7, 6, 5, 4, 3, 2, -1]).map(|(digit, weight)| digit * weight).sum();
    sum % 11 == 0
}

/// Belgian national number: 97 − n mod 97, with a 2 before the nine digits for births from 2000
/// (arrêté royal of 3 April 1984). Months 20 and 40 higher are bis numbers.
pub fn is_nrn(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 11 {
        return false;
    }
    let (Ok(number), Ok(check)) = (digits[..9].parse::<u64>(), digits[9..].parse::<u64>()) else { return false };
    let part = |from: usize, to: usize| digits[from..to].parse::<u32>().unwrap_or(99);
    let (month, day) = (part(2, 4) % 20, part(4, 6));
    let plausible = part(2, 4) <= 52 && month <= 12 && day <= 31 && part(6, 9) > 0 && number > 0;
    plausible && (97 - number % 97 == check || 97 - (2_000_000_000 + number) % 97 == check)
}

/// Lengths by country (ISO 13616 registry): Europe, the Maghreb and the Near East.
const IBAN_LENGTHS: &[(&str, usize)] = &[
    ("ad", 24),
    ("ae", 23),
    ("al", 28),
    ("at", 20),
    ("az", 28),
    ("ba", 20),
    ("be", 16),
    ("bg", 22),
    ("bh", 22),
    ("by", 28),
    ("ch", 21),
    ("cy", 28),
    ("cz", 24),
    ("de", 22),
    ("dk", 18),
    ("ee", 20),
    ("eg", 29),
    ("es", 24),
    ("fi", 18),
    ("fo", 18),
    ("fr", 27),
    ("gb", 22),
    ("ge", 22),
    ("gi", 23),
    ("gl", 18),
    ("gr", 27),
    ("hr", 21),
    ("hu", 28),
    ("ie", 22),
    ("il", 23),
    ("iq", 23),
    ("is", 26),
    ("it", 27),
    ("jo", 30),
    ("kw", 30),
    ("kz", 20),
    ("lb", 28),
    ("li", 21),
    ("lt", 20),
    ("lu", 20),
    ("lv", 21),
    ("ly", 25),
    ("ma", 28),
    ("mc", 27),
    ("md", 24),
    ("me", 22),
    ("mk", 19),
    ("mr", 27),
    ("mt", 31),
    ("mu", 30),
    ("nl", 18),
    ("no", 15),
    ("pk", 24),
    ("pl", 28),
    ("ps", 29),
    ("pt", 25),
    ("qa", 29),
    ("ro", 24),
    ("rs", 22),
    ("sa", 24),
    ("se", 24),
    ("si", 19),
    ("sk", 24),
    ("sm", 27),
    ("tn", 24),
    ("tr", 26),
    ("ua", 29),
    ("va", 22),
    ("vg", 24),
    ("xk", 20),
];

/// The length of an IBAN of that country, if there is one.
pub fn iban_length(country: &str) -> Option<usize> {
    IBAN_LENGTHS.iter().find(|(code, _)| *code == country).map(|(_, length)| *length)
}

/// ISO 13616: length by country, mod 97 of the rearranged number is 1.
pub fn is_iban(compact: &str) -> bool {
    let bytes = compact.as_bytes();
    let fits =
        compact.is_ascii() && bytes.len() >= 15 && iban_length(&compact[..2].to_ascii_lowercase()) == Some(bytes.len());
    if !fits || !bytes[2..4].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut remainder: u32 = 0;
    for byte in bytes[4..].iter().chain(&bytes[..4]) {
        let value = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => u32::from(digit - b'0'),
            letter @ b'a'..=b'z' => u32::from(letter - b'a') + 10,
            _ => return false,
        };
        remainder = if value > 9 { (remainder * 100 + value) % 97 } else { (remainder * 10 + value) % 97 };
    }
    remainder == 1
}

/// ISO/IEC 7812: an issuer that exists, and Luhn's sum.
pub fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.bytes().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0')).collect();
    let head = digits.iter().take(4).fold(0, |head, digit| head * 10 + digit);
    let issuer = match digits.len() {
        15 => matches!(head / 100, 34 | 37),
        16 => {
            head / 1000 == 4 || matches!(head / 100, 51..=55 | 65) || matches!(head, 2221..=2720 | 6011 | 3528..=3589)
        }
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { digit * 2 % 10 + digit * 2 / 10 } else { *digit })
        .sum();
    issuer && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

/// ICAO 9303 part 3: weights 7, 3, 1; letters count from 10, `<` is 0.
fn mrz_digit(field: &[u8]) -> Option<u8> {
    let mut sum = 0;
    for (byte, weight) in field.iter().zip([7u32, 3, 1].into_iter().cycle()) {
        let value = match byte {
            b'0'..=b'9' => u32::from(byte - b'0'),
            b'A'..=b'Z' => u32::from(byte - b'A') + 10,
            b'<' => 0,
            _ => return None,
        };
        sum += value * weight;
    }
    // A remainder of 10 is one digit.
    Some(b'0' + (sum % 10) as u8)
}

/// The second line of a passport's machine-readable zone (44 characters): number, birth and expiry check out.
pub fn is_mrz(line: &str) -> bool {
    let line = line.as_bytes();
    let checks = |from: usize, to: usize| {
        line.get(from..to).and_then(mrz_digit).is_some_and(|digit| line.get(to) == Some(&digit))
    };
    match line.len() {
        44 => checks(0, 9) && checks(13, 19) && checks(21, 27),
        36 => checks(0, 9) && checks(13, 19) && checks(21, 27),
        // The second line of an identity card (30 characters): birth and expiry.
        30 => line.contains(&b'<') && checks(0, 6) && checks(8, 14),
        _ => false,
    }
}

/// French account number (RIB): bank, branch, account and key, of which key = 97 - (89 bank + 15 branch + 3 account) mod 97
/// (Comité français d'organisation et de normalisation bancaires, 1983). Letters of the account count as digits.
pub fn is_rib(text: &str) -> bool {
    let letters: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
    let digit = |b: &u8| match b {
        b'0'..=b'9' => u64::from(b - b'0'),
        b'A'..=b'I' => u64::from(b - b'A') + 1,
        b'J'..=b'R' => u64::from(b - b'J') + 1,
        _ => u64::from(b.saturating_sub(b'S')) + 2,
    };
    let number = |range: std::ops::Range<usize>| letters[range].iter().fold(0, |sum, b| sum * 10 + digit(b));
    if letters.len() != 23 {
        return false;
    }
    let (bank, branch, account, key) = (number(0..5), number(5..10), number(10..21), number(21..23));
    // One digit over and over is a form to fill in.
    let several = letters.iter().any(|b| *b != letters[0]);
    several && bank > 0 && (89 * bank + 15 * branch + 3 * account + key) % 97 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of our own making in ranges that no register hands out, with right check digits.
    #[test]
    fn check_digits_are_checked() {
        assert!(is_nir("1 89 09 35 261 240 07"));
        assert!(!is_nir("1 89 09 35 261 240 08"));
        assert!(!is_nir("175028309328711"));
        let corsica = (0..97).map(|key| format!("2 60 05 2A 004 018 {key:02}")).filter(|nir| is_nir(nir)).count();
        assert_eq!(corsica, 1);
        assert!(is_bsn("926936748"));
        assert!(!is_bsn("123456789"));
        assert!(!is_bsn("000000000"));
        assert!(is_nrn("77.04.24-588.46"));
        assert!(!is_nrn("70.07.02-288.08"));
        assert!(is_iban("GB82WEST12345698765432"));
        assert!(!is_iban("GB82WEST12345698765433"));
        assert!(!is_iban("FR7899061765521883481748659"));
        assert!(is_card("4111 1111 1111 1111"));
        assert!(!is_card("4111 1111 1111 1112"));
        assert!(is_mrz("L898902C36UTO7408122F1204159ZE184226B<<<<<10"));
        assert!(!is_mrz("L898902C37UTO7408122F1204159ZE184226B<<<<<10"));
    }

    #[test]
    fn nothing_breaks_on_nonsense() {
        for text in ["", "é", "aaaaaaaaaaaaaaa", "2a", "fr", "éééééééééééééééé", "<<<<", "99999999999999999999"]
        {
            let _ = (is_nir(text), is_bsn(text), is_nrn(text), is_iban(text), is_card(text), is_mrz(text));
        }
    }

    #[test]
    fn accounts_without_iban_have_a_key() {
        assert!(is_rib("20041 01005 0500013M026 06"));
        assert!(!is_rib("20041 01005 0500013M026 07"));
        assert!(!is_rib("00000 00000 00000000000 00"));
    }
}
