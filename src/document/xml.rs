// SPDX-License-Identifier: EUPL-1.2
//! Reads XML tolerantly: decoded text, local names, resolved entities; expands and fetches nothing.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::DocumentError;
use crate::mime::charset;

/// One step through a document. Names are local: prefixes are the author's choice.
pub(super) enum Node<'a> {
    Start(Element<'a>),
    End(&'a str),
    /// All character data between two tags, entities resolved.
    Text(&'a str),
}

pub(super) struct Element<'a> {
    start: &'a BytesStart<'a>,
    pub name: &'a str,
}

impl Element<'_> {
    /// The value of the first attribute with this local name, entities resolved.
    pub fn attribute(&self, local: &str) -> Option<String> {
        self.attributes().find(|(name, _)| name == local).map(|(_, value)| value)
    }

    /// All attributes: local name and value.
    pub fn attributes(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let mut attributes = self.start.html_attributes();
        attributes.with_checks(false);
        attributes.flatten().map(|attribute| {
            let name = attribute.key.local_name();
            (name.as_ref().to_owned(), unescape(&attribute.value))
        })
    }
}

/// Decodes a part: by what its bytes tell, a declared charset, a guess.
pub(super) fn decode(bytes: &[u8]) -> String {
    charset::decode_markup(bytes, None)
}

/// Conditions of Microsoft's older programs (`<![if …]>`, `<![endif]>`) are no XML and are met in VML: without them.
fn without_conditions(xml: &str) -> Cow<'_, str> {
    if !xml.contains("<![if") && !xml.contains("<![endif") {
        return Cow::Borrowed(xml);
    }
    let mut out = String::with_capacity(xml.len());
    let mut rest = xml;
    while let Some(at) = rest.find("<![") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let is_condition = ["<![if", "<![endif"].iter().any(|word| from.starts_with(word));
        let end = if is_condition { from.find('>').map_or(from.len(), |end| end + 1) } else { 3 };
        if !is_condition {
            out.push_str("<![");
        }
        rest = from.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Walks a document. An error in the form ends the walk; what was visited stays visited.
pub(super) fn walk(xml: &str, visit: &mut dyn FnMut(Node<'_>)) -> Result<(), DocumentError> {
    let xml = without_conditions(xml);
    let mut reader = Reader::from_str(&xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    // Entities and CDATA arrive as events of their own; a visitor sees the whole between two tags.
    let mut content = String::new();
    loop {
        let event = reader.read_event();
        let tag = !matches!(event, Ok(Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) | Event::Comment(_)));
        if tag && !content.is_empty() {
            visit(Node::Text(&content));
            content.clear();
        }
        match event.map_err(|_| DocumentError::Broken)? {
            Event::Start(start) => {
                let local = start.local_name();
                visit(Node::Start(Element { start: &start, name: local.as_ref() }));
            }
            Event::Empty(start) => {
                let local = start.local_name();
                visit(Node::Start(Element { start: &start, name: local.as_ref() }));
                visit(Node::End(local.as_ref()));
            }
            Event::End(end) => visit(Node::End(end.local_name().as_ref())),
            Event::Text(text) => content.push_str(&text),
            Event::CData(text) => content.push_str(&text),
            Event::GeneralRef(name) => content.extend(entity(&name)),
            Event::Eof => return Ok(()),
            // Entities declared in a DTD are not expanded: no office program does.
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The predefined entities and character references; `None` for others.
pub fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => return None,
    })
}

fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match after.split_once(';').and_then(|(name, next)| Some((entity(name)?, next))) {
            Some((c, next)) => {
                plain.push(c);
                rest = next;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(xml: &str) -> String {
        let mut all = String::new();
        let _ = walk(xml, &mut |node| {
            if let Node::Text(text) = node {
                all.push_str(text);
            }
        });
        all
    }

    #[test]
    fn entities_are_resolved_and_not_expanded() {
        assert_eq!(texts("<a>&#233;t&#xe9; &amp; &lol;x</a>"), "été & x");
        assert_eq!(unescape("a&amp;b&#233;&"), "a&bé&");
    }

    #[test]
    fn conditions_are_passed_over() {
        assert_eq!(texts("<a><![if gte mso 9]>b<![endif]><![CDATA[c]]></a>"), "bc");
    }

    #[test]
    fn sixteen_bit_parts_are_decoded() {
        let wide: Vec<u8> =
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(texts(&decode(&wide)), "é");
    }
}
