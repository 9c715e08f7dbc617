// SPDX-License-Identifier: EUPL-1.2
//! Units and applications of the administration: reads `units/*.toml`, and checks the units that other files name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::People;
use super::upwards::upwards;
use crate::diagnostic::{Diagnostic, Source};
use crate::mail::{Domain, Identity, Mailbox};

const UNIT_EXAMPLE: &str = "write [unit.\"sg/achats\"], and below it title = \"Bureau des achats\"";
const APPLICATION_EXAMPLE: &str = "write [application.paie], and below it networks = [\"192.0.2.10\"] and senders = [\"ne-pas-repondre@paie.example\"]";

/// What there is in the organisation.
#[derive(Debug, Clone, Default)]
pub struct Units {
    /// Path, such as `sg/achats`, to title; empty where it has none.
    titles: BTreeMap<String, String>,
    /// Every path that a file of units or a person names, with those above it.
    known: BTreeSet<String>,
    applications: Vec<Application>,
}

/// A machine that sends without a login, and is believed as if it had one (decision D18).
#[derive(Debug, Clone)]
struct Application {
    networks: Vec<IpNet>,
    senders: Vec<ApplicationSender>,
}

/// In whose name an application sends.
#[derive(Debug, Clone)]
enum ApplicationSender {
    Mailbox(Identity),
    /// A domain with nothing below it.
    Domain(Domain),
}

impl Units {
    /// Reads the files of units, `(path, text)`; what is without fault is kept whatever else is wrong.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, people: &People) -> (Units, Vec<Diagnostic>) {
        let (mut units, mut faults) = (Units::default(), Vec::new());
        for (path, text) in files {
            let mut file = File { source: Source::new(path, text), faults: &mut faults };
            let (document, errors) = DeTable::parse_recoverable(text);
            if !errors.is_empty() {
                for error in errors {
                    let message = format!("this is not valid TOML: {}", error.message().trim());
                    file.fault(error.span().unwrap_or(0..0), message, UNIT_EXAMPLE);
                }
                continue;
            }
            for (key, value) in document.get_ref() {
                match (key.get_ref().as_ref(), value.get_ref()) {
                    ("unit", DeValue::Table(table)) => file.units(table, &mut units.titles),
                    ("application", DeValue::Table(table)) => file.applications(table, &mut units.applications),
                    (other, _) => {
                        let fault = Diagnostic::at(&file.source, key.span(), format!("unknown key `{other}`"));
                        file.faults.push(fault.help(UNIT_EXAMPLE).nearest(other, ["unit", "application"]));
                    }
                }
            }
        }
        let staffed = people.by_mail.values().map(|person| &person.unit);
        units.known = units.titles.keys().chain(staffed).flat_map(|path| upwards(path)).map(str::to_owned).collect();
        (units, faults)
    }

    /// Every unit there is, with those above.
    pub fn known(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.iter().map(String::as_str)
    }

    /// Units that people belong to and that no file of units names, where there is such a file.
    pub fn unnamed(&self) -> impl Iterator<Item = &str> {
        self.known().filter(|path| !self.titles.is_empty() && !self.titles.contains_key(*path))
    }

    /// As people read it: title and path.
    pub fn shown(&self, path: &str) -> String {
        match self.titles.get(path).filter(|title| !title.is_empty()) {
            Some(title) => format!("{title} ({path})"),
            None if path.is_empty() => "—".to_owned(),
            None => path.to_owned(),
        }
    }

    /// Whether a named application sends this: from its network, in its own name.
    pub fn is_application(&self, client: Option<IpAddr>, sender: &Mailbox) -> bool {
        let Some(client) = client.map(|address| address.to_canonical()) else { return false };
        let at_home = |application: &&Application| application.networks.iter().any(|net| net.contains(&client));
        let mut at_home = self.applications.iter().filter(at_home).peekable();
        if at_home.peek().is_none() {
            return false;
        }
        let sender = sender.sender_identity();
        let is_named = |known: &ApplicationSender| match known {
            ApplicationSender::Mailbox(identity) => *identity == sender,
            ApplicationSender::Domain(domain) => domain == sender.domain(),
        };
        at_home.any(|application| application.senders.iter().any(is_named))
    }

    /// Faults about units that a rule or an exception names and nobody knows. `files` are `(path, text)`.
    pub fn unknown_in<'a>(&self, files: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Diagnostic> {
        if self.known.is_empty() {
            return Vec::new();
        }
        let mut faults = Vec::new();
        for (path, text) in files {
            let source = Source::new(path, text);
            let named = if path.ends_with(".cedar") { in_rules(text) } else { in_scopes(text) };
            for span in named {
                let unit = text.get(span.clone()).unwrap_or_default();
                if !self.known.contains(unit) {
                    let fault = Diagnostic::at(&source, span, format!("there is no unit `{unit}`"));
                    let help = "write a unit from units/people.csv or units/units.toml, such as ";
                    let some = self.known().next().unwrap_or("sg");
                    faults.push(fault.help(format!("{help}`{some}`")).nearest(unit, self.known()));
                }
            }
        }
        faults
    }
}

/// The bytes of each unit that rules name: `Octroi::Unit::"sg"`.
fn in_rules(text: &str) -> Vec<Range<usize>> {
    const BEFORE: &str = "Octroi::Unit::\"";
    let quoted = |at: usize| {
        let start = at + BEFORE.len();
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let commented = text[line..at].contains("//");
        text[start..].find('"').filter(|_| !commented).map(|len| start..start + len)
    };
    text.match_indices(BEFORE).filter_map(|(at, _)| quoted(at)).collect()
}

/// The bytes of each unit in a `scope=` of a domain list; what has an `@` is a sender.
fn in_scopes(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.find('#').map_or(line, |at| &line[..at]);
        for (at, word) in code.match_indices("scope=") {
            let begin = at + word.len();
            let rest = &code[begin..];
            let (skip, value) = match rest.strip_prefix('"') {
                Some(quoted) => (1, quoted.split('"').next().unwrap_or("")),
                None => (0, rest.split(char::is_whitespace).next().unwrap_or("")),
            };
            let mut at = start + begin + skip;
            for part in value.split(',') {
                let unit = part.trim();
                let lead = part.len() - part.trim_start().len();
                if !unit.is_empty() && !unit.contains('@') {
                    found.push(at + lead..at + lead + unit.len());
                }
                at += part.len() + 1;
            }
        }
        start += line.len();
    }
    found
}

struct File<'f> {
    source: Source,
    faults: &'f mut Vec<Diagnostic>,
}

impl File<'_> {
    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::at(&self.source, span, message).help(help));
    }

    fn units(&mut self, table: &DeTable<'_>, titles: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            let path = key.get_ref().as_ref();
            let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if path.split('/').any(|part| part.is_empty() || !part.bytes().all(letters)) {
                let message = format!("`{path}` is not the path of a unit");
                self.fault(
                    key.span(),
                    message,
                    "use lower-case letters, digits and hyphens, with `/` between the parts: sg/achats",
                );
                continue;
            }
            let DeValue::Table(fields) = value.get_ref() else {
                self.fault(value.span(), "a unit must be a table", UNIT_EXAMPLE);
                continue;
            };
            let mut title = String::new();
            for (name, value) in fields {
                match (name.get_ref().as_ref(), value.get_ref()) {
                    ("title", DeValue::String(text)) => title = text.to_string(),
                    ("title", _) => {
                        self.fault(value.span(), "a title must be a text", "write title = \"Bureau des achats\"");
                    }
                    (other, _) => {
                        let fault = Diagnostic::at(&self.source, name.span(), format!("a unit has no `{other}`"));
                        self.faults.push(fault.help("a unit has a title and nothing else").nearest(other, ["title"]));
                    }
                }
            }
            if titles.insert(path.to_owned(), title).is_some() {
                self.fault(key.span(), format!("the unit `{path}` is defined twice"), "define each unit in one file");
            }
        }
    }

    fn applications(&mut self, table: &DeTable<'_>, applications: &mut Vec<Application>) {
        for (key, value) in table {
            let DeValue::Table(fields) = value.get_ref() else {
                self.fault(value.span(), "an application must be a table", APPLICATION_EXAMPLE);
                continue;
            };
            let mut application = Application { networks: Vec::new(), senders: Vec::new() };
            for (name, value) in fields {
                match name.get_ref().as_ref() {
                    "networks" => application.networks = self.each(value, "a network such as 192.0.2.0/24", network),
                    "senders" => application.senders = self.each(value, "an address or a domain", sender),
                    other => {
                        let fault =
                            Diagnostic::at(&self.source, name.span(), format!("an application has no `{other}`"));
                        self.faults.push(fault.help(APPLICATION_EXAMPLE).nearest(other, ["networks", "senders"]));
                    }
                }
            }
            if fields.get("networks").is_none() || fields.get("senders").is_none() {
                self.fault(key.span(), "an application needs networks and senders", APPLICATION_EXAMPLE);
            }
            applications.push(application);
        }
    }

    fn each<T>(&mut self, value: &Spanned<DeValue<'_>>, what: &str, read: fn(&str) -> Option<T>) -> Vec<T> {
        let DeValue::Array(items) = value.get_ref() else {
            self.fault(value.span(), "this is not a list", format!("write [\"…\"], each {what}"));
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            match item.get_ref().as_str().and_then(read) {
                Some(one) => all.push(one),
                None => self.fault(item.span(), format!("this is not {what}"), APPLICATION_EXAMPLE),
            }
        }
        all
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn sender(text: &str) -> Option<ApplicationSender> {
    match text.contains('@') {
        true => Mailbox::parse(text).ok().map(|mailbox| ApplicationSender::Mailbox(mailbox.sender_identity())),
        false => Domain::parse(text).ok().map(ApplicationSender::Domain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> (Units, Vec<Diagnostic>) {
        let (people, _) = People::from_csv("units/people.csv", "mail,unit\na@town.example,sg/achats\n");
        Units::parse([("units/units.toml", text)], &people)
    }

    #[test]
    fn units_are_known_with_those_above_them() {
        let (units, faults) = units("[unit.sg]\ntitle = \"Secrétariat\"\n[unit.\"dsj/greffes\"]\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(units.known().collect::<Vec<_>>(), ["dsj", "dsj/greffes", "sg", "sg/achats"]);
        assert_eq!(units.unnamed().collect::<Vec<_>>(), ["dsj", "sg/achats"]);
        assert_eq!((units.shown("sg").as_str(), units.shown("x").as_str()), ("Secrétariat (sg)", "x"));
    }

    #[test]
    fn each_fault_names_its_place() {
        for (text, place, message, help) in [
            ("[unit.sg\n", (1, 9), "this is not valid TOML", "[unit."),
            ("[units.sg]\n", (1, 2), "unknown key `units`", "did you mean `unit`?"),
            ("[unit.\"Sg/x\"]\n", (1, 7), "`Sg/x` is not the path of a unit", "lower-case letters"),
            ("[unit.sg]\ntitel = \"x\"\n", (2, 1), "a unit has no `titel`", "did you mean `title`?"),
            ("[unit.sg]\ntitle = 3\n", (2, 9), "a title must be a text", "Bureau"),
            ("[application.p]\nnetworks = [\"x\"]\nsenders = []\n", (2, 13), "this is not a network", "192.0.2"),
            ("[application.p]\nnetworks = []\n", (1, 14), "an application needs", "senders"),
        ] {
            let (_, faults) = units(text);
            let fault = faults.first().unwrap_or_else(|| panic!("no fault in {text:?}"));
            assert_eq!(fault.line_column(), Some(place), "{text:?}: {fault}");
            assert!(fault.message.starts_with(message) && fault.help.as_ref().unwrap().contains(help), "{fault:?}");
        }
    }

    #[test]
    fn unknown_units_are_told_where_they_are_named() {
        let (units, _) = units("[unit.sg]\n");
        let rule = "// Octroi::Unit::\"old\"\nforbid (principal in Octroi::Unit::\"sg/achat\", action, resource);";
        let list = "# scope=zz\na@web.example scope=sg,dsj,b@x.example\n";
        let faults = units.unknown_in([("rules/a.cedar", rule), ("domains/allowed.list", list)].into_iter());
        let said: Vec<_> = faults.iter().map(|f| (f.line_column().unwrap(), f.message.as_str())).collect();
        assert_eq!(said, [((2, 37), "there is no unit `sg/achat`"), ((2, 24), "there is no unit `dsj`")]);
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `sg/achats`?"));
    }

    #[test]
    fn an_application_is_known_by_network_and_sender() {
        let text =
            "[application.paie]\nnetworks = [\"192.0.2.0/24\"]\nsenders = [\"robot@town.example\", \"paie.example\"]\n";
        let (units, faults) = units(text);
        assert!(faults.is_empty(), "{faults:?}");
        let is = |client: &str, sender: &str| {
            units.is_application(Some(client.parse().unwrap()), &Mailbox::parse(sender).unwrap())
        };
        assert!(is("192.0.2.7", "Robot@Town.example") && is("::ffff:192.0.2.7", "any@paie.example"));
        assert!(is("192.0.2.7", "prvs=0123abcd=robot@town.example"), "BATV is undone");
        assert!(!is("198.51.100.1", "robot@town.example") && !is("192.0.2.7", "x@town.example"));
        assert!(!is("192.0.2.7", "x@sub.paie.example"));
    }
}
