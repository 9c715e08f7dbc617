// SPDX-License-Identifier: EUPL-1.2
//! Rules: reads and checks Cedar texts (decision D29).
//!
//! octroi adds the one `permit`. Every rule is a `forbid` with `@id`, `@disposition` and `@reason`, checked strictly
//! against octroi's schema: a misspelt fact is an error when the policy is loaded, and not a rule that never matches.

pub mod closed;

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use cedar_policy::{Effect, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::facts::{Asked, schema};
use super::verdict::Disposition;
use crate::diagnostic::{Diagnostic, Source, slip_of};

/// The rule named where a rule could not be evaluated: the copy is held (decision D17).
pub const EVALUATION_ERROR: &str = "evaluation-error";
const PERMIT: &str = "@id(\"octroi\") permit (principal, action, resource);";
const ANNOTATIONS: [&str; 8] = ["id", "disposition", "reason", "notice", "mode", "from", "until", "eyes"];
const DISPOSITIONS: [&str; 5] = ["notify", "strip", "quarantine", "defer", "reject"];

/// One rule's annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    pub disposition: Disposition,
    pub reason: String,
    pub notice: Option<String>,
    /// `@mode("observe")`: recorded, not applied.
    pub observe: bool,
    /// `@eyes("two")`: what it held needs two persons (decision D43).
    pub needs_two: bool,
    /// First instant of its validity.
    pub from: Option<Timestamp>,
    /// First instant after its validity.
    pub until: Option<Timestamp>,
    /// The file it stands in.
    pub path: String,
    /// Facts that it asks for.
    pub(crate) asked: Asked,
}

impl Rule {
    pub fn is_in_force(&self, instant: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= instant) && self.until.is_none_or(|until| instant < until)
    }
}

/// All rules, ready to be asked.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(crate) by_id: BTreeMap<String, Rule>,
    pub(crate) set: PolicySet,
    pub(crate) schema: Schema,
    /// Facts that some rule asks for.
    pub(crate) asked: Asked,
    /// Whether some rule asks who sends.
    pub(crate) ask_who_sends: bool,
    /// The instants at which some rule begins or ends, sorted.
    pub(crate) boundaries: Vec<Timestamp>,
}

impl Rules {
    /// The `(path, text)` of a policy folder's rules, as far as they are texts.
    pub fn texts(files: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&str, &str)> + Clone {
        files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix("rules/")?.strip_suffix(".cedar")?;
            Some((path.as_str(), std::str::from_utf8(bytes).ok()?)).filter(|_| !name.contains('/'))
        })
    }

    /// Reads rules from `(path, text)`. On faults, all faults of all files.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Rules, Vec<Diagnostic>> {
        // The schema is a part of the program; a test reads it.
        let (schema, _) = Schema::from_cedarschema_str(schema()).expect("octroi's own schema is sound");
        let validator = Validator::new(schema.clone());
        let mut set = PolicySet::from_str(PERMIT).expect("octroi's own permit is sound");
        let (mut by_id, mut faults, mut asked) = (BTreeMap::<String, Rule>::new(), Vec::new(), Asked::default());
        for (path, text) in files {
            let source = Source::new(path, text);
            let read = match PolicySet::from_str(text) {
                Ok(read) => read,
                Err(errors) => {
                    faults.extend(errors.iter().map(|error| from_cedar(error, &source, 0..text.len())));
                    // What stands above and below the broken place is looked at all the same.
                    for span in statements(text) {
                        if let Some(policy) = annotated(text, &span) {
                            let _ = read_rule(&policy, &source, span, &mut faults);
                        }
                    }
                    continue;
                }
            };
            let statements = statements(text);
            let mut of_file = PolicySet::new();
            for template in read.templates() {
                let span = statement(&statements, template.id().as_ref(), text);
                faults.push(
                    Diagnostic::at(&source, span, "a rule cannot contain slots such as `?principal`")
                        .help("write the unit or the list itself"),
                );
            }
            for policy in read.policies() {
                let span = statement(&statements, policy.id().as_ref(), text);
                let Some(rule) = read_rule(policy, &source, span.clone(), &mut faults) else {
                    // What it asks is checked all the same.
                    let name = policy.annotation("id").map_or_else(|| policy.id().clone(), PolicyId::new);
                    let _ = of_file.add(policy.new_id(name));
                    continue;
                };
                if let Some(first) = by_id.get(&rule.id) {
                    let message = format!("there is already a rule `{}`, in {}", rule.id, first.path);
                    faults.push(
                        Diagnostic::at(&source, annotation(text, &span, "id"), message)
                            .help("give each rule its own id"),
                    );
                    continue;
                }
                let named = policy.new_id(PolicyId::new(&rule.id));
                asked = asked | rule.asked;
                // Ids are distinct: checked against `by_id` just above, and the permit's is reserved.
                if set.add(named.clone()).is_ok() && of_file.add(named).is_ok() {
                    by_id.insert(rule.id.clone(), rule);
                }
            }
            let result = validator.validate(&of_file, ValidationMode::Strict);
            let whole = 0..text.len();
            let errors = result.validation_errors().map(|error| from_cedar(error, &source, whole.clone()));
            // A warning is a rule that can never speak, or letters that are not what they seem: not to be shipped.
            let warnings = result.validation_warnings().map(|warning| from_cedar(warning, &source, whole.clone()));
            faults.extend(errors.chain(warnings));
        }
        if !faults.is_empty() {
            faults.sort_by(|a, b| (a.path(), a.line_column()).cmp(&(b.path(), b.line_column())));
            return Err(faults);
        }
        let mut boundaries: Vec<Timestamp> = by_id.values().flat_map(|r| [r.from, r.until]).flatten().collect();
        boundaries.sort();
        boundaries.dedup();
        Ok(Rules { by_id, set, schema, asked, ask_who_sends: asked.who_sends(), boundaries })
    }

    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.by_id.get(id)
    }

    /// Whether what this rule holds needs two persons; a rule that is no longer known asked for none.
    pub fn needs_two(&self, id: &str) -> bool {
        self.get(id).is_some_and(|rule| rule.needs_two)
    }

    /// All rules, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_id.values()
    }

    /// The ids of the rules that ask for one of these facts or compare with one of these words.
    pub fn asking(&self, words: &[&str]) -> Vec<&str> {
        let asks = |id: &str| {
            let policy = self.set.policy(&PolicyId::new(id));
            let json = policy.and_then(|policy| policy.to_json().ok()).unwrap_or_default();
            // What people are told of it is no question.
            let asked = ["principal", "resource", "conditions"].iter().filter_map(|part| json.get(part));
            let asked = asked.map(ToString::to_string).collect::<String>();
            words.iter().any(|word| asked.contains(&format!("\"{word}\"")))
        };
        self.by_id.keys().map(String::as_str).filter(|id| asks(id)).collect()
    }

    /// Facts that rules in force at that instant ask for.
    pub(crate) fn asked_at(&self, instant: Timestamp) -> Asked {
        let in_force = self.iter().filter(|rule| rule.is_in_force(instant));
        in_force.fold(Asked::default(), |asked, rule| asked | rule.asked)
    }

    /// Between two neighbouring boundaries the same rules are in force: the number of that window.
    pub(crate) fn window(&self, instant: Timestamp) -> usize {
        self.boundaries.partition_point(|boundary| *boundary <= instant)
    }
}

/// Reads one rule's annotations; `None` where something is missing or wrong, with every fault said.
fn read_rule(
    policy: &cedar_policy::Policy,
    source: &Source,
    span: Range<usize>,
    faults: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let text = source.text();
    let before = faults.len();
    let head = head(text, &span);
    if policy.effect() == Effect::Permit {
        faults.push(
            Diagnostic::at(source, head, "a rule can only forbid: octroi permits everything that no rule forbids")
                .help("write `forbid`, and after `unless` the cases that should pass"),
        );
        return None;
    }
    for (name, _) in policy.annotations().filter(|(name, _)| !ANNOTATIONS.contains(name)) {
        let fault = Diagnostic::at(source, annotation(text, &span, name), format!("unknown annotation `@{name}`"));
        faults.push(fault.nearest(name, ANNOTATIONS));
    }
    let mut required = |name: &str, example: &str| match policy.annotation(name).map(str::trim) {
        Some(value) if !value.is_empty() => value.to_owned(),
        Some(_) => {
            faults.push(
                Diagnostic::at(source, annotation(text, &span, name), format!("`@{name}` is empty")).help(example),
            );
            String::new()
        }
        None => {
            let near = policy.annotations().any(|(other, _)| slip_of(other, [name]).is_some());
            // A misspelt annotation has been named already: once is enough.
            if !near {
                faults.push(Diagnostic::at(source, head.clone(), format!("the rule has no `@{name}`")).help(example));
            }
            String::new()
        }
    };
    let id = required("id", r#"write above it: @id("what-happens-where")"#);
    let reason = required("reason", r#"write above it: @reason("why, in words that everybody understands")"#);
    let disposition = required("disposition", r#"write above it: @disposition("quarantine")"#);
    let wrong = |name: &str, message: String| Diagnostic::at(source, annotation(text, &span, name), message);
    if !id.is_empty() && !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        faults.push(wrong("id", format!("`{id}` is not a rule id")).help("use lower-case letters, digits and hyphens"));
    }
    if [EVALUATION_ERROR, "octroi"].contains(&id.as_str()) {
        faults.push(wrong("id", format!("octroi itself uses the id `{id}`")).help("choose another id"));
    }
    let known = Disposition::ALL.into_iter().find(|d| d.as_str() == disposition && *d != Disposition::Pass);
    if known.is_none() && !disposition.is_empty() {
        let fault = wrong("disposition", format!("`{disposition}` is not a disposition"));
        let meant = Disposition::meant_by(&disposition).map(Disposition::as_str);
        faults.push(match meant.filter(|word| DISPOSITIONS.contains(word)) {
            Some(word) => fault.help(format!("did you mean `{word}`? Rules and cases use it for `{disposition}`")),
            None => fault.help(format!("write one of {}", DISPOSITIONS.join(", "))).nearest(&disposition, DISPOSITIONS),
        });
    }
    let observe = match policy.annotation("mode") {
        None | Some("enforce") => false,
        Some("observe") => true,
        Some(other) => {
            faults.push(
                wrong("mode", format!("`{other}` is not a mode")).help(r#"write @mode("observe") or @mode("enforce")"#),
            );
            false
        }
    };
    let needs_two = match policy.annotation("eyes") {
        None | Some("one") => false,
        Some("two") => true,
        Some(other) => {
            let fault = wrong("eyes", format!("`{other}` is not a number of persons"));
            faults.push(fault.help(r#"write @eyes("two") or @eyes("one")"#));
            false
        }
    };
    let mut instant = |name: &str, last_day: bool| {
        let value = policy.annotation(name)?;
        let read = read_instant(value, last_day);
        if read.is_none() {
            let message = format!("`{value}` is not a date");
            faults.push(
                wrong(name, message).help(format!(r#"write @{name}("2027-03-31") or @{name}("2027-03-31T08:00:00Z")"#)),
            );
        }
        read
    };
    let (from, until) = (instant("from", false), instant("until", true));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        faults.push(wrong("until", "the rule ends before it begins".into()).help("exchange `@from` and `@until`"));
    }
    let notice = policy.annotation("notice").map(str::to_owned);
    if notice.as_deref() == Some("") {
        faults.push(wrong("notice", "`@notice` is empty".into()).help("name a text in notices/, or leave it out"));
    }
    if faults.len() > before {
        return None;
    }
    Some(Rule {
        id,
        disposition: known?,
        reason,
        notice,
        observe,
        needs_two,
        from,
        until,
        path: source.name().to_owned(),
        asked: asked_by(policy),
    })
}

/// A day (in UTC; as an end it counts whole) or an instant.
fn read_instant(text: &str, last_day: bool) -> Option<Timestamp> {
    if let Ok(day) = text.parse::<Date>()
        && !text.contains(['T', ' '])
    {
        let day = if last_day { day.tomorrow().ok()? } else { day };
        return Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    text.parse::<Timestamp>().ok()
}

/// A fault out of one of Cedar's, whose spans count from the file's beginning.
fn from_cedar(error: &dyn miette::Diagnostic, source: &Source, whole: Range<usize>) -> Diagnostic {
    let label = error.labels().and_then(|mut labels| labels.next());
    let span = label.as_ref().map_or(whole, |label| label.offset()..label.offset() + label.len());
    let expected = label.and_then(|label| label.label().map(str::to_owned));
    let mut fault = Diagnostic::at(source, span, error.to_string());
    if let Some(help) = error.help().map(|help| help.to_string()).or(expected) {
        fault = fault.help(help);
    }
    fault
}

/// Which facts a rule asks for. Where it uses a whole entity or context in a way that this reading does not know, all
/// of them.
fn asked_by(policy: &cedar_policy::Policy) -> Asked {
    let Ok(json) = policy.to_json() else { return Asked::EVERYTHING };
    let mut asked = Asked::default();
    walk(&json, &mut asked);
    let text = json.to_string();
    for (entity, variable, fact) in [
        ("Octroi::DomainList", "resource", "lists"),
        ("Octroi::Unit", "principal", "unit"),
        ("Octroi::Sender", "principal", "address"),
        ("Octroi::Recipient", "resource", "address"),
    ] {
        if text.contains(entity) {
            asked = asked | Asked::of(variable, fact);
        }
    }
    asked
}

fn walk(json: &serde_json::Value, asked: &mut Asked) {
    match json {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let variable = value.pointer("/left/Var").and_then(|v| v.as_str());
                let attribute = value.get("attr").and_then(|v| v.as_str());
                match (key.as_str(), variable, attribute) {
                    ("." | "has", Some(variable), Some(attribute)) => *asked = *asked | Asked::of(variable, attribute),
                    ("Var", ..) if value == "context" => *asked = Asked::EVERYTHING,
                    _ => walk(value, asked),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| walk(value, asked)),
        _ => {}
    }
}

/// The bytes of each statement, first annotation to semicolon, in the order in which Cedar numbers them.
fn statements(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut start, mut at) = (Vec::new(), None, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' => {
                start.get_or_insert(at);
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b';' => found.extend(start.take().map(|start| start..at + 1)),
            b if b.is_ascii_whitespace() => {}
            _ => {
                start.get_or_insert(at);
            }
        }
        at += 1;
    }
    found
}

/// A statement by itself; of a broken one, what can be read: its annotations.
fn annotated(text: &str, span: &Range<usize>) -> Option<cedar_policy::Policy> {
    const NO_CONDITION: &str = "forbid (principal, action, resource);";
    let whole = text.get(span.clone())?;
    let above = || Some(format!("{}{NO_CONDITION}", text.get(span.start..head(text, span).start)?));
    cedar_policy::Policy::parse(None, whole).ok().or_else(|| cedar_policy::Policy::parse(None, above()?).ok())
}

/// The statement that Cedar calls `policyN`.
fn statement(statements: &[Range<usize>], id: &str, text: &str) -> Range<usize> {
    let number = id.strip_prefix("policy").and_then(|n| n.parse::<usize>().ok());
    number.and_then(|n| statements.get(n)).cloned().unwrap_or(0..text.len())
}

/// The word `forbid` or `permit` of a statement.
fn head(text: &str, span: &Range<usize>) -> Range<usize> {
    let inside = text.get(span.clone()).unwrap_or("");
    let line = inside.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    });
    for (start, line) in line {
        let shift = line.len() - line.trim_start().len();
        if ["forbid", "permit"].iter().any(|word| line.trim_start().starts_with(word)) {
            let from = span.start + start + shift;
            return from..from + "forbid".len();
        }
    }
    span.start..(span.start + 1).min(span.end)
}

/// The annotation `@name` of a statement, its value included.
fn annotation(text: &str, span: &Range<usize>, name: &str) -> Range<usize> {
    let inside = text.get(span.clone()).unwrap_or("");
    let sign = format!("@{name}");
    let follows = |at: usize| !inside[at + sign.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    match inside.match_indices(&sign).map(|(at, _)| at).find(|at| follows(*at)) {
        Some(at) => {
            let length = inside[at..].find(')').map_or(sign.len(), |end| end + 1);
            span.start + at..span.start + at + length
        }
        None => head(text, span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_sound() {
        let (schema, warnings) = Schema::from_cedarschema_str(schema()).unwrap();
        assert_eq!(warnings.count(), 0);
        drop(schema);
    }

    #[test]
    fn the_facts_a_rule_asks_for_are_seen_wherever_they_stand() {
        let by = |condition: &str| {
            let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
            asked_by(PolicySet::from_str(&text).unwrap().policies().next().unwrap())
        };
        let context = |name| Asked::of("context", name);
        assert_eq!(
            by("context.rank > 1 || (if context.private then true else false)"),
            context("rank") | context("private")
        );
        assert_eq!(
            by("[context.rank].contains(1) && context.links.containsAny([\"x\"])"),
            context("rank") | context("links")
        );
        assert_eq!(by("resource in Octroi::DomainList::\"x\""), Asked::of("resource", "lists"));
        assert_eq!(by("principal in Octroi::Unit::\"x\""), Asked::of("principal", "unit"));
        assert_eq!(by("context == {}"), Asked::EVERYTHING);
        assert_eq!(by("context.unheard"), Asked::EVERYTHING);
    }

    #[test]
    fn statements_are_cut_as_cedar_numbers_them() {
        let text =
            "// a; b\n@id(\"x;\\\"y\") permit(principal, action, resource);\n\n forbid(principal,action,resource);";
        let cut: Vec<&str> = statements(text).into_iter().map(|span| &text[span]).collect();
        assert_eq!(cut.len(), 2);
        assert!(cut[0].starts_with("@id") && cut[1].starts_with("forbid"), "{cut:?}");
    }
}
