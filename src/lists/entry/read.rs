// SPDX-License-Identifier: EUPL-1.2
//! Reads an entry's file: everything that is wrong with its form, at once.

use toml::de::{DeTable, DeValue};

use super::file::{File, Value};
use super::pattern::host;
use super::{Entry, Kind, Pattern, Purpose};
use crate::diagnostic::{Diagnostic, Source};
use crate::mail::Mailbox;

const KEYS: [&str; 6] = ["title", "owner", "contact", "universal", "kind", "purpose"];
const PURPOSE_KEYS: [&str; 9] =
    ["text", "from", "until", "allows", "senders", "templates", "links", "content", "recipients"];
const KINDS: [(&str, Kind); 1] = [("union", Kind::Union)];
const PURPOSE_EXAMPLE: &str = "write [[purpose]], and below it text = \"…\" and from = 2022-11-23";
const LINK_HELP: &str = "write the host alone, without https:// and path: espace-agent.gouv.example";

impl Entry {
    /// Reads the entry of the list `name` from its file. `None` where something is wrong; what that is stands beside it.
    pub fn parse(name: &str, path: &str, text: &str) -> (Option<Entry>, Vec<Diagnostic>) {
        let mut faults = Vec::new();
        let source = Source::new(path, text);
        let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(sound) {
            let message = format!("`{name}` is not the name of a list");
            faults.push(
                Diagnostic::of_file(path, message).help("use lower-case letters, digits and hyphens: agents.toml"),
            );
        }
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let message = format!("this is not valid TOML: {}", error.message().trim());
            faults.push(Diagnostic::at(&source, error.span().unwrap_or(0..0), message));
        }
        if !errors.is_empty() {
            return (None, faults);
        }
        let mut file = File { source: source.clone(), faults: &mut faults };
        let mut entry = Entry {
            name: name.to_owned(),
            title: String::new(),
            owner: String::new(),
            contact: None,
            universal: false,
            kind: None,
            purposes: Vec::new(),
            source,
        };
        for (key, value) in document.get_ref() {
            entry.set(&mut file, key.get_ref(), key.span(), value);
        }
        for (key, example) in [("title", "Espace numérique des agents"), ("owner", "direction-du-budget")] {
            if document.get_ref().get(key).is_none() {
                file.fault(0..0, format!("the entry has no `{key}`"), format!("write {key} = \"{example}\""));
            }
        }
        (faults.is_empty().then_some(entry), faults)
    }

    fn set(&mut self, file: &mut File<'_>, key: &str, span: std::ops::Range<usize>, value: &Value<'_>) {
        match key {
            "title" => self.title = file.text(value, key, "Espace numérique des agents").unwrap_or_default(),
            "owner" => self.owner = file.text(value, key, "direction-du-budget").unwrap_or_default(),
            "contact" => {
                let help = "write contact = \"donnees@exemple.example\"";
                let read = |text: &str| Mailbox::parse(text).ok();
                match value.get_ref() {
                    DeValue::String(_) => self.contact = file.each(value, "a mailbox", help, read).pop(),
                    _ => file.fault(value.span(), "`contact` must be one mailbox", help),
                }
            }
            "universal" => self.universal = file.truth(value, key).unwrap_or_default(),
            "kind" => self.kind = file.word(value, key, &KINDS),
            "purpose" => match value.get_ref() {
                DeValue::Array(items) => {
                    for item in items {
                        match item.get_ref() {
                            DeValue::Table(table) => self.purposes.extend(purpose(file, table, item.span())),
                            _ => file.fault(item.span(), "a purpose must be a table", PURPOSE_EXAMPLE),
                        }
                    }
                }
                _ => file.fault(span, "purposes are a list of tables", PURPOSE_EXAMPLE),
            },
            other => file.unknown(span, other, "an entry of the register", &KEYS),
        }
    }
}

fn purpose(file: &mut File<'_>, table: &DeTable<'_>, span: std::ops::Range<usize>) -> Option<Purpose> {
    let mut purpose = Purpose {
        text: String::new(),
        from: jiff::civil::Date::ZERO,
        until: None,
        allows: String::new(),
        senders: Vec::new(),
        templates: Vec::new(),
        links: Vec::new(),
        is_free: false,
        recipients: Vec::new(),
        span: span.clone(),
    };
    let before = file.faults.len();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "text" => purpose.text = file.text(value, "text", "décret 2022-1446, art. 1").unwrap_or_default(),
            "from" => purpose.from = file.day(value, "from").unwrap_or_default(),
            "until" => purpose.until = file.day(value, "until"),
            "allows" => purpose.allows = file.text(value, "allows", "a document is available").unwrap_or_default(),
            "senders" => {
                let help = "write senders = [\"ne-pas-repondre@espace-agent.gouv.example\"]";
                purpose.senders = file.each(value, "a mailbox", help, |text| Mailbox::parse(text).ok());
            }
            "templates" => {
                let help = "write a path below the folder of the register: modeles/document-disponible.txt";
                let sound = |text: &str| {
                    let is_inside = text.split('/').all(|part| !part.is_empty() && part != "..");
                    (is_inside && !text.contains('\\')).then(|| text.to_owned())
                };
                purpose.templates = file.each(value, "a path below the register's folder", help, sound);
            }
            "links" => {
                let read = |text: &str| match text.strip_prefix("*.") {
                    Some(below) => host(below).map(Pattern::Below),
                    None => host(text).map(Pattern::Domain),
                };
                purpose.links = file.each(value, "a host", LINK_HELP, read);
            }
            "content" => purpose.is_free = file.word(value, "content", &[("free", true)]).unwrap_or_default(),
            "recipients" => {
                let help = "write recipients = [\"paie.partner.example\"], or an address";
                purpose.recipients = file.each(value, "a domain or an address", help, Pattern::parse);
            }
            other => file.unknown(key.span(), other, "a purpose", &PURPOSE_KEYS),
        }
    }
    for (key, example) in [("text", "\"décret 2022-1446, art. 1\""), ("from", "2022-11-23")] {
        if table.get(key).is_none() {
            file.fault(span.clone(), format!("the purpose has no `{key}`"), format!("write {key} = {example}"));
        }
    }
    if let (Some(until), true) = (purpose.until, table.get("from").is_some())
        && until < purpose.from
    {
        let message = format!("the purpose ends on {until}, before it begins on {}", purpose.from);
        file.fault(span, message, "exchange `from` and `until`, or correct one of them");
    }
    (file.faults.len() == before).then_some(purpose)
}
