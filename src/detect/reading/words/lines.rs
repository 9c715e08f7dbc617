// SPDX-License-Identifier: EUPL-1.2
//! The words on lines that mail programs write over and under a quoted message.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, Anchored, Input, StartKind};

use crate::detect::reading::normal::normalise;

/// What a header line of a quoted message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderName {
    From,
    Subject,
    Date,
    To,
    Cc,
    Other,
}

/// Wordings on lines, in one form of comparison.
#[derive(Debug, Default)]
pub struct Lines {
    forward: Phrases,
    original: Phrases,
    wrote: Vec<String>,
    /// With a blank behind each.
    wrote_begins: Beginnings,
    footers: Beginnings,
    headers: HashMap<String, HeaderName>,
    /// Of every word that opens a zone.
    first: Pairs,
}

impl Lines {
    pub(super) fn new(all: &BTreeMap<&'static str, Vec<String>>, form: fn(&str) -> String) -> Lines {
        let list = |key: &str| -> Vec<String> {
            let mut words: Vec<String> = all.get(key).into_iter().flatten().map(|word| form(word)).collect();
            words.sort();
            words.dedup();
            words
        };
        let mut headers = HashMap::new();
        // A name that two languages read differently is what comes first here.
        let kinds = [
            ("header.from", HeaderName::From),
            ("header.subject", HeaderName::Subject),
            ("header.date", HeaderName::Date),
            ("header.to", HeaderName::To),
            ("header.cc", HeaderName::Cc),
            ("header.other", HeaderName::Other),
        ];
        for (key, kind) in kinds {
            list(key).into_iter().for_each(|name| _ = headers.entry(name).or_insert(kind));
        }
        let (forward, original, footers) = (list("lines.forward"), list("lines.original"), list("footer.begins"));
        let opening = [&forward, &original, &footers, &list("header.from")];
        let first = Pairs::of(opening.into_iter().flatten());
        let wrote_begins = list("lines.wrote_begins").iter().map(|word| format!("{word} ")).collect();
        Lines {
            forward: Phrases::new(&forward),
            original: Phrases::new(&original),
            wrote: list("lines.wrote"),
            wrote_begins: Beginnings::of(wrote_begins),
            footers: Beginnings::of(footers),
            headers,
            first,
        }
    }

    /// Whether the line holds wording that only a forward carries.
    pub fn says_forward(&self, line: &str) -> bool {
        self.forward.stand_in(line)
    }

    pub fn begins_forward(&self, line: &str) -> bool {
        self.forward.begin(line)
    }

    /// Whether it holds wording that stands over forwards and answers alike.
    pub fn says_original(&self, line: &str) -> bool {
        self.original.stand_in(line)
    }

    pub fn begins_original(&self, line: &str) -> bool {
        self.original.begin(line)
    }

    /// What stands before "wrote" at the end of the line above an answered message.
    pub fn before_wrote<'t>(&self, line: &'t str) -> Option<&'t str> {
        let line = line.trim_end_matches([':', ' ', '\u{a0}', '：']);
        self.wrote.iter().filter_map(|wrote| line.strip_suffix(wrote.as_str())).min_by_key(|before| before.len())
    }

    /// Whether "wrote" stands somewhere in it: German and Dutch put the name behind.
    pub fn holds_wrote(&self, line: &str) -> bool {
        self.wrote.iter().any(|wrote| line.contains(wrote.as_str()))
    }

    /// What stands behind the first "wrote".
    pub fn after_wrote<'t>(&self, line: &'t str) -> Option<&'t str> {
        let ends = self.wrote.iter().filter_map(|wrote| Some((line.find(wrote.as_str())?, wrote.len())));
        ends.min_by_key(|(at, length)| (*at, usize::MAX - length)).map(|(at, length)| &line[at + length..])
    }

    /// Whether a line above an answered message may begin so.
    pub fn begins_wrote(&self, line: &str) -> bool {
        self.wrote_begins.stand_before(line)
    }

    pub fn begins_footer(&self, line: &str) -> bool {
        self.footers.stand_before(line)
    }

    pub fn header(&self, name: &str) -> Option<HeaderName> {
        self.headers.get(name).copied()
    }

    /// Whether some wording that opens a zone begins like this line: nearly all lines are done with here.
    pub fn may_begin(&self, line: &str) -> bool {
        self.first.may_begin(line)
    }
}

/// The first two bytes of words, a bit each: which lines are worth a comparison with the words themselves.
#[derive(Debug, Default)]
struct Pairs(Vec<u64>);

impl Pairs {
    fn of<'w>(words: impl IntoIterator<Item = &'w String>) -> Pairs {
        let mut pairs = vec![0; 1 << 10];
        for word in words {
            match *word.as_bytes() {
                [] => pairs.fill(u64::MAX),
                // Any letter may follow.
                [first] => pairs[usize::from(first) * 4..][..4].fill(u64::MAX),
                [first, second, ..] => {
                    pairs[usize::from(first) * 4 + usize::from(second) / 64] |= 1 << (second % 64);
                }
            }
        }
        Pairs(pairs)
    }

    fn may_begin(&self, line: &str) -> bool {
        let (first, second) = match *line.as_bytes() {
            // Too short to tell.
            [] | [_] => return !self.0.is_empty(),
            [first, second, ..] => (first, second),
        };
        let bits = self.0.get(usize::from(first) * 4 + usize::from(second) / 64);
        bits.is_some_and(|bits| bits >> (second % 64) & 1 == 1)
    }
}

/// Words that a line may begin with.
#[derive(Debug, Default)]
struct Beginnings {
    first: Pairs,
    words: Vec<String>,
}

impl Beginnings {
    fn of(words: Vec<String>) -> Beginnings {
        Beginnings { first: Pairs::of(&words), words }
    }

    fn stand_before(&self, line: &str) -> bool {
        self.first.may_begin(line) && self.words.iter().any(|word| line.starts_with(word.as_str()))
    }
}

/// Literals that make a text worth reading for quoted messages, in normal form.
pub(super) fn triggers(all: &BTreeMap<&'static str, Vec<String>>) -> Vec<String> {
    let list = |key: &str| all.get(key).into_iter().flatten().map(|word| normalise(word));
    let mut words: Vec<String> = list("lines.forward").chain(list("lines.original")).collect();
    for name in list("header.subject") {
        words.extend([":", " :", "："].map(|colon| format!("{name}{colon}")));
    }
    words.push(">>> ".to_owned());
    words.sort();
    words.dedup();
    // A word that holds another trigger finds nothing more.
    let shorter = |word: &String| words.iter().any(|other| other.len() < word.len() && word.contains(other.as_str()));
    words.iter().filter(|word| !shorter(word)).cloned().collect()
}

/// Wordings looked for all at once.
#[derive(Debug, Default)]
struct Phrases {
    first: Pairs,
    all: Option<AhoCorasick>,
}

impl Phrases {
    fn new(words: &[String]) -> Phrases {
        // A few hundred short words stay far below the automaton's limit.
        let all = AhoCorasickBuilder::new().start_kind(StartKind::Both).build(words).ok().filter(|_| !words.is_empty());
        Phrases { first: Pairs::of(words), all }
    }

    fn stand_in(&self, line: &str) -> bool {
        self.all.as_ref().is_some_and(|all| all.is_match(line))
    }

    fn begin(&self, line: &str) -> bool {
        let begins = |all: &AhoCorasick| all.find(Input::new(line).anchored(Anchored::Yes)).is_some();
        self.first.may_begin(line) && self.all.as_ref().is_some_and(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_worth_comparing_is_one_that_a_word_may_open() {
        let words = ["de", "x", "été"].map(str::to_owned);
        let known = Beginnings::of(words.to_vec());
        for (line, begins) in [("de qui", true), ("d", false), ("x", true), ("xy", true), ("étés", true), ("ét", false)]
        {
            assert_eq!(known.stand_before(line), begins, "{line}");
        }
        assert!(!known.first.may_begin("da") && !known.first.may_begin("ex") && known.first.may_begin("éa"));
        assert!(!Beginnings::default().stand_before("") && Beginnings::of(vec![String::new()]).stand_before("a"));
        let phrases = Phrases::new(&words);
        assert!(phrases.begin("x") && phrases.begin("de") && !phrases.begin("d") && !phrases.begin("ade"));
        assert!(phrases.stand_in("ade") && !Phrases::default().begin("de"));
    }
}
