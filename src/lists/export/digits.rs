// SPDX-License-Identifier: EUPL-1.2
//! Identifiers that nobody has, of the shape of those that are there, with the check digits that their column has.

use super::Draw;

/// How the last digits of an identifier follow from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Two digits: 97 less the others modulo 97 (French NIR, INSEE; Belgian national number, BCSS).
    Mod97,
    /// One digit, ISO/IEC 7812-1 annex B: cards, SIREN.
    Luhn,
    /// Dutch BSN: the sum of 9·a + 8·b + … + 2·h − i is a multiple of 11 (RvIG).
    Eleven,
}

const CHECKS: [Check; 3] = [Check::Mod97, Check::Luhn, Check::Eleven];
/// Part of a column's values that must have check digits: nine of ten, as chance gives one in ten.
const MOST: (usize, usize) = (9, 10);

impl Check {
    /// What a column's values have in common.
    pub fn of<'v>(values: impl Iterator<Item = &'v str> + Clone) -> Option<Check> {
        let count = values.clone().count();
        let holds = |check: &Check| {
            values.clone().filter(|value| check.holds(&digits(value))).count() * MOST.1 >= count * MOST.0
        };
        (count >= 8).then(|| CHECKS.into_iter().find(holds)).flatten()
    }

    fn holds(self, digits: &[u8]) -> bool {
        self.mended(digits).is_some_and(|mended| mended == digits)
    }

    /// The same with its check digits put right; `None` where it is too short, or no digit fits.
    fn mended(self, digits: &[u8]) -> Option<Vec<u8>> {
        let mut mended = digits.to_vec();
        let count = mended.len();
        match self {
            Check::Mod97 => {
                let body = count.checked_sub(2).filter(|body| (6..=16).contains(body))?;
                let rest = digits[..body].iter().fold(0_u64, |sum, digit| (sum * 10 + u64::from(*digit)) % 97);
                let check = 97 - rest;
                (mended[body], mended[body + 1]) = ((check / 10) as u8, (check % 10) as u8);
            }
            Check::Luhn => {
                let body = count.checked_sub(1).filter(|body| *body >= 7)?;
                let sum: u32 = digits[..body]
                    .iter()
                    .rev()
                    .enumerate()
                    .map(|(at, digit)| {
                        let doubled = u32::from(*digit) * if at % 2 == 0 { 2 } else { 1 };
                        doubled / 10 + doubled % 10
                    })
                    .sum();
                mended[body] = ((10 - sum % 10) % 10) as u8;
            }
            Check::Eleven => {
                if count != 9 {
                    return None;
                }
                let sum: u32 =
                    digits[..8].iter().zip((2..=9).rev()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
                mended[8] = u8::try_from(sum % 11).ok().filter(|check| *check < 10)?;
            }
        }
        Some(mended)
    }
}

/// A value like those of a column that has a value for each row: the head of one, the tail of another.
pub fn invent(
    values: &[&str],
    check: Option<Check>,
    draw: &mut Draw,
    is_taken: &dyn Fn(&str) -> bool,
) -> Option<String> {
    for turn in 0..64 {
        let head = *draw.of(values)?;
        let alike: Vec<&&str> = values.iter().filter(|value| shape(value) == shape(head)).collect();
        let tail = **draw.of(&alike)?;
        let letters: Vec<char> = head.chars().collect();
        // Behind a border in the value if it has one, as the hour of a moment; then anywhere in its second half.
        let border = letters.iter().rposition(|c| !c.is_alphanumeric()).map(|at| at + 1);
        let cut = match border {
            Some(border) if turn % 2 == 0 => border,
            _ => letters.len() / 2 + draw.below(letters.len() as u64 / 2 + 1) as usize,
        };
        let cut = cut.min(letters.len());
        let joined: String = letters[..cut].iter().copied().chain(tail.chars().skip(cut)).collect();
        let value =
            check.map_or(Some(joined.clone()), |check| Some(with_digits(&joined, &check.mended(&digits(&joined))?)));
        if let Some(value) = value.filter(|value| !is_taken(value)) {
            return Some(value);
        }
    }
    None
}

/// A number between two others, written as they are; `None` where there is no room.
pub fn between(above: &str, below: Option<&str>, draw: &mut Draw) -> Option<String> {
    let (prefix, low) = tail_number(above)?;
    let high = match below {
        Some(below) => {
            let (other, high) = tail_number(below)?;
            if other != prefix || high < low { low.saturating_add(2) } else { high }
        }
        None => low.checked_add(2)?,
    };
    let room = high.checked_sub(low)?.checked_sub(1).filter(|room| *room > 0)?;
    let width = above.len() - prefix.len();
    Some(format!("{prefix}{:0width$}", low + 1 + draw.below(room)))
}

fn tail_number(text: &str) -> Option<(&str, u64)> {
    let text = text.trim();
    let start = text
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    Some((&text[..start], text[start..].parse().ok()?))
}

fn shape(value: &str) -> Vec<u8> {
    value
        .chars()
        .map(|c| match c {
            c if c.is_ascii_digit() => b'9',
            c if c.is_alphabetic() => b'a',
            c => {
                if c.is_ascii() {
                    c as u8
                } else {
                    b'?'
                }
            }
        })
        .collect()
}

fn digits(value: &str) -> Vec<u8> {
    value.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect()
}

fn with_digits(value: &str, digits: &[u8]) -> String {
    let mut digits = digits.iter();
    value
        .chars()
        .map(|c| if c.is_ascii_digit() { digits.next().map_or(c, |digit| char::from(b'0' + digit)) } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_known_and_kept() {
        // Made up; the digits at the end are what the rules give.
        for (check, sample) in
            [(Check::Mod97, "285057800608491"), (Check::Luhn, "732829320"), (Check::Eleven, "111222333")]
        {
            assert!(check.holds(&check.mended(&digits(sample)).unwrap()));
            let values: Vec<String> = (0..60_u64)
                .filter_map(|n| {
                    let text = format!(
                        "{:0width$}",
                        185_057_800_608_400_u64 / 10_u64.pow(15 - sample.len() as u32) + n * 7919,
                        width = sample.len()
                    );
                    Some(with_digits(&text, &check.mended(&digits(&text))?))
                })
                .collect();
            assert_eq!(Check::of(values.iter().map(String::as_str)), Some(check));
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let new = invent(&values, Some(check), &mut Draw::new(&[3; 32]), &|value| values.contains(&value)).unwrap();
            assert!(check.holds(&digits(&new)) && new.len() == sample.len() && !values.contains(&new.as_str()));
        }
        assert_eq!(Check::of((0..20).map(|_| "123456789")), None);
    }

    #[test]
    fn numbers_fit_between_their_neighbours() {
        let mut draw = Draw::new(&[1; 32]);
        assert_eq!(between("A-0004", Some("A-0006"), &mut draw).unwrap(), "A-0005");
        assert_eq!(between("4", Some("5"), &mut draw), None);
        assert_eq!(between("4", None, &mut draw).unwrap(), "5");
        assert_eq!(between("x", Some("y"), &mut draw), None);
    }
}
