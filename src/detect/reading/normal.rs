// SPDX-License-Identifier: EUPL-1.2
//! The normal form in which octroi searches all patterns: one spelling for everything that looks the same to a reader.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters standing alone, one after the other, before they are read as one spaced-out word.
const SPACED_OUT: usize = 6;
/// Blanks in a row that part columns.
const WIDE: usize = 3;

/// Lower case, accents stripped, NFKD, invisible characters removed, look-alike letters folded to Latin, quotes and
/// dashes of one kind, runs of blanks as one; line ends stay, as `\n`, and so do the ends of columns, as one tab: a tab
/// or a wide gap parts what stands beside each other (decision D36). Idempotent.
pub fn normalise(text: &str) -> String {
    let mut out = Folded { text: Vec::with_capacity(text.len()), blanks: 0, look_alikes: false };
    let mut rest = text;
    // Most letters are ASCII, also in French: runs of them take the short way, the others one by one.
    while !rest.is_empty() {
        let other = if rest.is_ascii() { None } else { rest.bytes().position(|b| !b.is_ascii()) };
        let run = other.unwrap_or(rest.len());
        // The first byte that is not ASCII begins a character.
        let (plain, other) = rest.split_at(run);
        out.plain(plain.as_bytes());
        let mut others = other.chars();
        match others.next() {
            Some(c) => out.other(c),
            None => break,
        }
        rest = others.as_str();
    }
    if matches!(out.text.last(), Some(b' ' | b'\t')) {
        out.text.pop();
    }
    // Only whole characters were written: the copy that repairs is never made.
    let mut normal = String::from_utf8(out.text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    if out.look_alikes {
        normal = latinised(&normal);
    }
    if has_spaced_letters(&normal) { joined(&normal, text) } else { normal }
}

/// Each ASCII byte in normal form; 0 for blanks, line ends and controls, which need a look at what stands before.
const LOWER: [u8; 128] = {
    let mut table = [0; 128];
    let mut b = b'!';
    while b < 128 {
        table[b as usize] = b.to_ascii_lowercase();
        b += 1;
    }
    table
};

/// The normal form of the characters below U+2200 whose form is one visible character, computed by the long way;
/// `None` for all others.
static SHORT_WAY: LazyLock<Vec<Option<char>>> = LazyLock::new(|| {
    let form = |code: u32| {
        let mut folded = Folded { text: Vec::new(), blanks: 0, look_alikes: false };
        folded.long_way(char::from_u32(code)?);
        let text = String::from_utf8(folded.text).ok()?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_whitespace() && !folded.look_alikes => Some(c),
            _ => None,
        }
    };
    (0..0x2200).map(form).collect()
});

struct Folded {
    /// UTF-8.
    text: Vec<u8>,
    /// Blanks of the run that the text ends with, where it ends with one.
    blanks: usize,
    look_alikes: bool,
}

impl Folded {
    /// Appends a run of ASCII: lines as they are nearly always written in one go, others letter by letter.
    fn plain(&mut self, run: &[u8]) {
        let mut rest = run;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, behind) = rest.split_at(end);
            rest = behind;
            let ended = line.strip_suffix(b"\n");
            let words = ended.map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
            let behind_blank = matches!(self.text.last(), None | Some(b'\n' | b' ' | b'\t'));
            if is_evenly_spaced(words) && !(behind_blank && words.starts_with(b" ")) {
                let from = self.text.len();
                self.text.extend_from_slice(words);
                self.text[from..].make_ascii_lowercase();
                if words.ends_with(b" ") {
                    self.blanks = 1;
                }
                if ended.is_some() {
                    self.letters(b"\n");
                }
            } else {
                self.letters(line);
            }
        }
    }

    /// Appends a run of ASCII letter by letter.
    fn letters(&mut self, run: &[u8]) {
        let mut end = self.text.len();
        self.text.resize(end + run.len(), 0);
        for &b in run {
            let letter = LOWER[usize::from(b & 0x7f)];
            if letter != 0 {
                self.text[end] = letter;
                end += 1;
            } else {
                end = gap(&mut self.text, end, b, &mut self.blanks);
            }
        }
        self.text.truncate(end);
    }

    fn push(&mut self, c: char) {
        self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn other(&mut self, c: char) {
        match SHORT_WAY.get(c as usize).copied().flatten() {
            Some(c) => self.push(c),
            None => self.long_way(c),
        }
    }

    fn long_way(&mut self, c: char) {
        if is_invisible(c) {
            return;
        }
        // Its compatibility form is a sigma, which looks like an o.
        if matches!(c, '\u{3f2}' | '\u{3f9}') {
            self.look_alikes = true;
            return self.push('\u{3f2}');
        }
        // Lower case may bring marks of its own, so marks are taken out after it.
        for c in std::iter::once(c).nfkd().flat_map(lower_case).nfkd().filter(|c| !is_combining_mark(*c)) {
            if is_invisible(c) {
                continue;
            }
            self.look_alikes |= look_alike(c).is_some();
            match spell(c) {
                Spelling::Same('\n') => self.plain(b"\n"),
                // What decomposed into a blank is one.
                Spelling::Same(c) if c.is_whitespace() => self.plain(b" "),
                Spelling::Same(c) => self.push(c),
                Spelling::Letters(letters) => self.text.extend_from_slice(letters.as_bytes()),
            }
        }
    }
}

/// Whether part of a line holds no control and no two blanks in a row: nothing but its capitals changes.
fn is_evenly_spaced(line: &[u8]) -> bool {
    let Some((first, behind)) = line.split_first() else { return false };
    // Without branches, so that many bytes are compared at once.
    let odd = line
        .iter()
        .zip(behind)
        .fold(0, |odd, (a, b)| odd | u8::from(*b < b' ') | u8::from((*a == b' ') & (*b == b' ')));
    *first >= b' ' && odd == 0
}

/// Writes blank, line end or control `b` at `end`: one blank for many, a tab for a wide run or one that holds a tab, none
/// around line ends. Gives the new end.
fn gap(text: &mut [u8], end: usize, b: u8, blanks: &mut usize) -> usize {
    let before = end.checked_sub(1).map(|last| text[last]);
    match b {
        b'\r' => end,
        b'\n' => {
            let end = if matches!(before, Some(b' ' | b'\t')) { end - 1 } else { end };
            text[end] = b'\n';
            end + 1
        }
        b' ' | b'\t' | 0x0b | 0x0c => match before {
            None | Some(b'\n') => end,
            Some(b' ' | b'\t') => {
                *blanks += 1;
                if b == b'\t' || *blanks >= WIDE {
                    text[end - 1] = b'\t';
                }
                end
            }
            Some(_) => {
                *blanks = 1;
                text[end] = if b == b'\t' { b'\t' } else { b' ' };
                end + 1
            }
        },
        control => {
            text[end] = control;
            end + 1
        }
    }
}

/// What no reader sees: zero-width, bidirectional controls, soft hyphen, variation selectors, tags, tatweel.
fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0xad | 0x34f | 0x61c | 0x640 | 0x180b..=0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
            | 0xfe00..=0xfe0f | 0xfeff | 0xe0000..=0xe0fff | 0x115f | 0x1160 | 0x3164
    )
}

/// How a decomposed character is spelt.
enum Spelling {
    Same(char),
    Letters(&'static str),
}

/// Spellings that NFKD leaves apart.
fn spell(c: char) -> Spelling {
    Spelling::Same(match c {
        '’' | '‘' | '‛' | 'ʼ' | '`' | '´' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '\u{2028}' | '\u{2029}' | '\u{85}' => '\n',
        'œ' => return Spelling::Letters("oe"),
        'æ' => return Spelling::Letters("ae"),
        'ß' => return Spelling::Letters("ss"),
        'ø' => 'o',
        'ł' => 'l',
        'đ' | 'ð' => 'd',
        'ı' => 'i',
        // Arabic: forms that keyboards mix (alef maqsura, Persian yeh and kaf, hamza carriers).
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        'ٱ' => 'ا',
        // Arabic-Indic digits, both series.
        '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' => (b'0' + (u32::from(c) & 0xf) as u8) as char,
        c => c,
    })
}

/// Lower case, but for the capitals whose small letter looks like another Latin one: `latinised` sees what was written.
fn lower_case(c: char) -> impl Iterator<Item = char> {
    let small = capital_look_alike(c).is_none().then(|| c.to_lowercase());
    let kept = small.is_none().then_some(c);
    kept.into_iter().chain(small.into_iter().flatten())
}

/// Cyrillic and Greek letters that look Latin, in words that otherwise are Latin or hold nothing else.
fn latinised(text: &str) -> String {
    if !text.chars().any(|c| look_alike(c).is_some()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        let mut letters = word.chars().filter(|c| c.is_alphabetic());
        let fold = letters.all(|c| c.is_ascii() || look_alike(c).is_some());
        if fold {
            out.extend(word.chars().map(|c| look_alike(c).unwrap_or(c)));
        } else {
            out.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
    out
}

/// Capitals of Greek and Cyrillic that look like another letter than their small ones do (Unicode TS 39).
fn capital_look_alike(c: char) -> Option<char> {
    Some(match c {
        'Η' => 'h',
        'Ӏ' => 'i',
        'Μ' | 'Ϻ' => 'm',
        'Ν' => 'n',
        'Υ' => 'y',
        _ => return None,
    })
}

/// From the confusables of Unicode TS 39, for small letters and for capitals of the same form.
fn look_alike(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' | 'є' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'н' => 'h',
        'η' => 'n',
        'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ѡ' | 'ω' | 'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ү' => 'y',
        'ζ' => 'z',
        'ϝ' => 'f',
        'ԍ' => 'g',
        _ => return capital_look_alike(c),
    })
}

fn is_separator(b: u8) -> bool {
    // Without branches, so that many bytes are compared at once.
    (b == b' ') | (b == b'.') | (b == b'-') | (b == b'_') | (b == b'*')
}

/// Whether letters stand alone, one after the other: `d i f f u s i o n`.
fn has_spaced_letters(text: &str) -> bool {
    // Such a run has separators every other byte. Few texts have even three of them close together, which is
    // counted many bytes at a time; only those are read in steps.
    let bytes = text.as_bytes();
    let ahead = bytes.get(2..).unwrap_or(&[]);
    let every_other = |here: &[u8], ahead: &[u8]| {
        here.iter().zip(ahead).map(|(a, b)| u8::from(is_separator(*a) & is_separator(*b))).sum::<u8>()
    };
    if !bytes.chunks(64).zip(ahead.chunks(64)).any(|(here, ahead)| every_other(here, ahead) >= 2) {
        return false;
    }
    let mut run = 0;
    for pair in text.as_bytes().chunks_exact(2) {
        run = if pair[0].is_ascii_alphabetic() && is_separator(pair[1])
            || pair[1].is_ascii_alphabetic() && is_separator(pair[0])
        {
            run + 1
        } else {
            0
        };
        if run >= SPACED_OUT - 2 {
            return true;
        }
    }
    false
}

/// Joins letters that stand alone. Two blanks in the original part words; so does a change of separator.
fn joined(normal: &str, original: &str) -> String {
    let mut out = String::with_capacity(normal.len());
    let mut originals = original.lines();
    for (n, line) in normal.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let original = originals.next().unwrap_or("");
        let gaps = original.contains("  ") || original.contains('\u{a0}') || original.contains('\t');
        let wide = if gaps && has_spaced_letters(line) { word_gaps(original) } else { line.to_owned() };
        join_line(&wide, &mut out);
    }
    out
}

/// The line with its wide gaps as `\u{1}`, so that joining keeps words apart.
fn word_gaps(original: &str) -> String {
    let line = original.replace(['\u{a0}', '\t'], "  ");
    let mut marked = String::with_capacity(line.len());
    for (n, word) in line.trim().split("  ").filter(|w| !w.trim().is_empty()).enumerate() {
        if n > 0 {
            marked.push('\u{1}');
        }
        marked.push_str(word.trim());
    }
    normalise_plain(&marked)
}

fn normalise_plain(text: &str) -> String {
    text.nfkd().filter(|c| !is_invisible(*c) && !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

fn join_line(line: &str, out: &mut String) {
    let chars: Vec<char> = line.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let end = lone_run(&chars, at);
        if (end - at) / 2 + 1 >= SPACED_OUT {
            out.extend(chars[at..end].iter().step_by(2));
            at = end;
        } else {
            out.push(if chars[at] == '\u{1}' { ' ' } else { chars[at] });
            at += 1;
        }
    }
}

/// End of a run letter, separator, letter … that begins at a word's start.
fn lone_run(chars: &[char], at: usize) -> usize {
    let letter = |i: usize| chars.get(i).is_some_and(|c| c.is_alphabetic());
    let separator = |i: usize| chars.get(i).filter(|c| c.is_ascii() && is_separator(**c as u8)).copied();
    if !letter(at) || (at > 0 && chars[at - 1].is_alphanumeric()) {
        return at;
    }
    let Some(kind) = separator(at + 1) else { return at };
    let mut end = at + 1;
    while separator(end) == Some(kind) && letter(end + 1) && !chars.get(end + 2).is_some_and(|c| c.is_alphanumeric()) {
        end += 2;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_and_letters_one_by_one_give_the_same() {
        // Every text of five signs, between what may stand before and behind.
        let signs = [b'A', b' ', b'\t', b'\r', b'\n', 7];
        let around =
            ["", "é", "a ", "a  ", "\n", "a\t"].map(|before| [" B", "  B", "\tB", "\n"].map(|behind| (before, behind)));
        for (before, behind) in around.into_iter().flatten() {
            for number in 0..6usize.pow(5) {
                let run: Vec<u8> = (0..5).map(|place| signs[number / 6usize.pow(place) % 6]).collect();
                let folded = |whole: bool| {
                    let mut folded = Folded { text: Vec::new(), blanks: 0, look_alikes: false };
                    folded.letters(before.as_bytes());
                    let fold = if whole { Folded::plain } else { Folded::letters };
                    fold(&mut folded, &run);
                    folded.letters(behind.as_bytes());
                    folded.text
                };
                assert_eq!(folded(true), folded(false), "{before:?} {run:?} {behind:?}");
            }
        }
    }

    #[test]
    fn capitals_are_read_as_they_look() {
        // Every capital of Greek and Cyrillic that the confusables of Unicode TS 39 show as a Latin one.
        let latin = [
            ("AB", "ΑΒ"),
            ("EZHIKMNOPTYX", "ΕΖΗΙΚΜΝΟΡΤΥΧ"),
            ("CFJM", "ϹϜͿϺ"),
            ("ABCEGHIIJKMOPQSTVWXYY", "АВСЕԌНІӀЈКМОРԚЅТѴԜХУҮ"),
        ];
        let pairs = latin.iter().flat_map(|(latin, other)| latin.chars().zip(other.chars()));
        for (latin, capital) in pairs {
            for word in ["_", "S_T", "___"] {
                let (written, meant) = (word.replace('_', &capital.to_string()), word.replace('_', &latin.to_string()));
                assert_eq!(normalise(&written), meant.to_lowercase(), "{written:?} looks like {meant}");
            }
            // In a word of its own script it stays, in small letters.
            for own in [format!("Φ{capital}"), format!("{capital}Ж")] {
                assert_eq!(normalise(&own), own.to_lowercase());
            }
        }
        assert_eq!(normalise("ΝΑΤΟ СОΝFΙDЕΝΤΙΑL"), "nato confidential");
        assert_eq!(normalise("Νίκος Υπουργείο"), "νικος υπουργειο");
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        let rows = [
            ("Très  SECRET Défense \r\n fin", "tres secret defense\nfin"),
            ("Réf. 12 \tSECRET\t\r\n\tfin\t", "ref. 12\tsecret\nfin"),
            ("Note \u{a0} \u{a0}SECRET   1/2", "note\tsecret\t1/2"),
            ("DIFFUSION\u{200b} RESTR\u{ad}EINTE", "diffusion restreinte"),
            ("ＤＩＦＦＵＳＩＯＮ restreinte", "diffusion restreinte"),
            ("SЕСRЕT", "secret"),
            ("Привет", "привет"),
            ("l’œuvre – fin", "l'oeuvre - fin"),
            ("سِرّي للغـاية", "سري للغاية"),
            ("أحمد ١٢٣", "احمد 123"),
            ("D I F F U S I O N   R E S T R E I N T E", "diffusion restreinte"),
            ("S.E.C.R.E.T", "secret"),
            ("a b c est court", "a b c est court"),
            ("", ""),
        ];
        for (text, normal) in rows {
            assert_eq!(normalise(text), normal, "{text:?}");
            assert_eq!(normalise(normal), normal, "idempotent: {normal:?}");
        }
    }
}
