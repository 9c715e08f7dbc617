// SPDX-License-Identifier: EUPL-1.2
//! Decides whether words stand as a marking or in running prose: the position decides, not the words.

use crate::detect::reading::vocabulary::{Markings, Strength};
use crate::directory::fold::fold;

/// Where the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinePlacement {
    Subject,
    Body,
    /// Headers, footers, watermarks, text boxes, properties: places made for marks.
    Margin,
}

/// A wording that stands as a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Wordings that read so; several where vocabularies share a word.
    pub phrases: Vec<usize>,
    /// Nothing else on its line.
    pub alone: bool,
    /// Its line is one item of a list.
    pub bullet: bool,
    pub capitals: bool,
}

/// One line, as read and as written.
pub struct Line<'a> {
    pub normal: &'a str,
    /// The same line in the original; `None` where lines do not correspond.
    pub original: Option<&'a str>,
    pub zone: LinePlacement,
    /// Among the first or last lines of its text.
    pub edge: bool,
}

/// A line longer than this in characters is prose, whatever it says.
const LONGEST: usize = 400;
/// Words a mark may have beside it: in the margin of a page, at the edge of a text, elsewhere.
const MARGIN_WORDS: usize = 10;
const EDGE_WORDS: usize = 12;

/// Words before a colon that announce a level.
const ANNOUNCE: &[&str] = &[
    "mention",
    "protection",
    "classification",
    "niveau",
    "marquage",
    "sensibilite",
    "confidentialite",
    "diffusion",
    "rubricering",
    "rubriceringsniveau",
    "merking",
    "classificatie",
    "vertrouwelijkheid",
    "marking",
    "level",
    "handling",
    "einstufung",
    "verschlusssachengrad",
    "geheimhaltungsgrad",
    "timbre",
    "sec",
    "التصنيف",
    "السريه",
    "درجه",
    "تصنيف",
    "درجة",
    "السرية",
];
/// Verbs and joints that make a line prose.
const PROSE: &[&str] = &[
    "est",
    "sont",
    "n",
    "pas",
    "etait",
    "etaient",
    "portait",
    "portaient",
    "peut",
    "doit",
    "signifie",
    "designe",
    "remplace",
    "is",
    "are",
    "was",
    "were",
    "means",
    "must",
    "should",
    "betekent",
    "zijn",
    "wordt",
    "worden",
    "waren",
    "ist",
    "sind",
    "wird",
    "war",
    "bedeutet",
    "هي",
    "هو",
    "يعني",
    "ليس",
    "ليست",
];

struct Token<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

/// Every mark on the line.
pub fn marks(markings: &Markings, line: &Line<'_>) -> Vec<Mark> {
    if line.normal.len() > LONGEST * 2 {
        return Vec::new();
    }
    // Folding is repeated on a single line so that text of any earlier folding compares equal.
    let folded = fold(line.normal);
    let text = folded.trim();
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Vec::new();
    }
    let capitals = Capitals::of(line, tokens.len());
    if let Some(mark) = spaced_out(markings, text, &tokens, line, &capitals) {
        return vec![mark];
    }
    if !tokens.iter().any(|token| markings.may_begin(token.text)) {
        return Vec::new();
    }
    let words: Vec<&str> = tokens.iter().map(|token| token.text).collect();
    let mut kinds = vec![Role::Other; tokens.len()];
    let mut found: Vec<(usize, usize, Vec<usize>)> = Vec::new();
    let mut i = 0;
    while i < words.len() {
        let friend = markings.friend(&words[i..]);
        if friend > 0 {
            i += friend;
            continue;
        }
        let joined = |k: usize, colon: bool| is_joint(text.get(tokens[i + k].end..tokens[i + k + 1].start), colon);
        if let Some((length, phrases)) = markings.at(&words[i..], joined) {
            kinds[i..i + length].fill(Role::Mark);
            found.push((i, i + length, phrases));
            i += length;
            continue;
        }
        let beside = markings.beside(&words[i..]);
        if beside > 0 {
            kinds[i..i + beside].fill(Role::Beside);
            i += beside;
        } else {
            if words[i].bytes().all(|b| b.is_ascii_digit()) || ANNOUNCE.contains(&words[i]) {
                kinds[i] = Role::Beside;
            }
            i += 1;
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    let others = kinds.iter().filter(|kind| **kind == Role::Other).count();
    let prose = words.iter().zip(&kinds).any(|(word, kind)| *kind == Role::Other && PROSE.contains(word));
    let bullet = is_bullet(text);
    let reading = Reading { text, tokens: &tokens, words: &words, kinds: &kinds, others, prose, bullet, line };
    found
        .into_iter()
        .filter_map(|(from, to, phrases)| {
            let capitals = capitals.in_range(from, to);
            let phrases = strong_enough(markings, &phrases, &reading, from, to, capitals);
            (!phrases.is_empty()).then_some(Mark { phrases, alone: others == 0, bullet, capitals: capitals.all })
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Mark,
    Beside,
    Other,
}

struct Reading<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    words: &'a [&'a str],
    kinds: &'a [Role],
    others: usize,
    prose: bool,
    bullet: bool,
    line: &'a Line<'a>,
}

impl Reading<'_> {
    /// What stands between the mark and the word before it; `None` at the start of the line.
    fn gap_before(&self, from: usize) -> Option<&str> {
        let before = from.checked_sub(1)?;
        self.text.get(self.tokens[before].end..self.tokens[from].start)
    }

    fn gap_after(&self, to: usize) -> Option<&str> {
        self.text.get(self.tokens[to - 1].end..self.tokens.get(to)?.start)
    }

    fn quoted(&self, from: usize, to: usize) -> bool {
        let before = self.text[..self.tokens[from].start].trim_end().chars().next_back();
        let after = self.text[self.tokens[to - 1].end..].trim_start().chars().next();
        before.is_some_and(|c| "«\"“‘„'‹".contains(c)) && after.is_some_and(|c| "»\"”’“'›".contains(c))
    }

    /// The mark and its companions fill a pair of brackets.
    fn bracketed(&self, from: usize, to: usize) -> bool {
        let start =
            (0..=from).rev().find(|&i| i == 0 || self.kinds[i - 1] == Role::Other || self.opens(i)).unwrap_or(from);
        let end =
            (to..=self.kinds.len()).find(|&i| i == self.kinds.len() || self.kinds[i] == Role::Other || self.closes(i));
        let before = self.text[..self.tokens[start].start].trim_end().chars().next_back();
        // "[Dep.V.]": the point belongs to the wording.
        let after =
            self.text[self.tokens[end.unwrap_or(to) - 1].end..].trim_start_matches(['.', ' ', '\t']).chars().next();
        matches!(
            (before, after),
            (Some('['), Some(']'))
                | (Some('('), Some(')'))
                | (Some('{'), Some('}'))
                | (Some('<'), Some('>'))
                | (Some('*'), Some('*'))
        )
    }

    fn opens(&self, i: usize) -> bool {
        self.gap_before(i).is_some_and(|gap| gap.contains(['[', '(', '{']))
    }

    fn closes(&self, i: usize) -> bool {
        self.gap_after(i).is_some_and(|gap| gap.contains([']', ')', '}']))
    }

    /// `Classification: SECRET`, `Rubricering : Stg. GEHEIM`.
    fn announced(&self, from: usize, to: usize) -> bool {
        let colon = self
            .gap_before(from)
            .is_some_and(|gap| gap.trim_start().starts_with([':', '=', '：', '\t', '|']) || gap.contains('\t'));
        let announced = from > 0 && ANNOUNCE.contains(&self.words[from - 1])
            || from > 1 && ANNOUNCE.contains(&self.words[from - 2]);
        let after = self.kinds[to..].iter().filter(|kind| **kind == Role::Other).count();
        colon && announced && after <= 4
    }

    /// Nothing but companions stands before it, and a separator after it.
    fn leads(&self, from: usize, to: usize) -> bool {
        self.kinds[..from].iter().all(|kind| *kind != Role::Other) && self.separated_after(to)
    }

    fn trails(&self, from: usize, to: usize) -> bool {
        self.kinds[to..].iter().all(|kind| *kind != Role::Other)
            && self.gap_before(from).is_none_or(is_separator)
            && !self.text[self.tokens[to - 1].end..].contains(['!', '?'])
    }

    /// A separator stands between the mark and the next foreign word.
    fn separated_after(&self, to: usize) -> bool {
        let next = (to..self.kinds.len()).find(|&i| self.kinds[i] == Role::Other);
        let gap = |i: usize| self.text.get(self.tokens[i - 1].end..self.tokens[i].start);
        next.is_none_or(|next| (to..=next).any(|i| gap(i).is_some_and(is_separator)))
    }
}

/// The wordings that mark in this position.
fn strong_enough(
    markings: &Markings,
    phrases: &[usize],
    reading: &Reading<'_>,
    from: usize,
    to: usize,
    capitals: Case,
) -> Vec<usize> {
    let alone = reading.others == 0;
    let in_margin = reading.line.zone == LinePlacement::Margin;
    let in_subject = reading.line.zone == LinePlacement::Subject;
    if reading.quoted(from, to) && !(alone && in_margin) {
        return Vec::new();
    }
    let bracketed = reading.bracketed(from, to);
    let announced = reading.announced(from, to);
    let (leads, trails) = (reading.leads(from, to), reading.trails(from, to));
    let stands = |strength: Strength, colon: bool| match strength {
        Strength::Specific if alone || announced => true,
        // "TLP:AMBER indicateurs": the standard's own wording needs no separator.
        Strength::Specific if colon && (in_subject || reading.line.edge) => capitals.all && from == 0,
        Strength::Specific if in_margin => {
            reading.others <= MARGIN_WORDS && !reading.prose && (capitals.all || leads || trails)
        }
        Strength::Specific if in_subject => (bracketed || leads || trails) && (capitals.some || bracketed),
        Strength::Specific => {
            capitals.all
                && !reading.prose
                && (bracketed || leads || trails)
                && reading.others <= EDGE_WORDS
                && reading.line.edge
        }
        Strength::Plain if announced => capitals.some,
        Strength::Plain if alone => capitals.all && (!reading.bullet || in_margin),
        Strength::Plain if in_margin => {
            capitals.all && reading.others <= MARGIN_WORDS && (leads || trails) && !reading.prose
        }
        Strength::Plain if in_subject => capitals.all && (bracketed || leads || trails),
        Strength::Plain => false,
        Strength::Short => capitals.all && (announced || bracketed && (in_subject || in_margin || reading.line.edge)),
    };
    phrases
        .iter()
        .copied()
        .filter(|&index| stands(markings.phrases[index].strength, markings.phrases[index].colon))
        .collect()
}

/// `S T G .  G E H E I M`, `DIFFUSION  REST REINTE`, `S.E.C.R.E.T`: the whole line is one wording, its letters apart.
fn spaced_out(
    markings: &Markings,
    text: &str,
    tokens: &[Token<'_>],
    line: &Line<'_>,
    capitals: &Capitals,
) -> Option<Mark> {
    if text.len() > 96 {
        return None;
    }
    let letters: String = tokens.iter().map(|token| token.text).collect();
    let phrases = markings.squeezed(&letters)?;
    let whole = capitals.in_range(0, tokens.len());
    let single = tokens.iter().all(|token| token.text.chars().count() <= 2);
    let phrases: Vec<usize> = phrases
        .iter()
        .copied()
        .filter(|&index| {
            let phrase = &markings.phrases[index];
            // The ordinary way of writing it is not this function's business.
            phrase.words.len() != tokens.len()
                && (phrase.strength == Strength::Specific || whole.all || single && tokens.len() > 3)
        })
        .collect();
    (!phrases.is_empty()).then(|| Mark {
        phrases,
        alone: true,
        bullet: false,
        capitals: whole.all || line.original.is_none(),
    })
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            tokens.push(Token { start: from, end: at, text: &text[from..at] });
        }
    }
    if let Some(from) = start {
        tokens.push(Token { start: from, end: text.len(), text: &text[from..] });
    }
    tokens
}

/// What may stand inside one wording.
fn is_joint(gap: Option<&str>, colon: bool) -> bool {
    gap.is_some_and(|gap| gap.chars().all(|c| c.is_whitespace() || "-–—‐‑_./'’*·•+".contains(c) || colon && c == ':'))
}

/// What parts a mark from the matter that follows or precedes it.
fn is_separator(gap: &str) -> bool {
    gap.contains([':', '：', '|', '[', ']', '(', ')', '—', '–', '\t', '*', '•', '·', '>', '<', '{', '}'])
        || gap.contains(" - ")
        || gap.contains("//")
        || gap.contains(" / ")
        || gap.contains("--")
        || gap.contains("==")
        || gap.trim() == "_"
        || gap.starts_with("- ")
}

fn is_bullet(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    "-•*–·▪◦‣+o".contains(first) && text.chars().nth(1) == Some(' ')
        || first.is_ascii_digit()
            && text[1..].trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['.', ')', '°'])
}

/// Whether words of the line are written in capitals; scripts without case count as capitals.
struct Capitals(Vec<Case>);

#[derive(Debug, Clone, Copy)]
struct Case {
    /// Every letter is a capital.
    all: bool,
    /// Some word begins with a capital.
    some: bool,
}

impl Capitals {
    fn of(line: &Line<'_>, expected: usize) -> Capitals {
        let Some(original) = line.original else { return Capitals(vec![Case { all: true, some: true }; expected]) };
        let mut cases = Vec::with_capacity(expected);
        let mut word: Option<Case> = None;
        for c in original.trim().chars().chain([' ']) {
            let mark = unicode_normalization::char::is_combining_mark(c)
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || c == '\u{640}'
                || c == '\u{ad}';
            if c.is_alphanumeric() {
                let small = c.is_lowercase();
                match &mut word {
                    None => word = Some(Case { all: !small, some: !small }),
                    Some(case) => case.all &= !small,
                }
            } else if !mark && let Some(case) = word.take() {
                cases.push(case);
            }
        }
        if cases.len() == expected {
            return Capitals(cases);
        }
        // The words do not correspond (ligatures, homoglyphs, tags inside a word): ask the whole line.
        let all = !original.chars().any(char::is_lowercase);
        Capitals(vec![Case { all, some: all || original.chars().any(char::is_uppercase) }; expected])
    }

    fn in_range(&self, from: usize, to: usize) -> Case {
        let cases = self.0.get(from..to).unwrap_or(&[]);
        Case { all: cases.iter().all(|case| case.all), some: cases.iter().any(|case| case.some) }
    }
}

/// A line whose first letters stand apart: `s t g .`, `d.i.f.f`.
pub fn may_be_spaced_out(line: &str) -> bool {
    let mut chars = line.trim_start().chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    let apart = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric());
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    letter(first) && apart(second) && (letter(third) || apart(third)) && line.len() <= 160
}
