// SPDX-License-Identifier: EUPL-1.2
//! Reads `limits.toml`; reports every error with line, column, and what to write instead.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Counted, Limit, LimitList, Per, Scope};
use crate::diagnostic::{Diagnostic, Source};
use crate::directory::Class;
use crate::mail::{Domain, Mailbox};

const KEYS: [&str; 12] =
    ["id", "per", "recipients", "messages", "every", "burst", "class", "list", "only", "except", "mode", "reason"];
const PERS: [(&str, Per); 5] = [
    ("client", Per::Client),
    ("login", Per::Login),
    ("sender", Per::Sender),
    ("unit", Per::Unit),
    ("everyone", Per::Everyone),
];
const CLASSES: [(&str, Class); 5] = [
    ("own", Class::Own),
    ("partner", Class::Partner),
    ("private-webmail", Class::PrivateWebmail),
    ("disposable", Class::Disposable),
    ("other", Class::Other),
];
const MODES: [(&str, bool); 2] = [("enforce", false), ("observe", true)];
const SCOPES: [&str; 4] = ["unit", "sender", "login", "client"];
/// What a row looks like, for whoever has to write one.
const EXAMPLE: &str = "[[limit]] per = \"sender\", recipients = 500, every = \"1h\", reason = \"…\"";
/// Rows at most: each is asked for every mail.
const MOST: usize = 100;
/// Messages or recipients in one limit at most.
const MOST_COUNTED: i64 = 100_000_000;
/// The longest `every`, and the longest time in which a spent burst may come back.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The rows without a fault, whatever else is wrong. `units` are the known ones; if there are none, any will do.
pub(super) fn limits(path: &str, text: &str, units: &[&str], lists: &[&str]) -> (Vec<Limit>, Vec<Diagnostic>) {
    let mut file = File { source: Source::new(path, text), units, lists, faults: Vec::new() };
    let mut limits: Vec<Limit> = Vec::new();
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let message = format!("this is not valid TOML: {}", error.message().trim());
            file.fault(error.span().unwrap_or(0..0), message, EXAMPLE);
        }
        return (limits, file.faults);
    }
    for (key, value) in document.get_ref() {
        let rows = match (key.get_ref().as_ref(), value.get_ref()) {
            ("limit", DeValue::Array(rows)) => rows,
            ("limit", _) => {
                file.fault(key.span(), "write a limit in double brackets", EXAMPLE);
                continue;
            }
            (other, _) => {
                let fault = Diagnostic::at(&file.source, key.span(), format!("unknown key `{other}`"));
                file.faults.push(fault.help(format!("write {EXAMPLE}")).nearest(other, ["limit"]));
                continue;
            }
        };
        if rows.len() > MOST {
            file.fault(key.span(), format!("there are more than {MOST} limits"), "combine some of them");
            continue;
        }
        for row in rows {
            let Some(limit) = file.limit(row) else { continue };
            if limits.iter().any(|other| other.id == limit.id) {
                let message = format!("there is already a limit `{}` above", limit.id);
                file.fault(row.span(), message, "give each limit its own id: id = \"…\"");
            } else {
                limits.push(limit);
            }
        }
    }
    (limits, file.faults)
}

type Fields<'t> = BTreeMap<&'t str, &'t Spanned<DeValue<'t>>>;

struct File<'a> {
    source: Source,
    units: &'a [&'a str],
    lists: &'a [&'a str],
    faults: Vec<Diagnostic>,
}

impl File<'_> {
    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::at(&self.source, span, message).help(help));
    }

    fn limit(&mut self, row: &Spanned<DeValue<'_>>) -> Option<Limit> {
        let DeValue::Table(table) = row.get_ref() else {
            self.fault(row.span(), "a limit must be a table", EXAMPLE);
            return None;
        };
        let before = self.faults.len();
        let mut fields = Fields::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if !KEYS.contains(&name) {
                let fault = Diagnostic::at(&self.source, key.span(), format!("a limit has no `{name}`"));
                self.faults.push(fault.help(format!("write one of {}", KEYS.join(", "))).nearest(name, KEYS));
            }
            fields.insert(name, value);
        }
        let whole = row.span();
        let per = self.required(&fields, &whole, "per", "per = \"sender\"").and_then(|v| self.word(v, "per", &PERS));
        let amount = self.amount(&fields, &whole);
        let every = self.required(&fields, &whole, "every", "every = \"1h\"").and_then(|v| self.every(v));
        let burst = fields.get("burst").and_then(|value| self.number(value, "burst"));
        let class = fields.get("class").and_then(|value| self.word(value, "class", &CLASSES));
        let list = fields.get("list").and_then(|value| self.list(value));
        let observes = fields.get("mode").and_then(|value| self.word(value, "mode", &MODES));
        let only = fields.get("only").map(|value| self.scopes(value, "only")).unwrap_or_default();
        let except = fields.get("except").map(|value| self.scopes(value, "except")).unwrap_or_default();
        let example = "reason = \"why this limit exists\"";
        let reason = self.required(&fields, &whole, "reason", example).and_then(|v| self.text(v, "reason"));
        let id = fields.get("id").and_then(|value| self.id(value));
        let (per, (counted, amount), every, reason) = (per?, amount?, every?, reason?);
        let burst = burst.unwrap_or(amount);
        // How long a spent burst takes to come back; nanoseconds of both must fit a counter.
        if every.as_secs().saturating_mul(burst.get().into()) / u64::from(amount.get()) > LONGEST.as_secs() {
            let span = fields.get("burst").or(fields.get("every")).map_or(whole, |value| value.span());
            self.fault(span, "a used `burst` would take more than a year to come back", "write a smaller `burst`");
        }
        if self.faults.len() > before {
            return None;
        }
        let id = id.unwrap_or_else(|| name(per, counted, amount, &fields));
        let observes = observes.unwrap_or(false);
        Some(Limit { id, per, counted, amount, every, burst, class, list, only, except, observes, reason })
    }

    fn list(&mut self, value: &Spanned<DeValue<'_>>) -> Option<LimitList> {
        let name = self.text(value, "list")?;
        match self.lists.iter().position(|known| *known == name) {
            Some(at) => Some(LimitList { name: name.into(), bit: 1 << at }),
            None => {
                let fault = Diagnostic::at(&self.source, value.span(), format!("there is no list `{name}`"));
                let help = format!("write the name of a file in domains/ without `.list`: {}", self.lists.join(", "));
                self.faults.push(fault.help(help).nearest(&name, self.lists.iter().copied()));
                None
            }
        }
    }

    fn required<'t>(
        &mut self,
        fields: &Fields<'t>,
        whole: &Range<usize>,
        key: &str,
        example: &str,
    ) -> Option<&'t Spanned<DeValue<'t>>> {
        let found = fields.get(key).copied();
        if found.is_none() {
            self.fault(whole.clone(), format!("the limit has no `{key}`"), format!("write below it: {example}"));
        }
        found
    }

    fn amount(&mut self, fields: &Fields<'_>, whole: &Range<usize>) -> Option<(Counted, NonZeroU32)> {
        match (fields.get("recipients"), fields.get("messages")) {
            (Some(value), None) => Some((Counted::Recipients, self.number(value, "recipients")?)),
            (None, Some(value)) => Some((Counted::Messages, self.number(value, "messages")?)),
            (Some(_), Some(second)) => {
                let message = "a limit counts recipients or messages, not both";
                self.fault(second.span(), message, "write two limits");
                None
            }
            (None, None) => {
                let help = "write below it: recipients = 500, or messages = 100";
                self.fault(whole.clone(), "the limit has no amount", help);
                None
            }
        }
    }

    fn text(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            DeValue::String(_) => {
                self.fault(value.span(), format!("`{key}` is empty"), format!("write {key} = \"…\""));
                None
            }
            _ => {
                self.fault(value.span(), format!("`{key}` must be a text"), format!("use quotes: {key} = \"…\""));
                None
            }
        }
    }

    fn word<T: Copy>(&mut self, value: &Spanned<DeValue<'_>>, key: &str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text(value, key)?;
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
        if found.is_none() {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            let fault = Diagnostic::at(&self.source, value.span(), format!("`{text}` is not a value of `{key}`"));
            self.faults.push(fault.help(format!("write one of {}", words.join(", "))).nearest(&text, words));
        }
        found
    }

    fn number(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<NonZeroU32> {
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|n| (1..=MOST_COUNTED).contains(n)).and_then(|n| u32::try_from(n).ok());
        let number = number.and_then(NonZeroU32::new);
        if number.is_none() {
            let message = format!("`{key}` must be a whole number from 1 to {MOST_COUNTED}");
            self.fault(value.span(), message, format!("write {key} = 100"));
        }
        number
    }

    fn every(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Duration> {
        let text = self.text(value, "every")?;
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit: Option<u64> = match unit.trim() {
            "s" => Some(1),
            "m" | "min" => Some(60),
            "h" => Some(3600),
            "d" => Some(86_400),
            _ => None,
        };
        let seconds = unit.and_then(|unit| number.parse::<u64>().ok()?.checked_mul(unit));
        let length = seconds.map(Duration::from_secs).filter(|length| !length.is_zero() && *length <= LONGEST);
        if length.is_none() {
            let message = format!("`{text}` is not a length of time between 1s and 366d");
            self.fault(value.span(), message, "write a number and s, min, h or d: every = \"1h\"");
        }
        length
    }

    fn id(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Arc<str>> {
        let text = self.text(value, "id")?;
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.len() > 64 || !text.chars().all(sound) {
            let help = "use lower-case letters, digits and hyphens, at most 64";
            self.fault(value.span(), format!("`{text}` is not an id"), help);
            return None;
        }
        Some(text.into())
    }

    fn scopes(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Vec<Scope> {
        let DeValue::Array(items) = value.get_ref() else {
            self.fault(value.span(), format!("`{key}` must be a list"), format!("write {key} = [\"unit:sg\"]"));
            return Vec::new();
        };
        if items.is_empty() && key == "only" {
            self.fault(value.span(), "`only` is empty", "leave it out if the limit is for everyone");
        }
        items.iter().filter_map(|item| self.scope(item, key)).collect()
    }

    fn scope(&mut self, item: &Spanned<DeValue<'_>>, key: &str) -> Option<Scope> {
        let text = self.text(item, key)?;
        let (kind, name) = text.split_once(':').unwrap_or(("", &text));
        let scope = match kind {
            "unit" => {
                let name = name.trim_matches('/');
                if !self.units.is_empty() && !self.units.contains(&name) {
                    let fault = Diagnostic::at(&self.source, item.span(), format!("there is no unit `{name}`"));
                    let help = "write a unit from units/people.csv or units/*.toml";
                    self.faults.push(fault.help(help).nearest(name, self.units.iter().copied()));
                    return None;
                }
                (!name.is_empty()).then(|| Scope::Unit(name.to_owned()))
            }
            "sender" if name.contains('@') => Mailbox::parse(name).ok().map(|m| Scope::Sender(m.sender_identity())),
            "sender" => Domain::parse(name).ok().map(Scope::Domain),
            "login" => (!name.is_empty()).then(|| Scope::Login(name.to_lowercase())),
            "client" => {
                let single = || name.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
                name.parse::<IpNet>().ok().or_else(single).map(Scope::Client)
            }
            _ => {
                let fault = Diagnostic::at(&self.source, item.span(), format!("`{text}` does not begin with its kind"));
                let help = "write unit:PATH, sender:ADDRESS or sender:DOMAIN, login:NAME, client:NETWORK";
                self.faults.push(fault.help(help).nearest(kind, SCOPES));
                return None;
            }
        };
        if scope.is_none() {
            self.fault(item.span(), format!("`{name}` is not a {kind}"), example_of(kind));
        }
        scope
    }
}

fn example_of(kind: &str) -> &'static str {
    match kind {
        "unit" => "write unit:sg/achats",
        "sender" => "write sender:name@domain or sender:domain",
        "login" => "write login:name",
        _ => "write client:192.0.2.0/24 or client:2001:db8::/32",
    }
}

/// The id of a limit that was given none, such as `sender-500-recipients-1h-private-webmail`.
fn name(per: Per, counted: Counted, amount: NonZeroU32, fields: &Fields<'_>) -> Arc<str> {
    let per = PERS.iter().find(|(_, known)| *known == per).map_or("", |(word, _)| word);
    let counted = if counted == Counted::Recipients { "recipients" } else { "messages" };
    let mut id = format!("{per}-{amount}-{counted}");
    for key in ["every", "class"] {
        if let Some(DeValue::String(text)) = fields.get(key).map(|value| value.get_ref()) {
            id.push('-');
            id.extend(text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-'));
        }
    }
    id.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[limit]]\nper = \"sender\"\nrecipients = 500\nevery = \"1h\"\nreason = \"r\"\n";

    #[test]
    fn a_row_is_read_with_its_defaults() {
        let (limits, faults) = limits("limits.toml", GOOD, &[], &[]);
        assert!(faults.is_empty(), "{faults:?}");
        let limit = &limits[0];
        assert_eq!(&*limit.id, "sender-500-recipients-1h");
        assert_eq!((limit.amount.get(), limit.burst.get(), limit.every.as_secs()), (500, 500, 3600));
        assert!(!limit.observes && limit.class.is_none() && limit.only.is_empty());
        assert!(super::limits("limits.toml", "# nothing\n", &[], &[]).0.is_empty());
    }

    #[test]
    fn each_fault_says_its_place_and_what_to_write() {
        for (text, place, message, help) in [
            ("[[limt]]\n", (1, 3), "unknown key `limt`", "did you mean `limit`?"),
            ("limit = 3\n", (1, 1), "write a limit in double brackets", "[[limit]]"),
            ("[[limit\n", (1, 8), "this is not valid TOML", "[[limit]]"),
            (&GOOD.replace("per =", "pre ="), (2, 1), "a limit has no `pre`", "did you mean `per`?"),
            (&GOOD.replace("\"sender\"", "\"sendr\""), (2, 7), "`sendr` is not a value of `per`", "`sender`"),
            (&GOOD.replace("500", "0"), (3, 14), "from 1 to", "recipients = 100"),
            (&GOOD.replace("500", "\"many\""), (3, 14), "from 1 to", "recipients = 100"),
            (&GOOD.replace("1h", "1 week"), (4, 9), "`1 week` is not a length of time", "every = \"1h\""),
            (&GOOD.replace("1h", "0s"), (4, 9), "not a length of time", "s, min, h or d"),
            (&GOOD.replace("every", "# every"), (1, 1), "the limit has no `every`", "every = \"1h\""),
            (&GOOD.replace("\"r\"", "\" \""), (5, 10), "`reason` is empty", "reason"),
            (&GOOD.replace("recipients", "# recipients"), (1, 1), "the limit has no amount", "messages = 100"),
            (&format!("{GOOD}messages = 4\n"), (6, 12), "not both", "two limits"),
            (&format!("{GOOD}class = \"webmail\"\n"), (6, 9), "`webmail` is not a value of `class`", "private-webmail"),
            (&format!("{GOOD}list = \"pres\"\n"), (6, 8), "no list `pres`", "did you mean `press`?"),
            (&format!("{GOOD}mode = \"obsrve\"\n"), (6, 8), "not a value of `mode`", "did you mean `observe`?"),
            (&format!("{GOOD}only = [\"unit:sg/acats\"]\n"), (6, 9), "no unit `sg/acats`", "`sg/achats`"),
            (&format!("{GOOD}only = []\n"), (6, 8), "`only` is empty", "leave it out"),
            (
                &format!("{GOOD}except = [\"uint:sg\"]\n"),
                (6, 11),
                "does not begin with its kind",
                "did you mean `unit`?",
            ),
            (&format!("{GOOD}except = [\"client:10.0.0.0/99\"]\n"), (6, 11), "not a client", "192.0.2.0/24"),
            (&format!("{GOOD}burst = 100000000\n"), (6, 9), "more than a year", "smaller `burst`"),
            (&format!("{GOOD}id = \"A b\"\n"), (6, 6), "`A b` is not an id", "lower-case letters"),
            (&format!("{GOOD}{GOOD}"), (6, 1), "there is already a limit", "id = "),
        ] {
            let (_, faults) = limits("limits.toml", text, &["sg", "sg/achats"], &["own", "press"]);
            let fault = faults.iter().find(|fault| fault.message.contains(message));
            let fault = fault.unwrap_or_else(|| panic!("{message} is not said of {text}: {faults:?}"));
            assert_eq!(fault.line_column(), Some(place), "{message}");
            assert!(fault.help.as_deref().unwrap_or_default().contains(help), "{message}: {:?}", fault.help);
        }
    }

    #[test]
    fn all_faults_come_at_once_and_sound_rows_stay() {
        let text = format!("{GOOD}[[limit]]\nper = \"x\"\nevery = \"x\"\nmode = \"x\"\n");
        let (limits, faults) = limits("limits.toml", &text, &[], &[]);
        assert_eq!((limits.len(), faults.len()), (1, 5), "{faults:?}");
    }
}
