// SPDX-License-Identifier: EUPL-1.2
//! HTML elements: which are shown, which break the line, which end which (WHATWG HTML §13.2.6 and §15.3).

use super::style::{Appearance, Flow};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// No content.
    Void,
    /// Content that is not markup and not shown.
    Unseen,
    /// Content that is not markup and shown.
    Literal,
    /// Markup that is not shown.
    Gone,
    Shown,
}

pub fn kind(name: &str) -> ElementKind {
    match name {
        "area" | "base" | "br" | "col" | "embed" | "hr" | "img" | "input" | "link" | "meta" | "param" | "source"
        | "track" | "wbr" => ElementKind::Void,
        "style" | "script" | "title" | "iframe" | "noembed" | "noframes" => ElementKind::Unseen,
        "textarea" | "xmp" | "plaintext" => ElementKind::Literal,
        "template" | "datalist" | "desc" | "metadata" | "defs" => ElementKind::Gone,
        _ => ElementKind::Shown,
    }
}

/// Line ends that a start tag sets before itself.
pub fn breaks_before(name: &str) -> usize {
    match name {
        "br" | "li" | "tr" | "td" | "th" | "option" | "ul" | "ol" | "table" | "body" => 1,
        name => blocks(name),
    }
}

/// Line ends that an end tag sets.
pub fn breaks_after(name: &str) -> usize {
    match name {
        "br" | "ol" | "ul" | "tr" | "td" | "th" | "option" | "table" | "pre" | "textarea" => 1,
        "hr" => 0,
        name => blocks(name),
    }
}

fn blocks(name: &str) -> usize {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "div" | "blockquote" | "address" | "dl" | "dt" | "dd"
        | "article" | "aside" | "section" | "main" | "header" | "footer" | "nav" | "hr" | "center" | "fieldset"
        | "figure" | "figcaption" | "form" | "legend" | "caption" | "details" | "summary" => 2,
        "pre" | "xmp" | "plaintext" | "textarea" => 1,
        _ => 0,
    }
}

/// Elements open at once that are followed; browsers stop at 512.
const DEEPEST: usize = 256;

struct Open {
    name: u64,
    look: Appearance,
    inline: bool,
    reversed: bool,
}

/// The elements that are open.
#[derive(Default)]
pub struct Stack {
    open: Vec<Open>,
    foreign: usize,
    literal: usize,
    /// The look of something without content, while it is said.
    instead: Option<Appearance>,
}

/// What ended with an end tag.
pub struct Closed {
    pub inline: bool,
    /// Reversals that ended with it.
    pub reversed: usize,
}

impl Stack {
    pub fn look(&self) -> Appearance {
        self.instead.or(self.open.last().map(|open| open.look)).unwrap_or(Appearance::PLAIN)
    }

    /// Takes a look for something without elements inside; gives the one before.
    pub fn swap(&mut self, look: Appearance) -> Appearance {
        let before = self.look();
        self.instead = (self.open.last().map_or(Appearance::PLAIN, |open| open.look) != look).then_some(look);
        before
    }

    /// Inside SVG or MathML.
    pub fn in_foreign(&self) -> bool {
        self.foreign > 0
    }

    pub fn keeps_blanks(&self) -> bool {
        self.literal > 0
    }

    pub fn open(&mut self, name: &str, look: Appearance, flow: Flow) {
        if self.open.len() >= DEEPEST {
            return;
        }
        self.foreign += usize::from(is_foreign(key(name)));
        self.literal += usize::from(name == "pre");
        self.open.push(Open { name: key(name), look, inline: flow.inline, reversed: false });
    }

    /// The element just opened shows its letters in reverse.
    pub fn reverse(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.reversed = true;
        }
    }

    /// Ends the innermost element of that name and all inside it; `None` where none is open.
    pub fn close(&mut self, name: &str) -> Option<Closed> {
        self.close_within(key(name), barrier(name))
    }

    /// Ends what a start tag of that name ends without an end tag of its own: `<p>` a paragraph, `<li>` an item.
    pub fn imply_end(&mut self, name: &str) -> usize {
        let ended: &[&str] = match name {
            "li" => &["li"],
            "dt" | "dd" => &["dt", "dd"],
            "td" | "th" => &["td", "th"],
            "tr" => &["tr"],
            "option" => &["option"],
            _ if blocks(name) > 0 || matches!(name, "ul" | "ol" | "table") => &["p"],
            _ => return 0,
        };
        let ended = ended.iter().filter_map(|ended| self.close_within(key(ended), implied_barrier(name)));
        ended.map(|closed| closed.reversed).sum()
    }

    fn close_within(&mut self, name: u64, barrier: &[&str]) -> Option<Closed> {
        let stops = |open: &&Open| open.name != name && barrier.iter().any(|barrier| open.name == key(barrier));
        let from = self.open.iter().rposition(|open| open.name == name || stops(&open))?;
        if self.open[from].name != name {
            return None;
        }
        let mut closed = Closed { inline: self.open[from].inline, reversed: 0 };
        for open in self.open.drain(from..) {
            closed.reversed += usize::from(open.reversed);
            self.foreign -= usize::from(is_foreign(open.name));
            self.literal -= usize::from(open.name == key("pre"));
        }
        Some(closed)
    }
}

/// An end tag does not reach out of a cell, and a cell's not out of its table.
fn barrier(name: &str) -> &'static [&'static str] {
    match name {
        "table" | "body" | "html" => &[],
        "td" | "th" | "tr" | "tbody" | "thead" | "tfoot" => &["table"],
        _ => &["td", "th", "table"],
    }
}

fn implied_barrier(name: &str) -> &'static [&'static str] {
    match name {
        "li" => &["ul", "ol", "td", "table"],
        "td" | "th" | "tr" => &["table"],
        "option" => &["select"],
        _ => &["td", "th", "table", "button"],
    }
}

/// Names as numbers: the first eight letters tell all apart that matter here.
const fn key(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (mut key, mut at) = (0, 0);
    while at < bytes.len() && at < 8 {
        key = key << 8 | bytes[at] as u64;
        at += 1;
    }
    key
}

fn is_foreign(name: u64) -> bool {
    name == const { key("svg") } || name == const { key("math") }
}
