// SPDX-License-Identifier: EUPL-1.2
//! Content streams of a PDF (ISO 32000-1 §7.8.2) as operators with their operands. What is no token is skipped, as
//! viewers do: a stray bracket must not hide the rest of a page.

/// Operands before an operator; more are dropped (annex C asks for fewer).
const OPERANDS: usize = 512;

/// Arrays and dictionaries inside each other.
const DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Number(f32),
    Name(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Operand>),
    Dictionary(Vec<(Vec<u8>, Operand)>),
    /// `true`, `false`, `null`.
    Other,
}

impl Operand {
    pub fn number(&self) -> Option<f32> {
        match self {
            Operand::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn name(&self) -> Option<&[u8]> {
        match self {
            Operand::Name(name) => Some(name),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Operand::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A dictionary's value.
    pub fn get(&self, key: &[u8]) -> Option<&Operand> {
        match self {
            Operand::Dictionary(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }
}

pub(super) struct Content<'a> {
    bytes: &'a [u8],
    at: usize,
    pub operands: Vec<Operand>,
}

impl<'a> Content<'a> {
    pub fn new(bytes: &'a [u8]) -> Content<'a> {
        Content { bytes, at: 0, operands: Vec::new() }
    }

    /// The next operator; its operands stand in `operands`. An inline image is `BI`, and the operator is then all of
    /// it, up to `EI`.
    pub fn operator(&mut self) -> Option<&'a [u8]> {
        self.operands.clear();
        loop {
            self.skip_blanks();
            let first = self.peek()?;
            if is_regular(first) && !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
                let start = self.at;
                let word = self.word();
                match word {
                    b"true" | b"false" | b"null" => self.push(Operand::Other),
                    b"BI" => {
                        self.skip_image();
                        return self.bytes.get(start..self.at);
                    }
                    word => return Some(word),
                }
            } else if let Some(operand) = self.operand(DEPTH) {
                self.push(operand);
            }
        }
    }

    fn push(&mut self, operand: Operand) {
        if self.operands.len() < OPERANDS {
            self.operands.push(operand);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            } else if is_blank(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// One operand, or nothing where the byte begins none. Always steps on.
    fn operand(&mut self, depth: usize) -> Option<Operand> {
        let first = self.peek()?;
        match first {
            b'(' => Some(Operand::Text(self.literal())),
            b'/' => {
                self.at += 1;
                Some(Operand::Name(name(self.word())))
            }
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                self.at += 2;
                let mut entries = Vec::new();
                let mut list = self.list(b'>', depth)?.into_iter();
                while let (Some(key), Some(value)) = (list.next(), list.next()) {
                    if let Operand::Name(key) = key {
                        entries.push((key, value));
                    }
                }
                Some(Operand::Dictionary(entries))
            }
            b'<' => Some(Operand::Text(self.hexadecimal())),
            b'[' => {
                self.at += 1;
                Some(Operand::Array(self.list(b']', depth)?))
            }
            _ if is_regular(first) => number(self.word()).map(Operand::Number),
            // A bracket that closes nothing.
            _ => {
                self.at += 1;
                None
            }
        }
    }

    /// Up to `]` or `>>`.
    fn list(&mut self, end: u8, depth: usize) -> Option<Vec<Operand>> {
        let mut list = Vec::new();
        if depth == 0 {
            return None;
        }
        loop {
            self.skip_blanks();
            let Some(first) = self.peek() else { return Some(list) };
            if first == end {
                self.at += if end == b'>' && self.bytes.get(self.at + 1) == Some(&b'>') { 2 } else { 1 };
                return Some(list);
            }
            if is_regular(first) && first.is_ascii_alphabetic() {
                let word = self.word();
                // An operator inside an array: the bracket was never closed.
                if end == b']' && matches!(word, b"TJ" | b"Tj" | b"ET" | b"Td" | b"Tm" | b"Tf") {
                    self.at -= word.len();
                    return Some(list);
                }
                list.push(Operand::Other);
            } else if let Some(operand) = self.operand(depth - 1) {
                list.push(operand);
            }
        }
    }

    /// `( … )` with escapes (§7.3.4.2).
    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut text = Vec::new();
        let mut open = 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\\' => {
                    self.escape(&mut text);
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                break;
            }
            text.push(byte);
        }
        text
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match byte {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'\r' if self.peek() == Some(b'\n') => self.at += 1,
            b'\r' | b'\n' => {}
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                text.push((code & 0xFF) as u8);
            }
            other => text.push(other),
        }
    }

    /// `< … >` (§7.3.4.3).
    fn hexadecimal(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut text = Vec::new();
        let mut half = None;
        while let Some(byte) = self.peek() {
            self.at += 1;
            let Some(digit) = (byte as char).to_digit(16) else {
                if byte == b'>' {
                    break;
                }
                continue;
            };
            match half.take() {
                Some(high) => text.push((high << 4 | digit) as u8),
                None => half = Some(digit),
            }
        }
        text.extend(half.map(|high| (high << 4) as u8));
        text
    }

    /// Past `EI` (§8.9.7): it stands between blanks, and what follows reads as content.
    fn skip_image(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let data = memchr::memmem::find(rest, b"ID").map_or(rest.len(), |at| at + 2);
        for at in memchr::memmem::find_iter(rest.get(data..).unwrap_or_default(), b"EI").map(|at| at + data) {
            let after = rest.get(at + 2..).unwrap_or_default();
            let apart = at.checked_sub(1).and_then(|before| rest.get(before)).copied().is_none_or(is_blank)
                && after.first().copied().is_none_or(is_blank);
            let reads = after.iter().take(16).all(|byte| byte.is_ascii_graphic() || is_blank(*byte));
            if apart && reads {
                self.at += at + 2;
                return;
            }
        }
        self.at = self.bytes.len();
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// `#41` in names (§7.3.5).
fn name(raw: &[u8]) -> Vec<u8> {
    if !raw.contains(&b'#') {
        return raw.to_vec();
    }
    let mut name = Vec::new();
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let code = raw.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| byte == b'#').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                name.push(code);
                at += 3;
            }
            None => {
                name.push(byte);
                at += 1;
            }
        }
    }
    name
}

/// Numbers as viewers read them: `--5` and `1.2.3` occur.
fn number(word: &[u8]) -> Option<f32> {
    let mut value = 0_f64;
    let mut scale = 0_f64;
    let mut negative = false;
    let mut digits = false;
    for byte in word {
        match byte {
            b'-' if !digits => negative = true,
            b'+' if !digits => {}
            b'.' if scale == 0.0 => scale = 1.0,
            b'0'..=b'9' => {
                digits = true;
                value = value * 10.0 + f64::from(byte - b'0');
                scale *= 10.0;
            }
            // `12-34` and a second point end the number.
            b'-' | b'.' => break,
            _ => return None,
        }
    }
    let value = if scale > 1.0 { value / scale } else { value };
    Some(if negative { -value } else { value } as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators(content: &[u8]) -> Vec<(String, Vec<Operand>)> {
        let mut content = Content::new(content);
        let mut all = Vec::new();
        while let Some(operator) = content.operator() {
            all.push((String::from_utf8_lossy(operator).into_owned(), std::mem::take(&mut content.operands)));
        }
        all
    }

    #[test]
    fn operators_come_with_their_operands() {
        let got = operators(b"/F#311 12 Tf % note\n[(a\\)\\101) -250.5 <4 2>] TJ /S <</A (b) /C [1]>> BDC");
        assert_eq!(got[0], ("Tf".into(), vec![Operand::Name(b"F11".to_vec()), Operand::Number(12.0)]));
        let array = vec![Operand::Text(b"a)A".to_vec()), Operand::Number(-250.5), Operand::Text(b"B".to_vec())];
        assert_eq!(got[1], ("TJ".into(), vec![Operand::Array(array)]));
        assert_eq!(got[2].1[1].get(b"A"), Some(&Operand::Text(b"b".to_vec())));
    }

    #[test]
    fn noise_hides_nothing() {
        for noise in [") ", "> ", "] ", "} ", ">> ", "12x ", "\\ ", "] } ) > "] {
            let got = operators(format!("BT {noise}(kept) Tj ET").as_bytes());
            assert!(got.iter().any(|(_, operands)| operands.contains(&Operand::Text(b"kept".to_vec()))), "{noise}");
        }
        assert_eq!(operators(b"[(a) TJ (b) Tj").len(), 2);
    }

    #[test]
    fn an_inline_image_is_one_operator() {
        let got = operators(b"q BI /W 1 /H 1 ID \x00 EI\xFF EI Q (x) Tj");
        let names: Vec<&str> = got.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert!(names[1].starts_with("BI") && names[1].ends_with("EI"));
    }
}
