// SPDX-License-Identifier: EUPL-1.2
//! Collects file and environment into one flat table of texts with their places. Rejects unknown keys.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, Key, Shape};
use crate::diagnostic::{Diagnostic, Location, Source, listing, nearest};

/// One text, and where it stands.
#[derive(Debug, Clone)]
pub struct Item {
    pub text: String,
    pub place: Location,
}

/// What is set for one key.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The whole value.
    pub place: Location,
    pub items: Vec<Item>,
}

/// One row of `[cli.accounts]`, unread.
#[derive(Debug, Clone)]
pub struct AccountRow {
    pub user: Item,
    pub account: Option<Item>,
    pub roles: Vec<Item>,
    /// None: all.
    pub units: Vec<Item>,
    pub mail: Option<Item>,
}

/// All that is set.
#[derive(Debug, Default)]
pub struct Values {
    pub entries: BTreeMap<&'static str, Entry>,
    pub accounts: Vec<AccountRow>,
}

/// Reads the file's text and the environment; the environment wins.
pub fn collect<'e>(
    text: &str,
    source: &Source,
    environment: impl Iterator<Item = (&'e str, &'e str)>,
    faults: &mut Vec<Diagnostic>,
) -> Values {
    let mut walk = Walk { source, faults, values: Values::default() };
    let (document, errors) = DeTable::parse_recoverable(text);
    let broken = !errors.is_empty();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let help = "write texts in quotes and lists in brackets: key = \"text\", key = [\"one\", \"two\"]";
        walk.fault(span, format!("this is not valid TOML: {}", error.message().trim()), help);
    }
    // A file that is not TOML is not looked into: what recovery makes of it would only hide the one real fault.
    if !broken {
        walk.section("", document.get_ref());
    }
    for (name, value) in environment {
        walk.variable(name, value);
    }
    walk.values
}

struct Walk<'a> {
    source: &'a Source,
    faults: &'a mut Vec<Diagnostic>,
    values: Values,
}

impl Walk<'_> {
    fn fault(&mut self, span: Range<usize>, text: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::new(&Location::File(span), Some(self.source), text, help));
    }

    fn section(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = join(path, name.get_ref());
            match (keys::find(&full), value.get_ref()) {
                (Some(key), DeValue::Table(table)) if key.shape == Shape::Accounts => self.accounts(table),
                (Some(key), _) => self.value(key, value),
                (None, DeValue::Table(table)) if keys::is_section(&full) => self.section(&full, table),
                (None, _) if keys::is_section(&full) => {
                    let text = format!("\"{full}\" is a section, not a value");
                    let first = keys::below(&full).next().unwrap_or("key");
                    self.fault(value.span(), text, format!("write [{full}] on a line of its own, then {first} = …"));
                }
                (None, value) => {
                    let help = unknown_help(path, name.get_ref());
                    let text = match (path, value) {
                        ("", DeValue::Table(_)) => format!("unknown section [{}]", name.get_ref()),
                        ("", _) => format!("\"{}\" is not in a section", name.get_ref()),
                        _ => format!("unknown key \"{}\" in [{path}]", name.get_ref()),
                    };
                    self.fault(name.span(), text, help);
                }
            }
        }
    }

    fn value(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>) {
        let place = Location::File(value.span());
        let items = match value.get_ref() {
            DeValue::Array(elements) if key.shape == Shape::Many => {
                let mut items = Vec::new();
                for element in elements {
                    match scalar(element) {
                        Some(item) => items.push(item),
                        None => self.wrong_shape(key, element.span(), "each element of this list must be a text"),
                    }
                }
                items
            }
            DeValue::Array(_) => return self.wrong_shape(key, value.span(), "must be one value, not a list"),
            DeValue::Table(_) => return self.wrong_shape(key, value.span(), "is a key, not a section"),
            _ if key.shape == Shape::Accounts => {
                return self.wrong_shape(key, value.span(), "must be a table of users");
            }
            // One value where a list is wanted is a list of one.
            _ => scalar(value).into_iter().collect(),
        };
        self.values.entries.insert(key.path, Entry { place, items });
    }

    fn wrong_shape(&mut self, key: &Key, span: Range<usize>, what: &str) {
        self.fault(span, format!("{}: {what}", key.path), format!("write {}", key.example));
    }

    fn accounts(&mut self, table: &DeTable<'_>) {
        let example = "write root = { account = \"a.martin\", role = \"reviewer\" }";
        for (user, row) in table {
            let user = Item { text: user.get_ref().to_string(), place: Location::File(user.span()) };
            let DeValue::Table(fields) = row.get_ref() else {
                self.fault(row.span(), "cli.accounts: a user needs an account and a role", example);
                continue;
            };
            let mut wanted = AccountRow { user, account: None, roles: Vec::new(), units: Vec::new(), mail: None };
            for (name, value) in fields {
                match name.get_ref().as_ref() {
                    "account" => wanted.account = scalar(value),
                    "role" => wanted.roles = scalars(value),
                    "unit" => wanted.units = scalars(value),
                    "mail" => wanted.mail = scalar(value),
                    other => {
                        let text = format!("unknown key \"{other}\" in [cli.accounts]");
                        let known = ["account", "role", "unit", "mail"];
                        let help = nearest(other, known).map_or_else(
                            || format!("write {}", listing(known.into_iter())),
                            |near| format!("did you mean \"{near}\"?"),
                        );
                        self.fault(name.span(), text, help);
                    }
                }
            }
            self.values.accounts.push(wanted);
        }
    }

    /// `OCTROI_SECTION__KEY`. Names without a double underscore are not settings: where a service is called
    /// octroi, Kubernetes sets `OCTROI_SERVICE_HOST` and kin by itself.
    fn variable(&mut self, name: &str, value: &str) {
        let Some(path) = name.strip_prefix("OCTROI_").filter(|path| path.contains("__")) else { return };
        let path = path.to_lowercase().replace("__", ".");
        let place = Location::Environment(name.to_owned());
        let Some(key) = keys::find(&path) else {
            let (section, last) = path.rsplit_once('.').unwrap_or(("", &path));
            let help = match nearest(&path, keys::all().iter().map(|key| key.path)) {
                Some(near) => format!("did you mean {}?", variable_name(near)),
                None => unknown_help(section, last),
            };
            self.faults.push(Diagnostic::new(&place, None, "there is no such setting", help));
            return;
        };
        let texts = match key.shape {
            Shape::One => Ok(vec![value.to_owned()]),
            Shape::Many => list(value),
            Shape::Accounts => return self.accounts_variable(&place, value),
        };
        match texts {
            Ok(texts) => {
                let items = texts.into_iter().map(|text| Item { text, place: place.clone() }).collect();
                self.values.entries.insert(key.path, Entry { place, items });
            }
            Err(error) => {
                let help = "write items with commas between them, or a JSON list of texts: [\"one\", \"two\"]";
                self.faults.push(Diagnostic::new(&place, None, format!("this is not a list: {error}"), help));
            }
        }
    }

    fn accounts_variable(&mut self, place: &Location, value: &str) {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Row {
            account: String,
            role: OneOrMore,
            unit: Option<OneOrMore>,
            mail: Option<String>,
        }
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum OneOrMore {
            One(String),
            More(Vec<String>),
        }
        match serde_json::from_str::<BTreeMap<String, Row>>(value) {
            Ok(rows) => {
                let item = |text| Item { text, place: place.clone() };
                let items = |texts| match texts {
                    OneOrMore::One(text) => vec![item(text)],
                    OneOrMore::More(texts) => texts.into_iter().map(item).collect(),
                };
                self.values.accounts = rows
                    .into_iter()
                    .map(|(user, row)| AccountRow {
                        user: item(user),
                        account: Some(item(row.account)),
                        roles: items(row.role),
                        units: row.unit.map(items).unwrap_or_default(),
                        mail: row.mail.map(item),
                    })
                    .collect();
            }
            Err(error) => {
                let help = r#"write {"root": {"account": "a.martin", "role": "reviewer"}}"#;
                self.faults.push(Diagnostic::new(
                    place,
                    None,
                    format!("this is not a table of accounts: {error}"),
                    help,
                ));
            }
        }
    }
}

/// The name of a key in the environment.
pub fn variable_name(path: &str) -> String {
    format!("OCTROI_{}", path.replace('.', "__").to_uppercase())
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Numbers and booleans become texts, so that every value is read in one way.
fn scalar(value: &Spanned<DeValue<'_>>) -> Option<Item> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => return None,
    };
    Some(Item { text, place: Location::File(value.span()) })
}

/// One value, or those of a list. What is no single value, and a list without one, is an empty word, which no reader of
/// an account takes: a mistake must not widen what somebody may see.
fn scalars(value: &Spanned<DeValue<'_>>) -> Vec<Item> {
    let item = |value: &Spanned<DeValue<'_>>| {
        let empty = || Item { text: String::new(), place: Location::File(value.span()) };
        scalar(value).unwrap_or_else(empty)
    };
    match value.get_ref() {
        DeValue::Array(values) if !values.is_empty() => values.iter().map(item).collect(),
        _ => vec![item(value)],
    }
}

fn list(value: &str) -> Result<Vec<String>, serde_json::Error> {
    if value.trim_start().starts_with('[') && value.contains('"') {
        return serde_json::from_str(value);
    }
    Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

/// What to say about an unknown name: the nearest known one beside it, the section it belongs to, or all there are.
fn unknown_help(section: &str, name: &str) -> String {
    if let Some(near) = nearest(name, keys::below(section)) {
        let full = join(section, near);
        return match keys::find(&full) {
            Some(key) => format!("did you mean \"{near}\"? For example: {}", key.example),
            None => format!("did you mean [{full}]?"),
        };
    }
    if let Some(key) = keys::all().iter().find(|key| key.name() == name || key.path == name) {
        return format!("\"{}\" belongs in [{}]: {}", key.name(), key.section(), key.example);
    }
    let known = listing(keys::below(section));
    if section.is_empty() { format!("write one of the sections {known}") } else { format!("write {known}") }
}
