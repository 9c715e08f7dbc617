// SPDX-License-Identifier: EUPL-1.2
//! Words in rules that no mail can have: a rule that asks for one never speaks (decision D41).

use std::ops::Range;
use std::str::FromStr;

use cedar_policy::PolicySet;
use serde_json::Value;

use super::{statement, statements};
use crate::detect::LinkKind;
use crate::diagnostic::{Diagnostic, Source};
use crate::directory::Class;
use crate::policy::facts::Proof;

const CLASSES: [Class; 5] = [Class::Own, Class::Partner, Class::PrivateWebmail, Class::Disposable, Class::Other];
const LINKS: [LinkKind; 5] =
    [LinkKind::CloudStorage, LinkKind::FileTransfer, LinkKind::Messenger, LinkKind::Social, LinkKind::Meeting];
const PROOFS: [Proof; 3] = [Proof::None, Proof::Claimed, Proof::Login];
/// What detectors say, as the contract names it.
const FORWARDS: &[&str] = &["inline", "attached", "resent", "automatic"];
const DOCUMENTS: &[&str] = &["office", "pdf", "archive", "text", "image", "media", "program", "other"];
const UNINSPECTABLE: &[&str] = &["encrypted", "broken", "budget", "crashed", "unread", "opaque"];
const PERSONAL_DATA: &[&str] = &["fr-nir", "nl-bsn", "be-nrn", "ma-cin", "iban", "fr-rib", "phone", "card", "mrz"];

/// Every value that a fact can have, where that is known.
fn values(variable: &str, fact: &str, known: &Known<'_>) -> Option<Vec<String>> {
    if (variable, fact) == ("context", "markings") {
        return Some(known.markings.to_vec()).filter(|known| !known.is_empty());
    }
    known.lists?;
    let of = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    match (variable, fact) {
        ("resource", "class") => of(&CLASSES.map(Class::as_str)),
        ("principal", "proof") => of(&PROOFS.map(Proof::as_str)),
        ("context", "links" | "own_links") => of(&LINKS.map(LinkKind::as_str)),
        ("context", "forwards") => of(FORWARDS),
        ("context", "documents") => of(DOCUMENTS),
        ("context", "uninspectable") => of(UNINSPECTABLE),
        ("context", "personal_data") => of(PERSONAL_DATA),
        _ => None,
    }
}

/// What rules may name, as far as whoever asks knows it. Markings (`scheme/level`) are another room's: where lists are
/// given, nothing else is left out but them.
pub struct Known<'a> {
    pub lists: Option<&'a [&'a str]>,
    pub markings: &'a [String],
}

/// A fault for each word of the rules, `(path, text)`, that nothing can be equal to.
pub fn unknown_words<'a>(rules: impl IntoIterator<Item = (&'a str, &'a str)>, known: &Known<'_>) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for (path, text) in rules {
        // What Cedar cannot read is a fault of its own.
        let Ok(set) = PolicySet::from_str(text) else { continue };
        let source = Source::new(path, text);
        let statements = statements(text);
        let mut of_file: Vec<(usize, Diagnostic)> = Vec::new();
        for policy in set.policies() {
            let Ok(json) = policy.to_json() else { continue };
            let span = statement(&statements, policy.id().as_ref(), text);
            walk(&json, Place::default(), &mut |asked| {
                let (word, what, words, so) = match asked {
                    Asked::List(list) => match known.lists {
                        Some(lists) => (list, "list", lists.iter().map(|list| (*list).to_owned()).collect(), ""),
                        None => return,
                    },
                    Asked::Word { variable, fact, word, so } => match values(variable, fact, known) {
                        Some(words) => (word, fact, words, so),
                        None => return,
                    },
                };
                if !words.iter().any(|known| known == word) {
                    let at = quoted(text, &span, word);
                    of_file.push((at.start, fault(&source, at, word, what, &words, so)));
                }
            });
        }
        of_file.sort_by_key(|(at, _)| *at);
        faults.extend(of_file.into_iter().map(|(_, fault)| fault));
    }
    faults
}

fn fault(source: &Source, at: Range<usize>, word: &str, what: &str, words: &[String], so: &str) -> Diagnostic {
    const SHOWN: usize = 12;
    let all = words.iter().map(String::as_str);
    let more = if words.len() > SHOWN { ", …" } else { "" };
    let known = format!("{}{more}", all.clone().take(SHOWN).collect::<Vec<_>>().join(", "));
    let fault = match what {
        "list" => Diagnostic::at(source, at, format!("there is no list `{word}`"))
            .help(format!("write domains/{word}.list, or name one of: {known}")),
        _ => Diagnostic::at(source, at, format!("`{what}` never is `{word}`: {so}"))
            .help(format!("write one of: {known}")),
    };
    fault.nearest(word, all)
}

/// A word that a rule compares with.
enum Asked<'a> {
    List(&'a str),
    /// `so`: what follows where the fact can never be the word.
    Word {
        variable: &'a str,
        fact: &'a str,
        word: &'a str,
        so: &'static str,
    },
}

/// Where an expression stands in its rule: what follows from its being always false, or always true.
#[derive(Clone, Copy, Default)]
struct Place {
    /// In `unless`, which exempts from the rule.
    is_exempting: bool,
    /// Behind an odd number of `!`.
    is_negated: bool,
    /// Whether the whole condition is settled where this is false, or where it is true.
    settles: [bool; 2],
}

impl Place {
    fn of_condition(kind: Option<&str>) -> Place {
        Place { is_exempting: kind == Some("unless"), is_negated: false, settles: [true, true] }
    }

    /// Behind this key of Cedar's JSON.
    fn below(self, key: &str) -> Place {
        let [when_false, when_true] = self.settles;
        match key {
            // The sides of an operator stand where it does.
            "left" | "right" | "arg" => self,
            "&&" => Place { settles: [when_false, false], ..self },
            "||" => Place { settles: [false, when_true], ..self },
            "!" => Place { is_negated: !self.is_negated, settles: [when_true, when_false], ..self },
            _ => Place { settles: [false, false], ..self },
        }
    }

    fn so(self, value: bool) -> &'static str {
        let condition = self.settles[usize::from(value)].then_some(value != self.is_negated); // two values, two places
        match (condition, self.is_exempting) {
            (Some(false), false) | (Some(true), true) => "the rule would never apply",
            (Some(true), false) => "this condition would always hold",
            (Some(false), true) => "this exception would never apply",
            (None, _) if value => "this is always true",
            (None, _) => "this is never true",
        }
    }
}

/// Finds them in the JSON form of a policy, as Cedar documents it.
fn walk<'a>(json: &'a Value, place: Place, tell: &mut dyn FnMut(Asked<'a>)) {
    match json {
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            if let (Some("Octroi::DomainList"), Some(id)) = (text("type"), text("id")) {
                tell(Asked::List(id));
            }
            if let Some(body) = map.get("body") {
                return walk(body, Place::of_condition(text("kind")), tell);
            }
            for (key, value) in map {
                if ["==", "!=", "contains", "containsAny", "containsAll"].contains(&key.as_str())
                    && let (Some(left), Some(right)) = (value.get("left"), value.get("right"))
                {
                    compared(left, right, key, place, tell);
                    compared(right, left, key, place, tell);
                }
                walk(value, place.below(key), tell);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, place, tell)),
        _ => {}
    }
}

fn compared<'a>(fact: &'a Value, words: &'a Value, by: &str, place: Place, tell: &mut dyn FnMut(Asked<'a>)) {
    let Some(attribute) = fact.get(".") else { return };
    let variable = attribute.pointer("/left/Var").and_then(Value::as_str);
    let fact = attribute.get("attr").and_then(Value::as_str);
    let (Some(variable), Some(fact)) = (variable, fact) else { return };
    // Among several words, one that cannot be changes nothing, unless all of them have to be.
    let several = words.get("Set").and_then(Value::as_array).is_some_and(|words| words.len() > 1);
    let so = match several && by != "containsAll" {
        true => "here it changes nothing",
        false => place.so(by == "!="),
    };
    literals(words, &mut |word| tell(Asked::Word { variable, fact, word, so }));
}

/// The texts of a literal or of a set of literals.
fn literals<'a>(json: &'a Value, tell: &mut dyn FnMut(&'a str)) {
    if let Some(word) = json.get("Value").and_then(Value::as_str) {
        tell(word);
    }
    for element in json.get("Set").and_then(Value::as_array).into_iter().flatten() {
        literals(element, tell);
    }
}

/// The word inside its statement, without its quotation marks; the statement, where it is written in another way.
fn quoted(text: &str, span: &Range<usize>, word: &str) -> Range<usize> {
    let inside = text.get(span.clone()).unwrap_or("");
    // Annotations stand in front of the condition and may name the same word.
    let from = inside.find("forbid").unwrap_or(0);
    match inside[from..].find(&format!("\"{word}\"")) {
        Some(at) => {
            let start = span.start + from + at + 1;
            start..start + word.len()
        }
        None => span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(condition: &str) -> Vec<String> {
        let text = format!("@id(\"x\") forbid (principal, action, resource) when {{ {condition} }};");
        let markings = ["fr/diffusion-restreinte".to_owned()];
        let known = Known { lists: Some(&["own", "press"]), markings: &markings };
        let faults = unknown_words([("rules/a.cedar", text.as_str())], &known);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_that_nothing_can_be_is_a_fault_wherever_it_stands() {
        let marking = "fr/diffusion-restreinte";
        for (condition, word, near) in [
            ("resource in Octroi::DomainList::\"presse\"", "presse", "press"),
            ("resource.class == \"webmail\"", "webmail", "private-webmail"),
            ("\"parnter\" == resource.class", "parnter", "partner"),
            ("resource.class != \"disposible\"", "disposible", "disposable"),
            ("[\"own\", \"others\"].contains(resource.class)", "others", "other"),
            ("principal.proof == \"logged\"", "logged", "login"),
            ("context.own_links.contains(\"cloudstorage\")", "cloudstorage", "cloud-storage"),
            ("context.links.containsAny([\"social\", \"meetings\"])", "meetings", "meeting"),
            ("context.forwards.contains(\"inlined\")", "inlined", "inline"),
            ("context.documents.containsAll([\"pdfs\"])", "pdfs", "pdf"),
            ("context.uninspectable.contains(\"unreadable\")", "unreadable", "unread"),
            ("context.personal_data.contains(\"nir\")", "nir", "fr-nir"),
            ("context.markings.contains(\"fr/diffusion-restreint\")", "fr/diffusion-restreint", marking),
            ("if context.private then context.rank > 1 else resource.class == \"x\"", "x", "own"),
        ] {
            let said = said(condition);
            assert_eq!(said.len(), 1, "{condition}: {said:?}");
            assert!(said[0].contains(&format!("`{word}`")) && said[0].contains(near), "{said:?}");
        }
    }

    /// What follows is said as it follows.
    #[test]
    fn the_consequence_is_that_of_the_place() {
        let (never, always, none) =
            ("the rule would never apply", "this condition would always hold", "this exception would never apply");
        for (conditions, so) in [
            ("when { resource.class == \"x\" }", never),
            ("when { resource.class == \"x\" && context.private }", never),
            ("when { resource.class == \"x\" || context.private }", "this is never true"),
            ("when { resource.class != \"x\" }", always),
            ("when { resource.class != \"x\" && context.private }", "this is always true"),
            ("when { resource.class != \"x\" || context.private }", always),
            ("when { !(resource.class == \"x\") }", always),
            ("when { !(resource.class == \"x\" || context.private) }", "this is never true"),
            ("when { !(resource.class != \"x\" || context.private) }", never),
            ("when { context.private } unless { resource.class == \"x\" }", none),
            ("when { context.private } unless { resource.class != \"x\" }", never),
            ("unless { resource.class == \"x\" || context.private }", "this is never true"),
            ("when { if resource.class == \"x\" then context.private else true }", "this is never true"),
            ("when { context.links.contains(\"x\") }", never),
            ("when { context.links.containsAny([\"x\"]) }", never),
            ("when { context.links.containsAny([\"social\", \"x\"]) }", "here it changes nothing"),
            ("when { context.links.containsAll([\"social\", \"x\"]) }", never),
            ("when { [\"own\", \"x\"].contains(resource.class) }", "here it changes nothing"),
            ("unless { [\"x\"].contains(resource.class) }", none),
        ] {
            let text = format!("@id(\"x\") forbid (principal, action, resource) {conditions};");
            let known = Known { lists: Some(&["own"]), markings: &[] };
            let faults = unknown_words([("rules/a.cedar", text.as_str())], &known);
            assert_eq!(faults.len(), 1, "{conditions}: {faults:?}");
            let said = faults[0].to_string();
            assert!(said.contains(&format!("never is `x`: {so}")), "{conditions}: {said}");
        }
    }

    #[test]
    fn what_can_be_is_none() {
        for condition in [
            "resource in [Octroi::DomainList::\"own\", Octroi::DomainList::\"press\"]",
            "resource.class == \"own\" && principal.proof == \"login\"",
            "context.links.containsAny([\"social\", \"meeting\"]) || context.labels.contains(\"any\")",
            "principal.role == \"any\" && resource.domain == \"any.example\"",
            "context.markings.contains(\"fr/diffusion-restreinte\")",
        ] {
            assert!(said(condition).is_empty(), "{condition}: {:?}", said(condition));
        }
    }
}
