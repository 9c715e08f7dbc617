// SPDX-License-Identifier: EUPL-1.2
//! Lines, words, columns and margins of a PDF page, found from where its letters stand.

use super::pdf_line::{Line, Stroke};

/// Shares of the page's height that its margins take, head and foot each.
const MARGIN: f32 = 0.09;

/// Lines looked back at for one that a piece of text goes on with.
const BACK: usize = 200;

/// Where a string begins on the page as it is shown.
#[derive(Clone, Copy)]
pub(super) struct Writing {
    pub start: (f32, f32),
    /// The direction of writing, of length one.
    pub direction: (f32, f32),
    pub em: f32,
}

impl Writing {
    /// How far along the baseline it begins.
    pub fn along(&self) -> f32 {
        self.start.0 * self.direction.0 + self.start.1 * self.direction.1
    }

    fn across(&self) -> f32 {
        self.start.1 * self.direction.0 - self.start.0 * self.direction.1
    }

    fn is_somewhere(&self) -> bool {
        self.em.is_finite() && self.em > f32::EPSILON && self.start.0.is_finite() && self.start.1.is_finite()
    }
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

impl Lines {
    /// White space was drawn.
    pub fn blank(&mut self) {
        self.blank = true;
    }

    /// A string begins, with this letter. Says whether it stands anywhere; its letters follow.
    pub fn begin(&mut self, writing: &Writing, first: &str) -> bool {
        if !writing.is_somewhere() {
            return false;
        }
        let (direction, em, across) = (writing.direction, writing.em, writing.across());
        let is_held = |at: &usize| self.lines.get(*at).is_some_and(|line| line.takes(direction, across, em));
        let known = self.current.filter(is_held).or_else(|| self.continued(writing, across));
        let at = known.unwrap_or_else(|| {
            self.lines.push(Line::new(direction, across, em, writing.start.1));
            self.blank = false;
            self.lines.len() - 1
        });
        self.current = Some(at);
        self.blank |= self.lines.get_mut(at).is_some_and(|line| line.begin(across, em, first));
        true
    }

    /// A letter of the string, which is not blank.
    pub fn letter(&mut self, stroke: &Stroke<'_>) {
        let Some(line) = self.current.and_then(|at| self.lines.get_mut(at)) else { return };
        let before = line.len();
        line.add(stroke, std::mem::take(&mut self.blank));
        self.length += line.len().saturating_sub(before);
    }

    /// A line drawn earlier on this baseline that ends where the string begins: what stood in between was drawn
    /// elsewhere.
    fn continued(&self, writing: &Writing, across: f32) -> Option<usize> {
        let (from, start) = (self.lines.len().saturating_sub(BACK), writing.along());
        let lines = self.lines.iter().enumerate().skip(from).rev();
        let goes_on = |line: &Line| {
            let gap = line.gap_to(start).map_or(f32::MAX, |gap| gap / writing.em);
            line.holds(writing.direction, across, writing.em * 0.1) && (-0.1..1.0).contains(&gap)
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

#[cfg(test)]
mod tests {
    use super::super::pdf_line::is_plain;
    use super::*;

    /// Letters half an em wide each, from a point.
    fn write(lines: &mut Lines, text: &str, x: f32, y: f32) {
        set(lines, text, x, y, 10.0, 5.0);
    }

    fn set(lines: &mut Lines, text: &str, x: f32, y: f32, em: f32, pitch: f32) {
        for (n, c) in text.chars().enumerate() {
            if c == ' ' {
                lines.blank();
                continue;
            }
            let mut buffer = [0; 4];
            let (text, start) = (&*c.encode_utf8(&mut buffer), x + pitch * n as f32);
            assert!(lines.begin(&Writing { start: (start, y), direction: (1.0, 0.0), em }, text));
            lines.letter(&Stroke { text, start, end: start + em / 2.0, em, is_plain: is_plain(text) });
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

    #[test]
    fn letters_set_wide_apart_make_words() {
        // Each letter three tenths of an em from the next, the words with or without a blank between them.
        for (text, expected) in [("TRES SECRET", "TRES SECRET"), ("DIFFUSION RESTREINTE", "DIFFUSION RESTREINTE")] {
            let mut lines = Lines::default();
            set(&mut lines, text, 50.0, 400.0, 10.0, 8.0);
            assert_eq!(texts(lines), [expected]);
        }
        let mut lines = Lines::default();
        for (n, word) in ["TRES", "SECRET"].iter().enumerate() {
            set(&mut lines, word, 50.0 + 40.0 * n as f32, 400.0, 10.0, 8.0);
        }
        assert_eq!(texts(lines), ["TRES SECRET"]);
        // Numbers side by side stay numbers.
        let mut lines = Lines::default();
        set(&mut lines, "12345678", 50.0, 400.0, 10.0, 8.0);
        assert_eq!(texts(lines), ["1 2 3 4 5 6 7 8"]);
    }

    #[test]
    fn the_number_of_a_note_is_no_part_of_a_word() {
        let mut lines = Lines::default();
        write(&mut lines, "SECRET", 50.0, 400.0);
        set(&mut lines, "1", 80.0, 404.0, 6.0, 3.0);
        write(&mut lines, "x", 90.0, 400.0);
        // The note itself, further down; a sign of chemistry, and an ordinal.
        set(&mut lines, "1", 50.0, 304.0, 6.0, 3.0);
        write(&mut lines, "Article", 53.0, 300.0);
        write(&mut lines, "CO", 50.0, 200.0);
        set(&mut lines, "2", 60.0, 198.0, 6.0, 3.0);
        write(&mut lines, "1", 50.0, 100.0);
        set(&mut lines, "er", 55.0, 104.0, 6.0, 3.0);
        assert_eq!(texts(lines), ["SECRET 1 x", "1 Article", "CO2", "1er"]);
    }

    #[test]
    fn an_accent_inside_its_letters_edge_parts_no_word() {
        let mut lines = Lines::default();
        write(&mut lines, "prot", 50.0, 400.0);
        set(&mut lines, "\u{B4}", 72.0, 400.0, 10.0, 5.0);
        write(&mut lines, "eg", 70.0, 400.0);
        assert_eq!(texts(lines), ["prote\u{301}g"]);
    }
}
