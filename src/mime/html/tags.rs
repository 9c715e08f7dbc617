// SPDX-License-Identifier: EUPL-1.2
//! Cuts HTML into tokens as browsers do (WHATWG HTML §13.2.5), and looks at each byte a fixed number of times.

use memchr::{memchr, memmem};

/// One token of a document.
pub enum Token<'a> {
    /// Character data; references are not resolved yet.
    Text(&'a str),
    Open(Tag<'a>),
    /// The name of an end tag.
    Close(&'a str),
    /// A comment or what browsers take for one: never shown.
    Comment(&'a str),
}

pub struct Tag<'a> {
    pub name: &'a str,
    /// All after the name.
    attributes: &'a str,
    pub self_closing: bool,
}

/// Attributes of one tag that are looked at.
const MOST_ATTRIBUTES: usize = 100;

/// Cuts a document into tokens.
pub struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub fn new(html: &'a str) -> Tokens<'a> {
        Tokens { rest: html }
    }

    /// The content of an element that holds no markup (`style`, `textarea` …), up to its end tag or to the end.
    pub fn raw_until(&mut self, name: &str) -> &'a str {
        let bytes = self.rest.as_bytes();
        let mut from = 0;
        while let Some(at) = memmem::find(&bytes[from..], b"</").map(|at| from + at) {
            let after = at + 2 + name.len();
            let named = bytes.get(at + 2..after).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
            if named && bytes.get(after).is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>')) {
                let end = memchr(b'>', &bytes[after..]).map_or(bytes.len(), |i| after + i + 1);
                return self.take(at, end);
            }
            from = at + 2;
        }
        self.take(bytes.len(), bytes.len())
    }

    /// CDATA inside SVG and MathML, where it is text (§13.2.5.42).
    pub fn cdata(&mut self) -> Option<&'a str> {
        let inner = self.rest.strip_prefix("<![CDATA[")?;
        self.rest = inner;
        let end = inner.find("]]>").unwrap_or(inner.len());
        Some(self.take(end, end + 3))
    }

    /// What stands before `end`; goes on at `next`. Both are offsets of ASCII characters or the end.
    fn take(&mut self, end: usize, next: usize) -> &'a str {
        let rest = self.rest;
        self.rest = rest.get(next..).unwrap_or("");
        rest.get(..end).unwrap_or(rest)
    }

    /// After `<!`, `<?` or `</` and no name: a comment up to the next `>` (§13.2.5.41).
    fn bogus(&mut self) -> Token<'a> {
        self.rest = &self.rest[2..];
        let end = memchr(b'>', self.rest.as_bytes()).unwrap_or(self.rest.len());
        let comment = self.take(end, end + 1);
        let is_doctype = comment.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("doctype"));
        Token::Comment(if is_doctype { "" } else { comment })
    }

    fn comment(&mut self) -> Token<'a> {
        let inner = &self.rest[4..];
        self.rest = inner;
        // `<!-->` and `<!--->` are whole comments (§13.2.5.43 and 44).
        for whole in [">", "->"] {
            if inner.starts_with(whole) {
                self.take(0, whole.len());
                return Token::Comment("");
            }
        }
        let bytes = inner.as_bytes();
        let mut from = 0;
        while let Some(at) = memmem::find(&bytes[from..], b"--").map(|at| from + at) {
            // `--!>` closes as well (§13.2.5.51).
            for close in ["-->", "--!>"] {
                if bytes[at..].starts_with(close.as_bytes()) {
                    return Token::Comment(self.take(at, at + close.len()));
                }
            }
            from = at + 1;
        }
        Token::Comment(self.take(bytes.len(), bytes.len()))
    }

    /// A tag; `None` where the document ends inside it: browsers drop it.
    fn tag(&mut self, from: usize) -> Option<Token<'a>> {
        let rest = self.rest;
        let bytes = rest.as_bytes();
        let ends_name = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>');
        let name_end = bytes[from..].iter().position(ends_name).map(|i| from + i)?;
        let (mut at, mut after_equals) = (name_end, false);
        let end = loop {
            match bytes.get(at)? {
                b'>' => break at,
                quote @ (b'"' | b'\'') if after_equals => {
                    at += 1 + memchr(*quote, &bytes[at + 1..])?;
                    after_equals = false;
                }
                b'=' => after_equals = true,
                b if b.is_ascii_whitespace() => {}
                _ => after_equals = false,
            }
            at += 1;
        };
        self.rest = &rest[end + 1..];
        let name = &rest[from..name_end];
        if from == 2 {
            return Some(Token::Close(name));
        }
        let attributes = &rest[name_end..end];
        Some(Token::Open(Tag { name, attributes, self_closing: attributes.ends_with('/') }))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.rest.as_bytes();
        let opens = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
        match (bytes.first()?, bytes.get(1)) {
            (b'<', Some(b'!')) if bytes.starts_with(b"<!--") => Some(self.comment()),
            (b'<', Some(b'!' | b'?')) => Some(self.bogus()),
            (b'<', Some(b'/')) if !opens(bytes.get(2)) && bytes.len() > 2 => Some(self.bogus()),
            (b'<', Some(b'/')) if opens(bytes.get(2)) => self.tag(2).or_else(|| self.cut_off()),
            (b'<', next) if opens(next) => self.tag(1).or_else(|| self.cut_off()),
            _ => {
                // A `<` that opens nothing is text.
                let end = memchr(b'<', &bytes[1..]).map_or(bytes.len(), |i| i + 1);
                Some(Token::Text(self.take(end, end)))
            }
        }
    }
}

impl<'a> Tokens<'a> {
    /// The document ends inside a tag: nothing of it is shown.
    fn cut_off(&mut self) -> Option<Token<'a>> {
        Some(Token::Comment(std::mem::take(&mut self.rest)))
    }
}

impl<'a> Tag<'a> {
    /// Name (as written) and value of each attribute, references unresolved.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.attributes;
        let between = |c: char| c.is_ascii_whitespace() || c == '/';
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches(between);
            // A name may begin with an equals sign (§13.2.5.32).
            let end =
                rest.char_indices().skip(1).find(|(_, c)| between(*c) || *c == '=').map_or(rest.len(), |(i, _)| i);
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
                rest = after;
                return Some((name, ""));
            };
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (value, after) = match quote {
                Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                None => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
            };
            rest = after;
            Some((name, value))
        })
        .take(MOST_ATTRIBUTES)
    }

    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}
