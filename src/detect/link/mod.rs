// SPDX-License-Identifier: EUPL-1.2
//! Detects links that share something through a consumer service: the host gives the kind, the path says whether it
//! shares.

mod sharing;

use std::collections::HashSet;

use memchr::memmem;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{self, Inspection, is_body};
use crate::detect::reading::lines::lines;
use crate::detect::reading::link_hosts::{LinkHosts, LinkKind};
use crate::detect::reading::triggers::Topic;
use crate::detect::reading::words::Words;
use crate::mime::{Body, percent_decoded};

/// Redirects followed inside one address: a safe link around a search engine's link around the matter.
const REDIRECTS: usize = 4;
/// The longest address looked at, in bytes, and how many per text.
const LONGEST: usize = 4096;
const MOST: usize = 2000;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let hosts = &inspection.tables.links;
    let mut seen: HashSet<String> = HashSet::new();
    let mut told: HashSet<(LinkKind, String, String)> = HashSet::new();
    let mut dialled = Vec::new();
    let mut tell = |url: &str, place: &str| {
        if let Some((kind, host)) = sharing_link(hosts, url)
            && told.insert((kind, host, place.to_owned()))
        {
            findings
                .push(Finding::new(FindingKind::Link, place).value(kind.as_str()).excerpt(inspection::excerpt(url)));
        }
    };
    for (index, text) in inspection.texts().enumerate() {
        if inspection.has_hit(index, Topic::DialIn)
            && is_body(&text.place)
            && let Some(line) = dial_in(&text.normal, &inspection.tables.words)
        {
            dialled.push((text.place.as_str(), line));
        }
        for url in urls(&text.original) {
            if is_body(&text.place) {
                seen.insert(url.to_owned());
            }
            // What a person sees as body is body, whichever alternative showed it.
            let place = if text.place == "body#html" { "body" } else { text.place.as_str() };
            tell(url, place);
        }
    }
    for part in &inspection.evidence.message.parts {
        let Body::Text { html: true, text } = &part.body else { continue };
        for (url, quoted) in hrefs(text) {
            if !seen.contains(&url) {
                let place = match (part.depth, quoted) {
                    (0, false) => "body",
                    (0, true) => "body#quoted",
                    _ => "attachment:message",
                };
                tell(&url, place);
            }
        }
    }
    for (place, line) in dialled {
        let place = if place == "body#html" { "body" } else { place };
        findings.push(
            Finding::new(FindingKind::Link, place).value(LinkKind::Meeting.as_str()).excerpt(inspection::excerpt(line)),
        );
    }
}

/// The line with the number of a meeting, where the text gives number and code to join by telephone.
fn dial_in<'t>(normal: &'t str, words: &Words) -> Option<&'t str> {
    let says = |line: &str, phrases: &[String], least: usize| {
        // Few lines hold digits at all, and to count them costs less than to look for a phrase.
        if line.bytes().filter(u8::is_ascii_digit).count() < least {
            return false;
        }
        let behind = phrases.iter().find_map(|phrase| line.split_once(phrase.as_str())).map(|(_, behind)| behind);
        // "ID de réunion : 824 113 907", "Passcode: x7Kq2".
        behind.is_some_and(|behind| behind.chars().take(40).filter(char::is_ascii_digit).count() >= least)
    };
    let number = lines(normal).find(|line| says(line, &words.meeting_id, 6))?;
    lines(normal).any(|line| says(line, &words.meeting_code, 1)).then_some(number)
}

/// The kind and host of the service, where the address shares something through one.
fn sharing_link(hosts: &LinkHosts, url: &str) -> Option<(LinkKind, String)> {
    let mut url = url.to_owned();
    for _ in 0..REDIRECTS {
        let address = LinkAddress::read(&url)?;
        match hosts.kind_of(&address.host) {
            Some(kind) if sharing::shares(kind, &address.host, &address.rest) => return Some((kind, address.host)),
            None if sharing::is_meeting_room(&address.host, &address.rest) => {
                return Some((LinkKind::Meeting, address.host));
            }
            _ => {}
        }
        url = inner(&address)?;
    }
    None
}

struct LinkAddress {
    /// Lower case, A-labels.
    host: String,
    /// Path, query and fragment, beginning with `/`, `?` or `#`.
    rest: String,
}

impl LinkAddress {
    /// Reads an address as a browser would: user information dropped, escapes in the host undone, port ignored.
    fn read(url: &str) -> Option<LinkAddress> {
        let url = url.trim_start();
        let after = match url.find("://") {
            Some(at) => &url[at + 3..],
            None => url.strip_prefix("//").unwrap_or(url),
        };
        let end = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let host = host.split(':').next().unwrap_or(host);
        let host = decode(host);
        let host = host.trim_end_matches('.');
        if host.len() > 253 || !host.contains('.') {
            return None;
        }
        let host = if host.is_ascii() { host.to_ascii_lowercase() } else { idna::domain_to_ascii(host).ok()? };
        let sound = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        sound.then(|| LinkAddress { host, rest: rest.replace('\\', "/") })
    }
}

/// The address inside a redirect or a rewritten link.
fn inner(address: &LinkAddress) -> Option<String> {
    // Proofpoint's second form writes "-" for "%" and "_" for "/".
    if address.host == "urldefense.proofpoint.com" && address.rest.starts_with("/v2/") {
        let value = parameter(&address.rest, "u")?;
        return Some(decode(&value.replace('-', "%").replace('_', "/")));
    }
    if let Some(at) = address.rest.find("/v3/__") {
        let target = &address.rest[at + 6..];
        return Some(target.split("__;").next().unwrap_or(target).to_owned());
    }
    let query = address.rest.split_once('?')?.1;
    query.split(['&', ';', '#']).take(64).find_map(|pair| {
        let value = decode(pair.split_once('=')?.1);
        let lower = value.get(..8).unwrap_or("").to_ascii_lowercase();
        (lower.starts_with("http://") || lower.starts_with("https://")).then_some(value)
    })
}

fn parameter<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    let query = rest.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    String::from_utf8_lossy(&percent_decoded(text.as_bytes())).into_owned()
}

/// Every word that holds a slash and may be an address, with or without its scheme.
fn urls(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let ends = |b: &u8| b.is_ascii_whitespace() || b"<>\"`|{}".contains(b);
    let mut done = 0;
    memchr::memchr_iter(b'/', bytes)
        .filter_map(move |slash| {
            if slash < done {
                return None;
            }
            let from = slash.saturating_sub(300).max(done);
            let start = bytes[from..slash].iter().rposition(ends).map_or(from, |i| from + i + 1);
            let end = bytes[slash..]
                .iter()
                .take(LONGEST)
                .position(ends)
                .map_or(bytes.len().min(slash + LONGEST), |i| slash + i);
            done = end;
            trim(text.get(start..end)?)
        })
        .take(MOST)
}

/// The address inside a word: `(https://x/y),` and `lien:https://x/y` lose their surroundings.
fn trim(word: &str) -> Option<&str> {
    let word = match word.find("://") {
        Some(at) => {
            let scheme = word[..at].rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |i| i + 1);
            // The byte found is one of a character that may be longer than one byte.
            word.get(scheme..).or_else(|| word.get(at..))?
        }
        None => {
            let host = word.split('/').next().unwrap_or(word);
            if !host.contains('.') {
                return None;
            }
            word.trim_start_matches(|c: char| !c.is_alphanumeric())
        }
    };
    let word = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'', '»', '”', '’', '*']);
    (word.len() > 4).then_some(word)
}

/// Marks of quoted matter in the HTML of mail programs: what follows them is the correspondent's.
const QUOTED: &[&str] =
    &["<blockquote", "gmail_quote", "divrplyfwdmsg", "appendonsend", "moz-cite-prefix", "yahoo_quoted"];

/// The targets of links and frames, and whether they stand in quoted matter.
fn hrefs(html: &str) -> Vec<(String, bool)> {
    let lower = html.to_ascii_lowercase();
    let lower = lower.as_bytes();
    let quoted_from = QUOTED.iter().filter_map(|mark| memmem::find(lower, mark.as_bytes())).min().unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for attribute in ["href", "action"] {
        for at in memmem::find_iter(lower, attribute).take(MOST) {
            // No farther than the longest address: its end may be missing.
            let from = at + attribute.len();
            let window = &html[from..html.floor_char_boundary(from + LONGEST)];
            let Some(value) = window.trim_start().strip_prefix('=').map(str::trim_start) else {
                continue;
            };
            let value = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or(""),
                _ => value.split([' ', '>', '\t', '\r', '\n']).next().unwrap_or(""),
            };
            if value.contains('/') && value.len() <= LONGEST {
                found.push((
                    value.replace("&amp;", "&").replace(['\r', '\n', '\t'], "").trim().to_owned(),
                    at > quoted_from,
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> LinkHosts {
        let rows = [
            ("drive.google.com", LinkKind::CloudStorage),
            ("dropbox.com", LinkKind::CloudStorage),
            ("wetransfer.com", LinkKind::FileTransfer),
            ("wa.me", LinkKind::Messenger),
            ("zoom.us", LinkKind::Meeting),
        ];
        LinkHosts::new(rows.map(|(host, kind)| (host.to_owned(), kind)))
    }

    fn kind(url: &str) -> Option<&'static str> {
        sharing_link(&hosts(), url).map(|(kind, _)| kind.as_str())
    }

    #[test]
    fn the_host_that_answers_decides() {
        assert_eq!(kind("https://www.dropbox.com/s/abc/x.pdf"), Some("cloud-storage"));
        assert_eq!(kind("https://us02web.zoom.us/j/98765432100"), Some("meeting"));
        assert_eq!(kind("wa.me/33639980000"), Some("messenger"));
        assert_eq!(kind("https://dropbox.printer.example/s/abc"), None);
        assert_eq!(kind("https://notdropbox.com/s/abc"), None);
        assert_eq!(kind("https://www.dropbox.com@evil.example/s/abc"), None);
        assert_eq!(kind("https://evil.example@www.dropbox.com/s/abc"), Some("cloud-storage"));
        assert_eq!(kind("https://drive%2Egoogle%2Ecom/file/d/1AbC/view"), Some("cloud-storage"));
        assert_eq!(kind("https://www.dropbox.com/"), None);
    }

    #[test]
    fn a_meeting_by_telephone_has_a_number_and_a_code() {
        let words = Words::shipped();
        assert!(dial_in("rejoindre : +33 1\nid de reunion : 824 113 907\ncode d'acces : 4417", &words).is_some());
        assert!(dial_in("meeting id: 824 113 907\npasscode: x7kq2", &words).is_some());
        assert!(dial_in("meeting id: 824 113 907", &words).is_none());
        assert!(dial_in("le mot de passe a 12 lettres, l'id de reunion est dans l'invitation", &words).is_none());
    }

    #[test]
    fn redirects_are_followed_on_paper() {
        let safe = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwe.tl%2F&data=x";
        assert_eq!(kind(safe), None);
        let safe = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fdrive.google.com%2Fdrive%2Ffolders%2F1Zz&data=x";
        assert_eq!(kind(safe), Some("cloud-storage"));
        assert_eq!(
            kind("https://www.google.com/url?sa=t&q=https://wetransfer.com/downloads/0a1b2c3d4e"),
            Some("file-transfer")
        );
        assert_eq!(kind("https://urldefense.com/v3/__https://www.dropbox.com/s/abc/x__;!!x"), Some("cloud-storage"));
        assert_eq!(
            kind("https://urldefense.proofpoint.com/v2/url?u=https-3A__www.dropbox.com_s_abc&d=x"),
            Some("cloud-storage")
        );
    }

    #[test]
    fn addresses_are_found_with_and_without_scheme() {
        let text = "Voir (https://www.dropbox.com/s/a/b), ou wa.me/33639980000. Le 12/03/2026 ; et/ou.";
        assert_eq!(urls(text).collect::<Vec<_>>(), ["https://www.dropbox.com/s/a/b", "wa.me/33639980000"]);
    }

    #[test]
    fn a_link_hides_behind_its_words() {
        let html = "<p>Sur <a class=x HREF='https://wetransfer.com/downloads/0a1b'>notre serveur</a></p><blockquote><a href=https://wa.me/336>x</a>";
        assert_eq!(
            hrefs(html),
            [("https://wetransfer.com/downloads/0a1b".to_owned(), false), ("https://wa.me/336".to_owned(), true)]
        );
    }
}
