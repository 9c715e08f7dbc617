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
    wrote_begins: Vec<String>,
    footers: Vec<String>,
    headers: HashMap<String, HeaderName>,
    /// The first two bytes of every word that opens a zone, a bit each.
    beginnings: Vec<u64>,
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
        let mut beginnings = vec![0; 1 << 10];
        for word in [&forward, &original, &footers, &list("header.from")].into_iter().flatten() {
            if let [first, second, ..] = *word.as_bytes() {
                let pair = usize::from(first) << 8 | usize::from(second);
                beginnings[pair / 64] |= 1 << (pair % 64);
            }
        }
        Lines {
            forward: Phrases::new(&forward),
            original: Phrases::new(&original),
            wrote: list("lines.wrote"),
            wrote_begins: list("lines.wrote_begins").iter().map(|word| format!("{word} ")).collect(),
            footers,
            headers,
            beginnings,
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
        self.wrote_begins.iter().any(|begin| line.starts_with(begin.as_str()))
    }

    pub fn begins_footer(&self, line: &str) -> bool {
        self.footers.iter().any(|footer| line.starts_with(footer.as_str()))
    }

    pub fn header(&self, name: &str) -> Option<HeaderName> {
        self.headers.get(name).copied()
    }

    /// Whether some wording begins with these two bytes: nearly all lines are done with here.
    pub fn may_begin(&self, first: u8, second: u8) -> bool {
        let pair = usize::from(first) << 8 | usize::from(second);
        self.beginnings.get(pair / 64).is_some_and(|bits| bits >> (pair % 64) & 1 == 1)
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
struct Phrases(Option<AhoCorasick>);

impl Phrases {
    fn new(words: &[String]) -> Phrases {
        // A few hundred short words stay far below the automaton's limit.
        Phrases(AhoCorasickBuilder::new().start_kind(StartKind::Both).build(words).ok().filter(|_| !words.is_empty()))
    }

    fn stand_in(&self, line: &str) -> bool {
        self.0.as_ref().is_some_and(|all| all.is_match(line))
    }

    fn begin(&self, line: &str) -> bool {
        self.0.as_ref().is_some_and(|all| all.find(Input::new(line).anchored(Anchored::Yes)).is_some())
    }
}
