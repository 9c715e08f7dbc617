// SPDX-License-Identifier: EUPL-1.2
//! Reads machine-readable sensitivity labels: Microsoft's in headers and document properties, the marking headers of
//! NATO, Australia and others, and `Sensitivity`.

use std::collections::BTreeMap;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::expressions::split;
use crate::detect::reading::inspection::{Inspection, excerpt};
use crate::detect::reading::vocabulary::{Markings, Strength};
use crate::directory::fold::fold;

/// Labels reported for one mail: replies pile up one a tenant, not hundreds.
const MOST: usize = 100;

/// Headers that hold a level as free text or as `NAME=VALUE` pairs.
const HEADERS: &[&str] = &[
    "X-Protective-Marking",
    "SIO-Label",
    "X-Classification",
    "X-Microsoft-Classification",
    "X-Microsoft-ClassDesc",
    "Classification",
    "X-Security-Label",
    "X-Labelling",
    "X-TITUS-Classification",
    "X-Titus-Label",
    "X-Sensitivity-Label",
    "X-Data-Classification",
    "X-Confidentiality",
];

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let from = findings.len();
    let markings = &inspection.tables.markings;
    for value in inspection.headers("msip_labels") {
        for label in microsoft(pairs(value)) {
            tell(markings, "header:msip_labels", &label, findings);
        }
    }
    for name in HEADERS {
        for value in inspection.headers(name) {
            if let Some(label) = header_label(name, value) {
                tell(markings, &format!("header:{name}"), &label, findings);
            }
        }
    }
    // RFC 4021 §2.1.55. Personal and Private are `private-correspondence`.
    for value in inspection.headers("Sensitivity") {
        let folded = fold(value).replace([' ', '_'], "-");
        if folded.starts_with("company-confidential") {
            findings
                .push(Finding::new(FindingKind::SensitivityLabel, "header:Sensitivity").value(value.trim()).rank(2));
        }
    }
    for (place, extract) in inspection.files() {
        let properties = extract.properties.iter().map(|(name, value)| (name.clone(), value.clone()));
        for label in microsoft(properties) {
            tell(markings, &format!("{place}#label"), &label, findings);
        }
        for (name, value) in &extract.properties {
            let key = fold(name);
            let known = [
                "classification",
                "titusclassification",
                "sensitivity",
                "docclassification",
                "sitelabel",
                "clsclassification",
                "protectivemarking",
            ];
            if known.contains(&key.replace(['_', '-', ' '], "").as_str()) && !value.trim().is_empty() {
                tell(markings, &format!("{place}#label"), value.trim(), findings);
            }
        }
    }
    findings.truncate(from + MOST);
}

fn tell(markings: &Markings, place: &str, label: &str, findings: &mut Vec<Finding>) {
    let known = rank(markings, label);
    let finding =
        Finding::new(FindingKind::SensitivityLabel, place).value(excerpt(label)).rank(known.unwrap_or(UNKNOWN));
    let finding =
        if known.is_none() { finding.excerpt("a label without a known meaning, taken as internal") } else { finding };
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}

/// `name=value; name=value`, folded lines and missing blanks undone.
fn pairs(value: &str) -> impl Iterator<Item = (String, String)> + '_ {
    value.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some((tidy(name), tidy(value)))
    })
}

/// What is known of one label: `MSIP_Label_<GUID>_<key>` in any order of keys.
#[derive(Debug, Default)]
struct Microsoft {
    name: Option<String>,
    enabled: Option<bool>,
    removed: bool,
}

/// The names (or, without one, the GUIDs) of the labels that are on.
fn microsoft(pairs: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut labels: BTreeMap<String, Microsoft> = BTreeMap::new();
    for (key, value) in pairs.take(10_000) {
        let Some(rest) = strip_prefix_ignoring_case(&key, "MSIP_Label_") else { continue };
        let Some((guid, field)) = rest.split_once('_') else { continue };
        let guid = guid.trim_matches(['{', '}']).to_lowercase();
        let label = labels.entry(guid).or_default();
        match field.to_ascii_lowercase().as_str() {
            "enabled" => label.enabled = Some(value.trim().eq_ignore_ascii_case("true") || value.trim() == "1"),
            "removed" => label.removed = value.trim().eq_ignore_ascii_case("true") || value.trim() == "1",
            "name" if !value.trim().is_empty() => label.name = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    // A label is on unless somebody says it is not: what carries only SetDate was set.
    let on = labels.into_iter().filter(|(_, label)| label.enabled != Some(false) && !label.removed);
    on.map(|(guid, label)| label.name.unwrap_or(guid)).collect()
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// The level inside a marking header: `SEC=OFFICIAL:Sensitive` of PSPF, `marking="NATO RESTRICTED"` of RFC 7444,
/// or the value itself.
fn header_label(name: &str, value: &str) -> Option<String> {
    let pick = |key: &str| {
        let at = value.to_ascii_lowercase().find(&format!("{key}="))?;
        let rest = value.get(at + key.len() + 1..)?.trim_start();
        let inner = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
            None => rest.split([',', ';']).next().unwrap_or(rest),
        };
        Some(inner.trim().trim_end_matches(']').to_owned())
    };
    let label = match name {
        "SIO-Label" => pick("marking").or_else(|| pick("label")),
        "X-Protective-Marking" => pick("sec").or_else(|| Some(value.trim().to_owned())),
        _ => Some(value.trim().to_owned()),
    }?;
    (!label.is_empty()).then_some(label)
}

/// Words of label names and their rank, strictest first: what administrations call their labels in fr, nl, en, de.
const WORDS: &[(&str, u8)] = &[
    ("non protege", 0),
    ("non classifie", 0),
    ("non sensible", 0),
    ("unclassified", 0),
    ("niet gerubriceerd", 0),
    ("ongerubriceerd", 0),
    ("not protected", 0),
    ("non confidentiel", 0),
    ("unrestricted", 0),
    ("non restreint", 0),
    ("tres secret", 4),
    ("top secret", 4),
    ("streng geheim", 4),
    ("zeer geheim", 4),
    ("secret", 4),
    ("geheim", 4),
    ("highly confidential", 3),
    ("strictly confidential", 3),
    ("strictement confidentiel", 3),
    ("hautement confidentiel", 3),
    ("tres confidentiel", 3),
    ("zeer vertrouwelijk", 3),
    ("strikt vertrouwelijk", 3),
    ("streng vertraulich", 3),
    ("confidentiel", 2),
    ("confidential", 2),
    ("vertrouwelijk", 2),
    ("vertraulich", 2),
    ("restreint", 2),
    ("restricted", 2),
    ("sensible", 2),
    ("sensitive", 2),
    ("gevoelig", 2),
    ("protected", 2),
    ("protege", 2),
    ("beperkt", 2),
    ("سري", 4),
    ("محدود", 2),
    ("interne", 1),
    ("internal", 1),
    ("intern", 1),
    ("personnel", 1),
    ("personal", 1),
    ("private", 1),
    ("prive", 1),
    ("limite", 1),
    ("limited", 1),
    ("public", 0),
    ("publique", 0),
    ("openbaar", 0),
    ("offentlich", 0),
    ("general", 0),
    ("generale", 0),
    ("algemeen", 0),
    ("allgemein", 0),
    ("official", 0),
    ("officiel", 0),
    ("clear", 0),
    ("open", 0),
    ("none", 0),
];

/// The rank of a label nobody can read (a bare GUID): somebody labelled it, and half of all labels are the
/// organisation's "General", so holding it would hold everything.
const UNKNOWN: u8 = 1;

/// What a label's name says. The operator's table speaks first, then the vocabulary of markings, then plain words.
fn rank(markings: &Markings, label: &str) -> Option<u8> {
    if let Some(rank) = markings.label(label) {
        return Some(rank);
    }
    let words = split(label);
    let view: Vec<&str> = words.iter().map(String::as_str).collect();
    let vocabulary =
        (0..view.len()).filter_map(|from| markings.at(&view[from..], |_, _| true)).flat_map(|(_, phrases)| phrases);
    let vocabulary = vocabulary.filter(|&phrase| markings.phrases[phrase].strength == Strength::Specific);
    if let Some(rank) = vocabulary.map(|phrase| markings.levels[markings.phrases[phrase].level].rank).max() {
        return Some(rank);
    }
    let folded = format!(" {} ", words.join(" "));
    WORDS
        .iter()
        .find(|(word, _)| folded.contains(&format!(" {word} ")))
        .or_else(|| WORDS.iter().find(|(word, _)| folded.contains(&format!(" {word}"))))
        .map(|(_, rank)| *rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_whatever_their_order_and_folding() {
        let value = "MSIP_Label_7b1d0c52-3a4e-4f6a-9b8c-0d1e2f3a4b5c_Enabled=True;MSIP_Label_7b1d0c52-3a4e-4f6a-9b8c-0d1e2f3a4b5c_Name=C3\r\n  Diffusion\tRestreinte; MSIP_Label_aaaa_Name=Public; MSIP_Label_aaaa_Enabled=true; MSIP_Label_bbbb_Enabled=false; MSIP_Label_bbbb_Name=Secret";
        assert_eq!(microsoft(pairs(value)), ["C3 Diffusion Restreinte", "Public"]);
        assert_eq!(microsoft(pairs("MSIP_Label_{AB}_SetDate=2026-01-01")), ["ab"]);
    }

    #[test]
    fn marking_headers_give_their_level() {
        assert_eq!(
            header_label("X-Protective-Marking", "VER=2018.4, NS=gov.au, SEC=OFFICIAL:Sensitive, ORIGIN=a@b")
                .as_deref(),
            Some("OFFICIAL:Sensitive")
        );
        assert_eq!(
            header_label("SIO-Label", "marking=\"NATO RESTRICTED\"; fgcolor=blue").as_deref(),
            Some("NATO RESTRICTED")
        );
        assert_eq!(header_label("X-Classification", " Interne ").as_deref(), Some("Interne"));
    }

    #[test]
    fn names_are_ranked_in_four_languages() {
        let markings = Markings::default();
        for (label, expected) in [
            ("Public-AIP 2.0", Some(0)),
            ("Usage interne", Some(1)),
            ("General", Some(0)),
            ("Strictement confidentiel", Some(3)),
            ("Vertrouwelijk", Some(2)),
            ("Non confidentiel", Some(0)),
            ("7b1d0c52-3a4e", None),
            ("Projet Lavande", None),
            ("Geheim", Some(4)),
        ] {
            assert_eq!(rank(&markings, label), expected, "{label}");
        }
    }

    #[test]
    fn a_label_nobody_knows_says_so() {
        let told = |label: &str| {
            let mut findings = Vec::new();
            tell(&Markings::default(), "header:msip_labels", label, &mut findings);
            (findings[0].rank, findings[0].excerpt.is_some())
        };
        assert_eq!(told("7b1d0c52-3a4e-4f6a-9b8c-0d1e2f3a4b5c"), (Some(1), true));
        assert_eq!(told("Usage interne"), (Some(1), false));
    }
}
