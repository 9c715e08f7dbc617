// SPDX-License-Identifier: EUPL-1.2
//! Decides whether words stand as a marking or in running prose: the position decides, not the words.

use crate::detect::reading::around::Sense;
use crate::detect::reading::capitals::{Capitals, Case};
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
    /// The whole line stands in quotation marks.
    pub quoted: bool,
    /// A label before it announces it.
    pub announced: bool,
    /// An abbreviation that a second sign must confirm.
    pub unsure: bool,
}

/// A level that begins its line, as a mark or as an item of a list of levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub level: usize,
    pub bullet: bool,
    /// Words that may explain it follow.
    pub explained: bool,
    pub capitals: bool,
}

/// What one line says.
#[derive(Debug, Default)]
pub struct Said {
    pub marks: Vec<Mark>,
    pub head: Option<Head>,
    /// Distinct levels on the line.
    pub levels: usize,
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

/// Words of an explanation beside a level, at least.
pub const EXPLANATION: usize = 3;
/// Letters of a word that lends no initial to an abbreviation: articles, "de", "van", "und".
const SMALL: usize = 3;

struct Token<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

/// Every mark on the line, and the level it begins with.
pub fn read(markings: &Markings, line: &Line<'_>) -> Said {
    if line.normal.len() > LONGEST * 2 {
        return Said::default();
    }
    // Folding is repeated on a single line so that text of any earlier folding compares equal.
    let folded = fold(line.normal);
    let text = folded.trim();
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Said::default();
    }
    let capitals = Capitals::of(line.original, tokens.len());
    if let Some(mark) = spaced_out(markings, text, &tokens, &capitals) {
        return Said { marks: vec![mark], head: None, levels: 1 };
    }
    if !tokens.iter().any(|token| markings.may_begin(token.text)) {
        return Said::default();
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
        let beside = markings.beside(&words[i..]).max(markings.around.at(&words[i..], Sense::Label));
        if beside > 0 {
            kinds[i..i + beside].fill(Role::Beside);
            i += beside;
        } else {
            if words[i].bytes().all(|b| b.is_ascii_digit()) || i == 0 && is_number(text, &tokens) {
                kinds[i] = Role::Beside;
            }
            i += 1;
        }
    }
    if found.is_empty() {
        return Said::default();
    }
    let around = &markings.around;
    let others = kinds.iter().filter(|kind| **kind == Role::Other).count();
    let has = |sense: Sense| {
        others > 0 && (0..words.len()).any(|i| kinds[i] == Role::Other && around.at(&words[i..], sense) > 0)
    };
    let reading = Reading {
        text,
        tokens: &tokens,
        words: &words,
        kinds: &kinds,
        others,
        prose: has(Sense::Verb),
        work: has(Sense::Work),
        clearance: has(Sense::Clearance),
        bullet: is_bullet(text),
        line,
    };
    let head = reading.head(markings, &found, &capitals);
    let level = |phrases: &[usize]| phrases.first().map(|&phrase| markings.phrases[phrase].level);
    let mut levels: Vec<usize> =
        found.iter().filter_map(|(_, _, phrases)| level(phrases)).filter(|&l| !markings.levels[l].caveat).collect();
    levels.sort_unstable();
    levels.dedup();
    let marks = found
        .into_iter()
        .filter_map(|(from, to, phrases)| {
            let phrases = strong_enough(markings, &phrases, &reading, from, to, capitals.in_range(from, to));
            let short = |&phrase: &usize| markings.phrases[phrase].strength < Strength::Plain;
            (!phrases.is_empty()).then_some(Mark {
                alone: others == 0,
                bullet: reading.bullet,
                quoted: reading.quoted(from, to),
                announced: reading.announced(markings, from, to),
                unsure: phrases.iter().all(short) && !reading.sure(markings, &phrases, from, to),
                phrases,
            })
        })
        .collect();
    Said { marks, head, levels: levels.len() }
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
    /// The line names a film, a novel, a quiz.
    work: bool,
    /// The line speaks of what somebody may see.
    clearance: bool,
    bullet: bool,
    line: &'a Line<'a>,
}

impl Reading<'_> {
    /// The level that the line begins with, if something parts it from what follows.
    fn head(&self, markings: &Markings, found: &[(usize, usize, Vec<usize>)], capitals: &Capitals) -> Option<Head> {
        let (from, to, phrases) = found.first()?;
        let phrase = &markings.phrases[*phrases.first()?];
        let first = self.kinds[..*from].iter().all(|kind| *kind == Role::Beside);
        let parted = self.separated_after(*to) || phrase.colon;
        let known = phrase.strength >= Strength::Plain;
        let capitals = capitals.in_range(*from, *to);
        (known && first && parted && capitals.some).then_some(Head {
            level: phrase.level,
            bullet: self.bullet,
            explained: self.others >= EXPLANATION,
            capitals: capitals.all,
        })
    }

    /// Whether an abbreviation needs no second sign: after a label, or in square brackets before everything else.
    fn sure(&self, markings: &Markings, phrases: &[usize], from: usize, to: usize) -> bool {
        let common = phrases.iter().any(|&phrase| markings.phrases[phrase].strength == Strength::Short);
        let opens = self.text.starts_with(['[', '{', '*']) && self.bracketed(from, to);
        let first = self.kinds[..from].iter().all(|kind| *kind != Role::Other);
        self.announced(markings, from, to) || common && opens && first && self.line.zone != LinePlacement::Body
    }

    /// `direction régionale (DR)`, `[TS] lot 4 - travaux supplémentaires`: words of the line have these initials.
    fn spelt_out(&self, from: usize, to: usize) -> bool {
        let letters: String = self.words[from..to].concat();
        let rest: Vec<&str> = self.words[..from].iter().chain(&self.words[to..]).copied().collect();
        has_initials(&rest, &letters)
    }

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
    fn announced(&self, markings: &Markings, from: usize, to: usize) -> bool {
        let colon = self
            .gap_before(from)
            .is_some_and(|gap| gap.trim_start().starts_with([':', '=', '：', '\t', '|']) || gap.contains('\t'));
        let label = |back| from >= back && markings.around.at(&self.words[from - back..from], Sense::Label) > 0;
        let announced = (1..=3).any(label);
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
    // A line that is nothing but a quoted wording is judged by what stands around it.
    if reading.quoted(from, to) && (!alone || in_subject) || reading.clearance {
        return Vec::new();
    }
    let bracketed = reading.bracketed(from, to);
    let announced = reading.announced(markings, from, to);
    let (leads, trails) = (reading.leads(from, to), reading.trails(from, to));
    // "Film : TOP SECRET", "Quiz – STRENG GEHEIM": the word before says what it is the title of.
    if reading.work && !leads && !announced {
        return Vec::new();
    }
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
                && !reading.work
                && (leads || trails)
                && reading.others <= EDGE_WORDS
                && reading.line.edge
        }
        Strength::Plain if announced => capitals.some,
        Strength::Plain if alone => capitals.all && (!reading.bullet || in_margin),
        Strength::Plain if reading.work => false,
        Strength::Plain if in_margin => {
            capitals.all && reading.others <= MARGIN_WORDS && (leads || trails) && !reading.prose
        }
        Strength::Plain if in_subject => capitals.all && (bracketed || leads || trails),
        Strength::Plain => false,
        Strength::Short | Strength::Homonym if announced => capitals.all,
        // A paragraph's own mark stands before it; an abbreviation that ends a heading explains the heading.
        Strength::Short | Strength::Homonym => {
            let first = reading.kinds[..from].iter().all(|kind| *kind != Role::Other);
            let placed = in_subject || in_margin || first;
            capitals.all && bracketed && placed && !reading.spelt_out(from, to)
        }
    };
    phrases
        .iter()
        .copied()
        .filter(|&index| stands(markings.phrases[index].strength, markings.phrases[index].colon))
        .collect()
}

/// `S T G .  G E H E I M`, `DIFFUSION  REST REINTE`, `S.E.C.R.E.T`: the whole line is one wording, its letters apart.
fn spaced_out(markings: &Markings, text: &str, tokens: &[Token<'_>], capitals: &Capitals) -> Option<Mark> {
    if text.len() > 96 {
        return None;
    }
    let words: Vec<&str> = tokens.iter().map(|token| token.text).collect();
    let phrases = markings.squeezed(&words.concat())?;
    if markings.at(&words, |_, _| true).is_some_and(|(length, _)| length == words.len()) {
        return None; // written as usual
    }
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
    (!phrases.is_empty()).then_some(Mark {
        phrases,
        alone: true,
        bullet: false,
        quoted: false,
        announced: false,
        unsure: false,
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

/// Whether consecutive words begin with these letters; small words may stand between them.
pub fn has_initials(words: &[&str], letters: &str) -> bool {
    let small = |word: &str| word.chars().nth(SMALL).is_none();
    let letters: Vec<char> = letters.chars().collect();
    let begins_at = |start: usize| {
        let mut content = words[start..].iter().filter(|word| !small(word));
        !small(words[start]) && letters.iter().all(|letter| content.next().is_some_and(|w| w.starts_with(*letter)))
    };
    letters.len() >= 2 && (0..words.len()).any(begins_at)
}

/// "a)", "B.": the number of a paragraph.
fn is_number(text: &str, tokens: &[Token<'_>]) -> bool {
    tokens.len() > 1
        && tokens[0].text.chars().count() == 1
        && (text[tokens[0].end..].starts_with([')', '.']) || is_bullet(text))
}

fn is_bullet(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    "-•*–·▪◦‣+o".contains(first) && text.chars().nth(1) == Some(' ')
        || first.is_ascii_digit()
            && text[1..].trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['.', ')', '°'])
}

/// A line whose first letters stand apart: `s t g .`, `d.i.f.f`.
pub fn may_be_spaced_out(line: &str) -> bool {
    let mut chars = line.trim_start().chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    let apart = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric());
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    letter(first) && apart(second) && (letter(third) || apart(third)) && line.len() <= 160
}
