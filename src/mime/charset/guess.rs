// SPDX-License-Identifier: EUPL-1.2
//! What bytes say of their charset themselves: marks, patterns, and what each candidate would make of the letters.

use encoding_rs::{
    Encoding, IBM866, ISO_8859_6, KOI8_R, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1253, WINDOWS_1255, WINDOWS_1256,
};

use super::known::{Charset, page};

/// Bytes looked at for a guess among charsets of single bytes.
pub(super) const SAMPLE: usize = 64 << 10;

/// Wide letters by their mark, or by the zeros and block numbers that stand at every other place.
pub(super) fn wide(bytes: &[u8]) -> Option<Charset> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] => return Some(Charset::Wide32(true)),
        [0, 0, 0xFE, 0xFF, ..] => return Some(Charset::Wide32(false)),
        _ => {}
    }
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding != UTF_8).then_some(Charset::Known(encoding));
    }
    let head = bytes.get(..512).unwrap_or(bytes);
    if head.len() < 6 {
        return None;
    }
    // Signs of the blocks that our letters stand in, which text of single bytes does not hold: Latin, Greek,
    // Cyrillic, Hebrew, Arabic.
    let blocks = |from: usize, step: usize| head.iter().skip(from).step_by(step).filter(|b| **b <= 6).count();
    let quarter = head.len() / 4;
    if quarter >= 3 {
        let (at, zeros) = ([0, 1, 2, 3].map(|from| blocks(from, 4)), |b: &&u8| **b == 0);
        let zero = |from: usize| head.iter().skip(from).step_by(4).filter(zeros).count();
        if at[1] * 10 > quarter * 9 && zero(2) == quarter && zero(3) == quarter && at[0] * 5 < quarter {
            return Some(Charset::Wide32(true));
        }
        if at[2] * 10 > quarter * 9 && zero(0) >= quarter && zero(1) >= quarter && at[3] * 5 < quarter {
            return Some(Charset::Wide32(false));
        }
    }
    let (even, odd, half) = (blocks(0, 2), blocks(1, 2), head.len() / 2);
    let encoding = if odd * 10 > half * 7 && even * 10 < half {
        UTF_16LE
    } else if even * 10 > half * 7 && odd * 10 < half {
        UTF_16BE
    } else {
        return None;
    };
    // Tables of small numbers look the same, until they are read as letters.
    let text = encoding.decode_without_bom_handling(head).0;
    let control = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    (control * 10 < half).then_some(Charset::Known(encoding))
}

/// UTF-8, or UTF-8 with a few broken places: cut in a letter, or pasted together.
pub(super) fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad, mut is_cut, mut rest) = (0usize, 0usize, false, bytes);
    let many = |valid: &[u8]| valid.iter().filter(|b| **b >= 0xC0).count();
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => {
                good += many(rest);
                break;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                good += many(valid);
                let Some(length) = error.error_len() else {
                    is_cut = true;
                    break;
                };
                bad += 1;
                if bad > 1_000 {
                    break;
                }
                rest = after.get(length..).unwrap_or_default();
            }
        }
    }
    // A letter cut at the end, and none before it, is a letter of one octet.
    bad == 0 && !(is_cut && good == 0) || good > bad * 4
}

/// Letters that each script uses most; half of its texts are made of them.
const ARABIC: &str = "اليمونرتبةعدس";
const CYRILLIC: &str = "оеаинтсрвл";
const GREEK: &str = "αοιτεσνηυρ";
const HEBREW: &str = "יוהלאתרבשמ";

/// A charset of single bytes, by what the candidates make of the letters.
pub(super) fn guess(bytes: &[u8]) -> Charset {
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    let high = sample.iter().filter(|b| **b >= 0x80).count();
    let low = sample.iter().filter(|b| b.is_ascii_alphabetic()).count();
    // Latin text has few letters above ASCII; a text where they come in whole words is of another script.
    let in_runs =
        |least: usize| sample.split(|b| *b < 0x80).filter(|run| run.len() >= least).map(<[u8]>::len).sum::<usize>();
    if in_runs(3) * 10 > high * 6 || high > low && in_runs(2) * 10 > high * 9 {
        let others = [
            (Charset::Known(WINDOWS_1256), ARABIC),
            (Charset::Known(ISO_8859_6), ARABIC),
            (page("720").unwrap_or(Charset::Known(WINDOWS_1256)), ARABIC),
            (page("macarabic").unwrap_or(Charset::Known(WINDOWS_1256)), ARABIC),
            (Charset::Known(WINDOWS_1251), CYRILLIC),
            (Charset::Known(KOI8_R), CYRILLIC),
            (Charset::Known(IBM866), CYRILLIC),
            (Charset::Known(WINDOWS_1253), GREEK),
            (Charset::Known(WINDOWS_1255), HEBREW),
        ];
        let share = |(charset, letters): &(Charset, &str)| {
            charset.decode(sample).chars().filter(|c| letters.contains(c.to_lowercase().next().unwrap_or(*c))).count()
        };
        let mut best = (0, Charset::Known(WINDOWS_1256));
        for candidate in others {
            let count = share(&candidate);
            if count > best.0 {
                best = (count, candidate.0);
            }
        }
        if best.0 * 3 > high {
            return best.1;
        }
    }
    let mut best = (i64::MIN, Charset::Known(WINDOWS_1252));
    let latin = [Some(Charset::Known(WINDOWS_1252)), page("850"), Some(Charset::Known(MACINTOSH))];
    for candidate in latin.into_iter().flatten() {
        let score = latin_score(&candidate.decode(sample));
        if score > best.0 {
            best = (score, candidate);
        }
    }
    best.1
}

/// How well letters beyond ASCII sit in the words of a western language.
fn latin_score(text: &str) -> i64 {
    let mut score = 0;
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_ascii() {
            score += match c {
                'é' | 'è' | 'à' | 'ê' | 'ç' | 'ù' | 'â' | 'î' | 'ô' | 'û' | 'ë' | 'ï' | 'ü' | 'ö' | 'ä' | 'ß' | 'É'
                | 'È' | 'À' | 'Ê' | 'Ç' | 'Ô' | 'Î' | 'Â' | 'Û' | 'Ë' | 'Ï' | 'Ü' | 'Ö' | 'Ä' | 'ñ' | 'á' | 'í'
                | 'ó' | 'œ' => 3,
                '’' | '‘' | '“' | '”' | '«' | '»' | '–' | '—' | '…' | '•' | '€' | '°' | '\u{a0}' | '§' | '²' => {
                    1
                }
                c if c.is_alphabetic() => -1,
                _ if before.is_alphabetic() => -3,
                _ => -1,
            };
            // A capital after a small letter of the same word.
            if c.is_uppercase() && before.is_lowercase() {
                score -= 3;
            }
        }
        before = c;
    }
    score
}
