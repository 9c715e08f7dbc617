// SPDX-License-Identifier: EUPL-1.2
//! The style sheets of a document (CSS Syntax 3, Selectors 3), where they can hide text.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memmem;

use super::style::PROPERTIES;
use super::tags::Tag;

/// Rules of `<style>` elements by what their selector names: a class, an id, an element, an attribute.
#[derive(Default)]
pub struct Sheet {
    /// Those that hold for every reader.
    rules: Rules,
    /// Those for certain screens, and those with more conditions than are looked at.
    perhaps: Rules,
    /// Whether one of those is for elements that have a certain attribute.
    names_attributes: bool,
}

type Rules = HashMap<String, Declarations>;

/// The last value of each property that matters.
type Declarations = Vec<(String, String)>;

/// Rules and bytes of style sheets that are looked at.
const MOST_RULES: usize = 2_000;
const MOST_BYTES: usize = 256 << 10;

/// Bytes of declarations for one element.
const MOST_FOR_ONE: usize = 4 << 10;

/// Bytes of a value: what hides text is short.
const MOST_OF_VALUE: usize = 64;

/// Strings shown by `content` that are looked at.
const MOST_WORDS: usize = 200;

/// Conditional blocks within one another.
const DEPTH: usize = 4;

impl Sheet {
    pub fn read(html: &str) -> Sheet {
        let mut sheet = Sheet::default();
        let mut rest = html;
        let mut left = MOST_BYTES;
        while let Some(at) = find_style(rest) {
            let inner = &rest[at..];
            let inner = inner.split_once('>').map_or("", |(_, inner)| inner);
            let end = memmem::find(inner.as_bytes(), b"</").unwrap_or(inner.len());
            let css = &inner[..inner.floor_char_boundary(end.min(left))];
            left -= css.len();
            sheet.add(&without_comments(css), true, 0);
            rest = &inner[end..];
            if left == 0 {
                break;
            }
        }
        sheet
    }

    fn add(&mut self, css: &str, certain: bool, depth: usize) {
        let mut rest = css;
        while let Some((selectors, after)) = rest.split_once('{') {
            let selectors = selectors.rsplit(['}', ';']).next().unwrap_or("").trim();
            if selectors.starts_with('@') {
                rest = skip_block(after);
                let inner = &after[..after.len() - rest.len()];
                if depth < DEPTH {
                    self.add(inner.strip_suffix('}').unwrap_or(inner), false, depth + 1);
                }
                continue;
            }
            let (declarations, next) = after.split_once('}').unwrap_or((after, ""));
            rest = next;
            let declarations = unescaped(declarations).to_ascii_lowercase();
            for selector in selectors.split(',') {
                let selector = unescaped(selector.trim().trim_start_matches("<!--").trim_start_matches("-->").trim());
                let Some((name, whole)) = subject(&selector) else { continue };
                let rules = if certain && whole { &mut self.rules } else { &mut self.perhaps };
                self.names_attributes |= name.starts_with('[');
                if rules.len() < MOST_RULES || rules.contains_key(&name) {
                    declare(rules.entry(name).or_default(), &declarations);
                }
            }
        }
    }

    /// What the element's names and its own `style` say, the stronger last.
    pub fn declarations(&self, tag: &Tag<'_>) -> String {
        let mut all = of_names(&self.rules, tag);
        if let Some(style) = tag.attribute("style") {
            let style = super::entities::resolved(style);
            all.push(';');
            all.push_str(&unescaped(&without_comments(&style)).to_ascii_lowercase());
        }
        all
    }

    /// What it may be under besides.
    pub fn perhaps(&self, tag: &Tag<'_>) -> String {
        let mut all = of_names(&self.perhaps, tag);
        if self.names_attributes {
            for (attribute, _) in tag.attributes().take(20) {
                extend(&mut all, self.perhaps.get(&format!("[{}", attribute.to_ascii_lowercase())));
            }
        }
        all
    }
}

/// The words that a sheet puts before or after elements (CSS 2.2 §12.2), several strings of one value joined.
pub fn words(css: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = css;
    while let Some(at) = rest.find("ontent")
        && found.len() < MOST_WORDS
    {
        rest = &rest[at + "ontent".len()..];
        let Some(value) = rest.trim_start().strip_prefix(':') else { continue };
        let mut words = String::new();
        let mut value = value.trim_start();
        while let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\''))
            && let Some((string, after)) = value[1..].split_once(quote)
        {
            words.push_str(&unescaped(string));
            value = after.trim_start();
        }
        rest = value;
        if words.chars().filter(|c| c.is_alphabetic()).count() > 1 {
            found.push(words);
        }
    }
    found
}

fn of_names(rules: &Rules, tag: &Tag<'_>) -> String {
    let mut all = String::new();
    if rules.is_empty() {
        return all;
    }
    let name = tag.name.to_ascii_lowercase();
    let mut apply = |selector: &str| extend(&mut all, rules.get(selector));
    apply(&name);
    for class in tag.attribute("class").unwrap_or("").split_ascii_whitespace().take(20) {
        let class = class.to_ascii_lowercase();
        apply(&format!(".{class}"));
        apply(&format!("{name}.{class}"));
    }
    if let Some(id) = tag.attribute("id") {
        apply(&format!("#{}", id.to_ascii_lowercase()));
    }
    all
}

fn extend(all: &mut String, rule: Option<&Declarations>) {
    for (property, value) in rule.into_iter().flatten() {
        if all.len() < MOST_FOR_ONE {
            all.extend([property.as_str(), ":", value.as_str(), ";"]);
        }
    }
}

/// What the selector is about, in small letters, and whether that is all it asks.
fn subject(selector: &str) -> Option<(String, bool)> {
    let last = selector.rsplit([' ', '>', '+', '~', '\n', '\r', '\t']).find(|compound| !compound.is_empty())?;
    // What is put before or behind an element does not hide it.
    if last.contains("::") || last.contains(":before") || last.contains(":after") {
        return None;
    }
    let (named, condition) = last.split_at(last.find([':', '[']).unwrap_or(last.len()));
    let whole = last.len() == selector.len() && condition.is_empty();
    // `b.x` is looked up as such, `b#x` by its id.
    let is_one = named.matches(['.', '#']).count() <= 1 && named.find('#').is_none_or(|at| at == 0);
    if is_one && !named.is_empty() {
        return Some((named.to_ascii_lowercase(), whole));
    }
    if named.is_empty() {
        let attribute = condition.strip_prefix('[')?;
        let end = attribute.find([']', '=', '~', '|', '^', '$', '*']).unwrap_or(attribute.len());
        return Some((format!("[{}", attribute[..end].trim().to_ascii_lowercase()), false));
    }
    // Of several classes and ids the last.
    let at = named.rfind(['.', '#'])?;
    Some((named[at..].to_ascii_lowercase(), false))
}

/// The stronger of two values of a property is kept: the important one, else the later.
fn declare(rule: &mut Declarations, declarations: &str) {
    for declaration in declarations.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let property = property.trim();
        if !PROPERTIES.contains(&property) {
            continue;
        }
        let value = value.trim();
        let is_important = value.ends_with("important");
        let short = value.split('!').next().unwrap_or("").trim();
        let mut short = short[..short.floor_char_boundary(MOST_OF_VALUE)].to_owned();
        if is_important {
            short.push_str(" !important");
        }
        match rule.iter_mut().find(|(known, _)| known == property) {
            Some((_, known)) if known.ends_with("!important") && !is_important => {}
            Some((_, known)) => *known = short,
            None => rule.push((property.to_owned(), short)),
        }
    }
}

/// CSS Syntax 3 §4.3.2; a comment that does not end takes the rest.
fn without_comments(css: &str) -> Cow<'_, str> {
    let Some(first) = css.find("/*") else { return css.into() };
    let mut out = css[..first].to_owned();
    let mut rest = &css[first..];
    while let Some(at) = rest.find("/*") {
        out.push_str(&rest[..at]);
        rest = rest[at + 2..].split_once("*/").map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out.into()
}

/// CSS Syntax 3 §4.3.7: a backslash, up to six hexadecimal digits and one blank, or the character itself.
fn unescaped(css: &str) -> Cow<'_, str> {
    if !css.contains('\\') {
        return css.into();
    }
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = after.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if digits == 0 {
            rest = after;
            continue;
        }
        let number = u32::from_str_radix(&after[..digits], 16).unwrap_or(0);
        out.push(char::from_u32(number).filter(|c| *c != '\0').unwrap_or('\u{fffd}'));
        rest = &after[digits..];
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix([' ', '\t', '\n', '\r'])).unwrap_or(rest);
    }
    out.push_str(rest);
    out.into()
}

fn find_style(html: &str) -> Option<usize> {
    let mut from = 0;
    let bytes = html.as_bytes();
    while let Some(at) = memchr::memchr(b'<', bytes.get(from..)?).map(|i| from + i) {
        if bytes.get(at + 1..at + 6).is_some_and(|name| name.eq_ignore_ascii_case(b"style")) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn skip_block(css: &str) -> &str {
    let mut depth = 1;
    for (at, c) in css.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &css[at + 1..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_said_again_grows_nothing() {
        let mut sheet = Sheet::default();
        sheet.add(&".a{display:none;color:red}".repeat(5_000), true, 0);
        let all: Vec<_> = sheet.rules.values().flatten().map(|(property, value)| (&property[..], &value[..])).collect();
        assert_eq!(all, [("display", "none"), ("color", "red")]);
    }
}
