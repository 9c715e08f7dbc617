// SPDX-License-Identifier: EUPL-1.2
//! The inspection of one mail: the evidence, the tables, and questions that several detectors ask.

use std::cell::OnceCell;

use crate::detect::reading::evidence::Evidence;
use crate::detect::reading::link_hosts::LinkHosts;
use crate::detect::reading::lookalikes::Lookalikes;
use crate::detect::reading::quotations::{self, Quotation};
use crate::detect::reading::text::Text;
use crate::detect::reading::triggers::{Hit, Topic, Triggers};
use crate::detect::reading::vocabulary::Markings;
use crate::detect::reading::words::{Subject, Words};
use crate::document::Extract;
use crate::lists::Lookup;
use crate::mime::Stop;

/// Longest excerpt, in characters: enough to recognise the line, too little to carry the matter.
const EXCERPT: usize = 80;

/// What detectors look things up in, built once for a version of the policies.
#[derive(Debug)]
pub struct Tables {
    pub markings: Markings,
    pub links: LinkHosts,
    /// The administration's domains, without `*.`.
    pub own: Vec<String>,
    pub lookalikes: Lookalikes,
    pub words: Words,
    pub triggers: Triggers,
    /// Administrative lists as they are registered, and the names of those that everybody is on.
    pub lists: Lookup,
    pub universal: Vec<String>,
}

/// What every detector is given.
pub struct Inspection<'a> {
    pub tables: &'a Tables,
    pub evidence: &'a Evidence<'a>,
    /// Where a text holds the beginning of something a detector knows, ordered by text and offset.
    hits: Vec<Hit>,
    /// Read when first asked for.
    quotations: OnceCell<Vec<Quotation>>,
    stop: &'a Stop<'a>,
}

impl<'a> Inspection<'a> {
    pub fn new(tables: &'a Tables, evidence: &'a Evidence<'a>, stop: &'a Stop<'a>) -> Inspection<'a> {
        let mut hits = Vec::new();
        for (index, text) in evidence.texts.iter().enumerate().take_while(|_| !stop.now()) {
            tables.triggers.scan(index, &text.normal, &mut hits);
        }
        Inspection { tables, evidence, hits, quotations: OnceCell::new(), stop }
    }

    /// Whether the time is up.
    pub fn is_over(&self) -> bool {
        self.stop.now()
    }

    /// Every text, until the time is up: the loops that cost most go over these.
    pub fn texts(&self) -> impl Iterator<Item = &'a Text> + '_ {
        self.evidence.texts.iter().take_while(|_| !self.stop.now())
    }

    /// Offsets into `normal` of text number `index` where a literal of this topic ends.
    pub fn hits(&self, index: usize, topic: Topic) -> impl Iterator<Item = usize> + '_ {
        let from = self.hits.partition_point(|hit| hit.text < index);
        self.hits[from..]
            .iter()
            .take_while(move |hit| hit.text == index)
            .filter(move |hit| hit.topic == topic)
            .map(|hit| hit.at)
    }

    pub fn has_hit(&self, index: usize, topic: Topic) -> bool {
        self.hits(index, topic).next().is_some()
    }

    /// The first header of that name in the message's own header section.
    pub fn header(&self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    /// Every header of that name, in order: a second Subject is as visible as the first to some readers.
    pub fn headers(&self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.evidence
            .message
            .headers
            .iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }

    /// The messages that the body quotes.
    pub fn quotations(&self) -> &[Quotation] {
        self.quotations.get_or_init(|| quotations::find(self.body_texts(), &self.tables.words))
    }

    /// A subject's prefixes and matter.
    pub fn split_subject<'t>(&self, text: &'t str) -> Subject<'t> {
        self.tables.words.subject(text)
    }

    /// The mail's own subject, split.
    pub fn subject(&self) -> Subject<'a> {
        let subject = self.evidence.texts.iter().find(|text| text.place == "subject");
        self.tables.words.subject(subject.map_or("", |text| text.original.as_str()))
    }

    /// The texts a person wrote or passed on in the message itself, attachments apart.
    pub fn body_texts(&self) -> impl Iterator<Item = (usize, &'a Text)> {
        self.evidence.texts.iter().enumerate().filter(|(_, text)| is_body(&text.place))
    }

    /// Every file, outermost first, with its place: attachments and what stands inside them.
    pub fn files(&self) -> Vec<(String, &'a Extract)> {
        let mut files = Vec::new();
        for opened in self.evidence.opened {
            walk(&opened.place, &opened.extract, &mut files);
        }
        files
    }
}

fn walk<'a>(place: &str, extract: &'a Extract, files: &mut Vec<(String, &'a Extract)>) {
    files.push((place.to_owned(), extract));
    for child in &extract.children {
        walk(&format!("{place}/{}", child.name), child, files);
    }
}

/// `body` and its zones.
pub fn is_body(place: &str) -> bool {
    place == "body" || place.starts_with("body#")
}

/// The place without its zone: `attachment:a.docx#footer` is in `attachment:a.docx`.
pub fn file_of(place: &str) -> &str {
    place.split('#').next().unwrap_or(place)
}

/// A few words for a finding: one line, blanks run together, cut at [`EXCERPT`] characters.
pub fn excerpt(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > EXCERPT * 4 {
            break;
        }
    }
    if out.chars().count() > EXCERPT {
        out = out.chars().take(EXCERPT - 1).collect();
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("a\n  b"), "a b");
        assert!(excerpt(&"é".repeat(500)).chars().count() <= EXCERPT);
    }
}
