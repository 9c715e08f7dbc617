// SPDX-License-Identifier: EUPL-1.2
//! One line of a PDF page: its letters by where they stand on the baseline, and the words and columns they make.

use std::ops::Range;

/// A gap that parts letters from the next word, in ems.
const WORD: f32 = 0.16;

/// A gap that parts columns, in ems: no justified text has it between words.
const COLUMN: f32 = 1.5;

/// Letters looked back at for one that is drawn twice, as bold letters are.
const TWICE: usize = 80;

/// How far a letter that is drawn twice stands from itself, in ems: less than the narrowest letter is wide.
const SHIFT: f32 = 0.1;

/// How far letters of one size stand off their baseline, in ems, and how far indices do.
const WAVER: f32 = 0.3;
const INDEXED: f32 = 0.5;

/// Letters this much smaller than their neighbours are indices.
const INDEX: f32 = 0.85;

/// A letter, or letters drawn as one: where they begin and end along the baseline.
pub(super) struct Stroke<'t> {
    pub text: &'t str,
    pub start: f32,
    pub end: f32,
    pub em: f32,
    /// No accent by itself, and nothing that runs to the left.
    pub is_plain: bool,
}

pub(super) struct Line {
    pub direction: (f32, f32),
    /// Distance of the baseline from the origin.
    pub across: f32,
    pub em: f32,
    pub y: f32,
    text: String,
    pieces: Vec<Piece>,
    /// Some letter stands before the one drawn earlier.
    is_disordered: bool,
    /// Some letter is no plain one.
    is_special: bool,
    /// Words parted by nothing but a gap.
    gaps: usize,
    /// The string drawn last: how far its baseline is from the line's, and its size.
    level: f32,
    size: f32,
}

/// What was drawn at once: where it stands along the baseline, and its bytes of the text.
#[derive(Clone)]
struct Piece {
    start: f32,
    end: f32,
    at: u32,
    length: u16,
    /// A blank was drawn before it.
    is_apart: bool,
}

impl Piece {
    fn bytes(&self) -> Range<usize> {
        let at = self.at as usize;
        at..at + usize::from(self.length)
    }
}

impl Line {
    pub fn new(direction: (f32, f32), across: f32, em: f32, y: f32) -> Line {
        Line {
            direction,
            across,
            em,
            y,
            text: String::new(),
            pieces: Vec::new(),
            is_disordered: false,
            is_special: false,
            gaps: 0,
            level: 0.0,
            size: em,
        }
    }

    /// Bytes of text so far.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether a string of this size is the line's own: letters of one size waver little from one to the next, indices
    /// and raised letters stand off the baseline.
    pub fn takes(&self, direction: (f32, f32), across: f32, em: f32) -> bool {
        let is_one_size = (em - self.size).abs() < 0.05 * em;
        if is_one_size {
            self.holds(direction, across - self.level, em * WAVER)
        } else {
            self.holds(direction, across, em.max(self.em) * INDEXED)
        }
    }

    pub fn holds(&self, direction: (f32, f32), across: f32, tolerance: f32) -> bool {
        let turned = 1.0 - (direction.0 * self.direction.0 + direction.1 * self.direction.1);
        turned < 0.01 && (across - self.across).abs() <= tolerance
    }

    /// The gap from the last letter to a place.
    pub fn gap_to(&self, start: f32) -> Option<f32> {
        self.pieces.last().map(|last| start - last.end)
    }

    /// Takes note of the baseline and size of what is drawn next. A number raised behind a word, or before one, is a
    /// note's and no part of the word: says so.
    pub fn begin(&mut self, across: f32, em: f32, first: &str) -> bool {
        let level = across - self.across;
        let (before, size) = (std::mem::replace(&mut self.level, level), std::mem::replace(&mut self.size, em));
        if self.pieces.is_empty() || (level - before).abs() < 0.1 * em.max(size) {
            return false;
        }
        let is_number = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || matches!(c, '*' | '†' | '‡'));
        let mut tail = self.text.chars().rev();
        let last = tail.next();
        if em < size * INDEX && level > before {
            let is_word = last.into_iter().chain(tail.take(2)).filter(|c| c.is_alphabetic()).count() == 3;
            is_word && is_number(first.chars().next())
        } else if size < em * INDEX && level < before {
            is_number(last) && first.chars().next().is_some_and(char::is_alphabetic)
        } else {
            false
        }
    }

    pub fn add(&mut self, stroke: &Stroke<'_>, is_apart: bool) {
        let Stroke { text, start, end, em, is_plain } = *stroke;
        let Some(last) = self.pieces.last() else {
            self.em = em;
            self.is_special |= !is_plain;
            return self.push(stroke, is_apart);
        };
        let gap = start - last.end;
        // The last letter of a bold word stands on itself, narrow as it may be.
        let is_over_last = gap < 0.0 && (start - last.start).abs() < SHIFT * em && self.piece(last) == text;
        // Most letters follow each other.
        if is_plain
            && !is_over_last
            && !is_apart
            && !self.is_special
            && start >= last.start
            && (-0.3 * em..WORD * em).contains(&gap)
        {
            return self.push(stroke, false);
        }
        if (self.is_special || !is_plain) && self.accent(text, start, end, em) {
            self.is_special = true;
            return;
        }
        self.is_special |= !is_plain;
        let Some(last) = self.pieces.last() else { return };
        let right = gap / em;
        let left = (last.start - end) / em;
        let is_back = start < last.start - 0.05 * em;
        if is_over_last || (is_back || right < -0.3) && self.is_twice(text, start, em) {
            return;
        }
        // Letters may lean over each other.
        let gap = if is_back { left.abs().min(right.abs()) } else { right.max(0.0) };
        self.is_disordered |= is_back;
        if let Some(separator) = separator(gap, is_apart) {
            self.gaps += usize::from(!is_apart && separator == ' ');
            self.text.push(separator);
        }
        self.push(stroke, is_apart);
    }

    fn push(&mut self, stroke: &Stroke<'_>, is_apart: bool) {
        let Ok(length) = u16::try_from(stroke.text.len()) else { return };
        let at = self.text.len() as u32;
        self.text.push_str(stroke.text);
        self.pieces.push(Piece { start: stroke.start, end: stroke.end, at, length, is_apart });
        if stroke.em > self.em {
            self.em = stroke.em;
        }
    }

    /// TeX draws an accent and its letter apart, the one over the other: joins them. Says whether the letter is done.
    fn accent(&mut self, text: &str, start: f32, end: f32, em: f32) -> bool {
        let Some(last) = self.pieces.last_mut() else { return false };
        let middle = (start + end) / 2.0;
        let is_over = middle > last.start - 0.1 * em && middle < last.end + 0.05 * em;
        let drawn = self.text.get(last.bytes()).unwrap_or_default();
        let joined = match (combining(drawn), combining(text)) {
            (Some(mark), None) if is_over => [base(text), mark].concat(),
            (None, Some(mark)) if is_over && drawn.chars().next().is_some_and(char::is_alphabetic) => {
                [base(drawn), mark].concat()
            }
            _ => return false,
        };
        let Ok(length) = u16::try_from(joined.len()) else { return false };
        let mut at = last.at as usize;
        let was_first = combining(drawn).is_some();
        // The letter's own edges stay.
        if was_first {
            (last.start, last.end) = (start, end);
        }
        let (begin, is_apart) = (last.start, last.is_apart);
        // An accent stands in from the edge of its letter, which is no gap between words.
        let before = self.pieces.len().checked_sub(2).and_then(|before| self.pieces.get(before));
        let parted = before.is_some_and(|before| before.bytes().end < at);
        if was_first && parted && before.is_some_and(|before| separator((begin - before.end) / em, is_apart).is_none())
        {
            at -= 1;
        }
        self.text.truncate(at);
        self.text.push_str(&joined);
        if let Some(last) = self.pieces.last_mut() {
            (last.at, last.length) = (at as u32, length);
        }
        true
    }

    /// Whether the same letter stands at the same spot already.
    fn is_twice(&self, text: &str, start: f32, em: f32) -> bool {
        let near = |piece: &&Piece| (piece.start - start).abs() < 0.2 * em;
        self.pieces.iter().rev().take(TWICE).filter(near).any(|piece| self.piece(piece) == text)
    }

    fn piece(&self, piece: &Piece) -> &str {
        self.text.get(piece.bytes()).unwrap_or_default()
    }

    /// The line as drawn and, where letters stand in another order, as it is seen: what is seen comes first.
    pub fn finish(mut self) -> Vec<String> {
        if self.gaps * 3 > self.pieces.len() && self.pieces.len() >= 6 {
            self.respace();
        }
        let is_rtl = self.is_special && self.text.chars().any(is_right_to_left);
        if !self.is_disordered && !is_rtl {
            return vec![self.text];
        }
        let pieces = std::mem::take(&mut self.pieces);
        let mut sorted: Vec<&Piece> = pieces.iter().collect();
        sorted.sort_by(|one, other| one.start.total_cmp(&other.start));
        let mut seen: Vec<&str> = Vec::new();
        let mut end = f32::NAN;
        for piece in sorted {
            // What parts drawn neighbours still parts them.
            let drawn_apart = self.text.get(..piece.at as usize).is_some_and(|text| text.ends_with(' '));
            match separator((piece.start - end).max(0.0) / self.em, drawn_apart && !is_rtl) {
                Some('\t') if !end.is_nan() => seen.push("\t"),
                Some(_) if !end.is_nan() => seen.push(" "),
                _ => {}
            }
            seen.push(self.piece(piece));
            end = piece.end.max(piece.start);
        }
        let seen = if is_rtl { logical(seen) } else { seen }.concat();
        if seen == self.text { vec![seen] } else { vec![seen, self.text] }
    }

    /// Letters set wide apart, or of widths that the file does not tell: the gap between words is wider than the usual
    /// one between letters. Digits set apart are numbers of their own.
    fn respace(&mut self) {
        let letters = self.text.chars().filter(|c| c.is_alphabetic()).count();
        if letters * 3 < self.pieces.len() * 2 {
            return;
        }
        let pairs = || self.pieces.iter().zip(self.pieces.iter().skip(1));
        let gap = |(one, other): (&Piece, &Piece)| ((other.start - one.end) / self.em).abs();
        let mut gaps: Vec<f32> = pairs().filter(|(_, other)| !other.is_apart).map(gap).collect();
        gaps.sort_by(f32::total_cmp);
        let Some(usual) = gaps.get(gaps.len() / 2).copied() else { return };
        let word = usual * 1.4 + WORD;
        let mut text = String::with_capacity(self.text.len());
        let mut moved = Vec::with_capacity(self.pieces.len());
        let mut before: Option<&Piece> = None;
        for piece in &self.pieces {
            let apart = before.map(|before| gap((before, piece)));
            match apart {
                Some(apart) if apart >= COLUMN.max(word) => text.push('\t'),
                Some(apart) if piece.is_apart || apart >= word => text.push(' '),
                _ => {}
            }
            moved.push(text.len() as u32);
            text.push_str(self.piece(piece));
            before = Some(piece);
        }
        self.text = text;
        for (piece, at) in self.pieces.iter_mut().zip(moved) {
            piece.at = at;
        }
    }
}

fn separator(gap: f32, blank: bool) -> Option<char> {
    if gap >= COLUMN {
        Some('\t')
    } else if blank || gap >= WORD {
        Some(' ')
    } else {
        None
    }
}

/// The mark that an accent by itself becomes over a letter.
fn combining(text: &str) -> Option<&'static str> {
    Some(match text {
        "\u{B4}" | "\u{2CA}" => "\u{301}",
        "`" | "\u{2CB}" => "\u{300}",
        "^" | "\u{2C6}" => "\u{302}",
        "~" | "\u{2DC}" => "\u{303}",
        "\u{A8}" => "\u{308}",
        "\u{B8}" => "\u{327}",
        "\u{2C7}" => "\u{30C}",
        "\u{2D8}" => "\u{306}",
        "\u{2D9}" => "\u{307}",
        "\u{2DA}" => "\u{30A}",
        "\u{2DB}" => "\u{328}",
        "\u{2DD}" => "\u{30B}",
        "\u{AF}" | "\u{2C9}" => "\u{304}",
        _ => return None,
    })
}

/// A letter that loses its dot under an accent.
fn base(text: &str) -> &str {
    match text {
        "\u{131}" => "i",
        "\u{237}" => "j",
        text => text,
    }
}

/// Letters that follow each other as they are drawn: no accent by itself, nothing that runs to the left.
pub(super) fn is_plain(text: &str) -> bool {
    combining(text).is_none() && !text.chars().any(is_right_to_left)
}

fn is_right_to_left(c: char) -> bool {
    matches!(u32::from(c), 0x590..=0x8FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
}

/// Letters as they stand from left to right, in the order they are read (UAX 9 backwards): what runs to the left is
/// turned around, numbers and foreign words inside it are not.
fn logical(seen: Vec<&str>) -> Vec<&str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Left,
        Right,
        Neutral,
    }
    let class = |text: &str| match text {
        _ if text.chars().any(|c| is_right_to_left(c) && !c.is_numeric()) => Class::Right,
        _ if text.chars().any(char::is_alphanumeric) => Class::Left,
        _ => Class::Neutral,
    };
    let mut classes: Vec<Class> = seen.iter().map(|text| class(text)).collect();
    let count = |wanted: Class| classes.iter().filter(|class| **class == wanted).count();
    let base = if count(Class::Right) >= count(Class::Left) { Class::Right } else { Class::Left };
    // What stands between two of a kind is of that kind; what else is neutral follows the line.
    let mut at = 0;
    while at < classes.len() {
        let end = (at..classes.len()).find(|i| classes[*i] != Class::Neutral).unwrap_or(classes.len());
        let before = at.checked_sub(1).map(|i| classes[i]);
        let after = classes.get(end).copied();
        let fill = if before.is_some() && before == after { before.unwrap_or(base) } else { base };
        classes[at..end].fill(fill);
        at = end.max(at) + 1;
    }
    let mut order: Vec<usize> = (0..seen.len()).collect();
    if base == Class::Right {
        order.reverse();
    }
    let turned = if base == Class::Right { Class::Left } else { Class::Right };
    let mut from = 0;
    while from < order.len() {
        let run = order[from..].iter().take_while(|i| classes[**i] == turned).count();
        order[from..from + run].reverse();
        from += run.max(1);
    }
    order.into_iter().map(|i| seen[i]).collect()
}
