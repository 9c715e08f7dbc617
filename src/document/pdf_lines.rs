// SPDX-License-Identifier: EUPL-1.2
//! Lines, words, columns and margins of a PDF page, found from where its letters stand.

use std::ops::Range;

/// A gap that parts letters from the next word, in ems.
const WORD: f32 = 0.16;

/// A gap that parts columns, in ems: no justified text has it between words.
const COLUMN: f32 = 1.5;

/// How far a letter may stand off the baseline, in ems: indices and raised letters belong to their line.
const BASELINE: f32 = 0.5;

/// Shares of the page's height that its margins take, head and foot each.
const MARGIN: f32 = 0.09;

/// Lines looked back at for one that a piece of text goes on with.
const BACK: usize = 200;

/// Letters looked back at for one that is drawn twice, as bold letters are.
const TWICE: usize = 80;

/// A letter, or letters drawn as one, on the page as it is shown: its start and end on the baseline.
pub(super) struct Letter<'a> {
    pub text: &'a str,
    pub start: (f32, f32),
    pub end: (f32, f32),
    /// The direction of writing, of length one.
    pub direction: (f32, f32),
    pub em: f32,
}

/// Where a line stands on its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    Head,
    Body,
    Foot,
}

#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<Line>,
    /// The line that the next letter may belong to.
    current: Option<usize>,
    /// A blank was drawn since the last letter.
    blank: bool,
    pub length: usize,
}

struct Line {
    direction: (f32, f32),
    /// Distance of the baseline from the origin.
    across: f32,
    em: f32,
    text: String,
    pieces: Vec<Piece>,
    /// Some letter stands before the one drawn earlier.
    is_disordered: bool,
    y: f32,
}

/// One letter of a line: where it stands along the baseline, and its bytes of the text.
#[derive(Clone)]
struct Piece {
    start: f32,
    end: f32,
    bytes: Range<u32>,
}

impl Lines {
    /// White space was drawn.
    pub fn blank(&mut self) {
        self.blank = true;
    }

    /// A letter that is not blank.
    pub fn add(&mut self, letter: &Letter<'_>) {
        let em = letter.em;
        if !(em.is_finite() && em > f32::EPSILON && letter.start.0.is_finite() && letter.start.1.is_finite()) {
            return;
        }
        let along = |point: (f32, f32)| point.0 * letter.direction.0 + point.1 * letter.direction.1;
        let across = letter.start.1 * letter.direction.0 - letter.start.0 * letter.direction.1;
        let (start, end) = (along(letter.start), along(letter.end));
        let current = self.current.filter(|at| {
            self.lines.get(*at).is_some_and(|line| line.holds(letter.direction, across, em.max(line.em) * BASELINE))
        });
        let at = current.or_else(|| self.continued(letter, across, start)).unwrap_or_else(|| {
            self.lines.push(Line {
                direction: letter.direction,
                across,
                em,
                text: String::new(),
                pieces: Vec::new(),
                is_disordered: false,
                y: letter.start.1,
            });
            self.blank = false;
            self.lines.len() - 1
        });
        self.current = Some(at);
        let Some(line) = self.lines.get_mut(at) else { return };
        let before = line.text.len();
        line.add(letter.text, start, end, em, std::mem::take(&mut self.blank));
        self.length += line.text.len() - before;
    }

    /// A line drawn earlier on this baseline that ends where the letter begins: what stood in between was drawn
    /// elsewhere.
    fn continued(&self, letter: &Letter<'_>, across: f32, start: f32) -> Option<usize> {
        let from = self.lines.len().saturating_sub(BACK);
        let lines = self.lines.iter().enumerate().skip(from).rev();
        let goes_on = |line: &Line| {
            let gap = line.pieces.last().map_or(f32::MAX, |last| (start - last.end) / letter.em);
            line.holds(letter.direction, across, letter.em * 0.1) && (-0.1..1.0).contains(&gap)
        };
        lines.into_iter().find(|(_, line)| goes_on(line)).map(|(at, _)| at)
    }

    /// The lines in the order they were drawn, each in the zone it stands in. `height` is the page's.
    pub fn finish(self, height: f32) -> Vec<(Zone, String)> {
        let foot = margin(&self.lines, |line| line.y / height);
        let head = margin(&self.lines, |line| 1.0 - line.y / height);
        // A page that is nothing but margins has none.
        let has_body = head.len() + foot.len() < self.lines.len();
        let zone = |at: usize| {
            if !has_body {
                Zone::Body
            } else if head.contains(&at) {
                Zone::Head
            } else if foot.contains(&at) {
                Zone::Foot
            } else {
                Zone::Body
            }
        };
        let texts = self.lines.into_iter().enumerate().map(|(at, line)| (zone(at), line.finish()));
        texts.flat_map(|(zone, texts)| texts.into_iter().map(move |text| (zone, text))).collect()
    }
}

/// The lines of one margin: the outermost of the page, down to a gap that is wider than one between lines.
fn margin(lines: &[Line], share: impl Fn(&Line) -> f32) -> Vec<usize> {
    let upright = |line: &Line| line.direction.0 > 0.9;
    let mut near: Vec<(usize, f32, f32)> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| upright(line))
        .map(|(at, line)| (at, share(line), line.em))
        .filter(|(_, share, _)| *share < MARGIN * 2.0)
        .collect();
    near.sort_by(|one, other| one.1.total_cmp(&other.1));
    let inside = near.iter().position(|(_, share, _)| *share > MARGIN).unwrap_or(near.len());
    // Text that runs on into the page begins there and is no margin.
    if let (Some(last), Some(next)) = (inside.checked_sub(1).and_then(|last| near.get(last)), near.get(inside))
        && let (Some(one), Some(other)) = (lines.get(last.0), lines.get(next.0))
        && (one.y - other.y).abs() < 1.4 * last.2.max(next.2)
    {
        let apart = (1..inside).rev().find(|at| {
            let pair = near.get(at - 1).zip(near.get(*at)).map(|(a, b)| (lines.get(a.0), lines.get(b.0), a.2.max(b.2)));
            matches!(pair, Some((Some(a), Some(b), em)) if (a.y - b.y).abs() >= 1.4 * em)
        });
        near.truncate(apart.unwrap_or(0));
    } else {
        near.truncate(inside);
    }
    near.into_iter().map(|(at, _, _)| at).collect()
}

impl Line {
    fn holds(&self, direction: (f32, f32), across: f32, tolerance: f32) -> bool {
        let turned = 1.0 - (direction.0 * self.direction.0 + direction.1 * self.direction.1);
        turned < 0.01 && (across - self.across).abs() <= tolerance
    }

    fn add(&mut self, text: &str, start: f32, end: f32, em: f32, blank: bool) {
        if self.accent(text, start, end, em) {
            return;
        }
        let from = self.text.len();
        if let Some(last) = self.pieces.last() {
            let right = (start - last.end) / em;
            let left = (last.start - end) / em;
            let is_back = start < last.start - 0.05 * em;
            if (is_back || right < -0.3) && self.is_twice(text, start, em) {
                return;
            }
            let gap = if is_back && left.abs() < right.abs() { left } else { right };
            self.is_disordered |= is_back;
            if let Some(separator) = separator(gap.abs(), blank) {
                self.text.push(separator);
            }
        }
        let begin = self.text.len() as u32;
        self.text.push_str(text);
        self.pieces.push(Piece { start, end, bytes: begin..self.text.len() as u32 });
        if from == 0 || em > self.em {
            self.em = em;
        }
    }

    /// TeX draws an accent and its letter apart, the one over the other: joins them. Says whether the letter is done.
    fn accent(&mut self, text: &str, start: f32, end: f32, em: f32) -> bool {
        let Some(last) = self.pieces.last_mut() else { return false };
        let middle = (start + end) / 2.0;
        let is_over = middle > last.start - 0.1 * em && middle < last.end + 0.05 * em;
        let drawn = self.text.get(last.bytes.start as usize..).unwrap_or_default();
        let joined = match (combining(drawn), combining(text)) {
            (Some(mark), None) if is_over => [base(text), mark].concat(),
            (None, Some(mark)) if is_over && drawn.chars().next().is_some_and(char::is_alphabetic) => {
                [base(drawn), mark].concat()
            }
            _ => return false,
        };
        self.text.truncate(last.bytes.start as usize);
        self.text.push_str(&joined);
        last.bytes.end = self.text.len() as u32;
        (last.start, last.end) = (last.start.min(start), last.end.max(end));
        true
    }

    /// Whether the same letter stands at the same spot already.
    fn is_twice(&self, text: &str, start: f32, em: f32) -> bool {
        let near = |piece: &&Piece| (piece.start - start).abs() < 0.2 * em;
        self.pieces.iter().rev().take(TWICE).filter(near).any(|piece| self.piece(piece) == text)
    }

    fn piece(&self, piece: &Piece) -> &str {
        self.text.get(piece.bytes.start as usize..piece.bytes.end as usize).unwrap_or_default()
    }

    /// The line as drawn and, where letters stand in another order, as it is seen: what is seen comes first.
    fn finish(mut self) -> Vec<String> {
        let is_rtl = self.text.chars().any(is_right_to_left);
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
            let drawn_apart = self.text.get(..piece.bytes.start as usize).is_some_and(|text| text.ends_with(' '));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters half an em wide each, from a point.
    fn write(lines: &mut Lines, text: &str, x: f32, y: f32) {
        for (n, c) in text.chars().enumerate() {
            let start = (x + 5.0 * n as f32, y);
            let (end, direction) = ((start.0 + 5.0, y), (1.0, 0.0));
            if c == ' ' {
                lines.blank();
                continue;
            }
            lines.add(&Letter { text: c.encode_utf8(&mut [0; 4]), start, end, direction, em: 10.0 });
        }
    }

    fn texts(lines: Lines) -> Vec<String> {
        lines.finish(800.0).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn columns_words_and_lines() {
        let mut lines = Lines::default();
        write(&mut lines, "Ref. 7", 50.0, 400.0);
        write(&mut lines, "SECRET", 200.0, 400.0);
        write(&mut lines, "Page", 300.0, 400.5);
        write(&mut lines, "next", 50.0, 388.0);
        write(&mut lines, "word", 72.5, 388.0);
        assert_eq!(texts(lines), ["Ref. 7\tSECRET\tPage", "next word"]);
    }

    #[test]
    fn a_line_drawn_in_pieces_is_one() {
        let mut lines = Lines::default();
        write(&mut lines, "DIFFU", 50.0, 400.0);
        write(&mut lines, "elsewhere", 50.0, 300.0);
        write(&mut lines, "SION", 75.0, 400.0);
        assert_eq!(texts(lines), ["DIFFUSION", "elsewhere"]);
    }

    #[test]
    fn bold_by_drawing_twice_is_read_once() {
        let mut lines = Lines::default();
        for n in 0..6 {
            for shift in [0.0, 0.4] {
                write(&mut lines, &"SECRET"[n..=n], 50.0 + 5.0 * n as f32 + shift, 400.0);
            }
        }
        write(&mut lines, "SECRET", 50.3, 400.2);
        assert_eq!(texts(lines), ["SECRET"]);
    }

    #[test]
    fn an_accent_drawn_over_its_letter_is_part_of_it() {
        let mut lines = Lines::default();
        write(&mut lines, "d", 50.0, 400.0);
        write(&mut lines, "\u{B4}", 55.2, 400.0);
        write(&mut lines, "ecide \u{131}", 55.0, 400.0);
        write(&mut lines, "\u{2C6}", 85.0, 401.0);
        write(&mut lines, "c", 90.0, 400.0);
        write(&mut lines, "\u{B8}", 90.0, 400.0);
        write(&mut lines, "2^3", 105.0, 400.0);
        assert_eq!(texts(lines), ["de\u{301}cide i\u{302}c\u{327} 2^3"]);
    }

    #[test]
    fn letters_are_read_where_they_stand() {
        let mut lines = Lines::default();
        for n in (0..6).rev() {
            write(&mut lines, &"SECRET"[n..=n], 50.0 + 5.0 * n as f32, 400.0);
        }
        assert_eq!(texts(lines)[0], "SECRET");
    }

    #[test]
    fn what_runs_to_the_left_is_read_so() {
        let mut lines = Lines::default();
        // As seen from left to right: the number stands left of the words and reads as it is.
        write(&mut lines, "2026 ادج يرس", 50.0, 400.0);
        assert_eq!(texts(lines)[0], "سري جدا 2026");
        let mut lines = Lines::default();
        write(&mut lines, "mark: يرس", 50.0, 400.0);
        assert_eq!(texts(lines)[0], "mark: سري");
    }

    #[test]
    fn margins_are_the_outer_lines_with_a_gap() {
        let zones = |rows: &[(&str, f32)]| {
            let mut lines = Lines::default();
            rows.iter().for_each(|(text, y)| write(&mut lines, text, 50.0, *y));
            lines.finish(800.0).into_iter().map(|(zone, _)| zone).collect::<Vec<_>>()
        };
        use Zone::{Body, Foot, Head};
        assert_eq!(zones(&[("a", 770.0), ("b", 700.0), ("c", 688.0), ("d", 30.0)]), [Head, Body, Body, Foot]);
        // A text that begins near the edge.
        assert_eq!(zones(&[("a", 742.0), ("b", 730.0), ("c", 718.0)]), [Body, Body, Body]);
        assert_eq!(zones(&[("a", 780.0), ("b", 742.0), ("c", 730.0), ("d", 718.0)]), [Head, Body, Body, Body]);
    }
}
