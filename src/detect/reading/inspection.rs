// SPDX-License-Identifier: EUPL-1.2
//! The inspection of one mail: the evidence, the tables, and questions that several detectors ask.

use crate::detect::reading::evidence::Evidence;
use crate::detect::reading::link_hosts::LinkHosts;
use crate::detect::reading::lookalikes::Lookalikes;
use crate::detect::reading::text::Text;
use crate::detect::reading::triggers::{Hit, Topic, Triggers};
use crate::detect::reading::vocabulary::Markings;
use crate::document::Extract;
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
    pub triggers: Triggers,
}

/// What every detector is given.
pub struct Inspection<'a> {
    pub tables: &'a Tables,
    pub evidence: &'a Evidence<'a>,
    /// Where a text holds the beginning of something a detector knows, ordered by text and offset.
    hits: Vec<Hit>,
    stop: &'a Stop<'a>,
}

impl<'a> Inspection<'a> {
    pub fn new(tables: &'a Tables, evidence: &'a Evidence<'a>, stop: &'a Stop<'a>) -> Inspection<'a> {
        let mut hits = Vec::new();
        for (index, text) in evidence.texts.iter().enumerate().take_while(|_| !stop.now()) {
            tables.triggers.scan(index, &text.normal, &mut hits);
        }
        Inspection { tables, evidence, hits, stop }
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

/// The subject without what mail programs put before it, and whether that said "forward" or "reply".
pub struct Subject<'a> {
    pub bare: &'a str,
    pub forwarded: bool,
    pub replied: bool,
}

/// Prefixes of forwards in the words of mail programs: fr, en, nl, de, ar, es/it/pt as met in Brussels, nordic.
const FORWARDED: &[&str] = &[
    "tr",
    "fwd",
    "fw",
    "wg",
    "doorst",
    "doorgest",
    "doorgestuurd",
    "fs",
    "vb",
    "rv",
    "enc",
    "transf",
    "transfert",
    "إعادة توجيه",
    "اعادة توجيه",
    "احالة",
    "إحالة",
];
const REPLIED: &[&str] = &["re", "réf", "ref", "rép", "rep", "antw", "aw", "sv", "ré", "رد", "الرد"];

/// Splits `TR: RE: [ext] matter` into its prefixes and matter.
pub fn subject(text: &str) -> Subject<'_> {
    let mut subject = Subject { bare: text.trim(), forwarded: false, replied: false };
    // A thread of many turns piles prefixes up; eight are enough to tell.
    for _ in 0..8 {
        let Some((prefix, rest)) = subject.bare.split_once([':', '：']) else { break };
        let prefix = prefix.trim().trim_start_matches(['[', '(']);
        let prefix = prefix.split(['[', '(']).next().unwrap_or(prefix).trim().to_lowercase();
        let forwarded = FORWARDED.contains(&prefix.as_str());
        let replied = REPLIED.contains(&prefix.as_str());
        if !forwarded && !replied {
            break;
        }
        // The outermost prefix tells what this mail is: "TR: RE: x" is a forward, "RE: TR: x" an answer.
        if !subject.forwarded && !subject.replied {
            subject.forwarded = forwarded;
            subject.replied = replied;
        }
        subject.bare = rest.trim();
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_prefix_tells_forward_from_answer() {
        assert!(subject("TR: RE: budget").forwarded);
        assert!(!subject("RE: TR: budget").forwarded);
        assert_eq!(subject("Fwd: [PERSO] clés").bare, "[PERSO] clés");
        assert_eq!(subject("Doorgest: lijn").bare, "lijn");
        assert_eq!(subject("Réunion : jeudi").bare, "Réunion : jeudi");
        assert!(subject("إعادة توجيه: محضر").forwarded);
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("a\n  b"), "a b");
        assert!(excerpt(&"é".repeat(500)).chars().count() <= EXCERPT);
    }
}
