// SPDX-License-Identifier: EUPL-1.2
//! Recipient domains that imitate one of the administration's.

use crate::detect::finding::{Finding, Kind};
use crate::detect::look::Look;
use crate::detect::names::fold;
use crate::detect::recipient::Class;

/// Mail services whose names are imitated, or mistyped, most.
const WEBMAIL: &[&str] = &[
    "gmail.com",
    "outlook.com",
    "outlook.fr",
    "hotmail.com",
    "hotmail.fr",
    "yahoo.com",
    "yahoo.fr",
    "icloud.com",
    "orange.fr",
    "wanadoo.fr",
    "laposte.net",
    "proton.me",
    "protonmail.com",
    "telenet.be",
    "proximus.be",
    "ziggo.nl",
    "xs4all.nl",
    "menara.ma",
];

pub fn detect(look: &Look<'_>, findings: &mut Vec<Finding>) {
    for recipient in look.evidence.recipients {
        let Some(mailbox) = &recipient.mailbox else { continue };
        if recipient.class != Class::Other || mailbox.domain().is_literal() {
            continue;
        }
        let domain = mailbox.domain().to_unicode();
        let own = look.tables.own.iter().map(String::as_str);
        if let Some(imitated) = own.chain(WEBMAIL.iter().copied()).find(|imitated| imitates(&domain, imitated)) {
            findings.push(Finding::new(Kind::Lookalike, "envelope").value(imitated).recipient(mailbox));
        }
    }
}

/// Whether somebody in a hurry would take `domain` for `own` or for something below it.
fn imitates(domain: &str, own: &str) -> bool {
    if own.len() < 6 || domain == own || domain.ends_with(&format!(".{own}")) {
        return false;
    }
    let labels: Vec<&str> = domain.split('.').collect();
    let count = own.split('.').count();
    let tail = |n: usize| labels[labels.len().saturating_sub(n)..].join(".");
    // The name with its dots moved, dropped or turned into hyphens: justice-gouv.fr.example, gouvfr.example.
    let squeeze = |text: &str| text.replace(['.', '-', '_'], "");
    let same_letters = (1..=count + 1).any(|n| labels.windows(n).any(|run| squeeze(&run.concat()) == squeeze(own)));
    // The name as a mere front: justice.gouv.fr.evil.example.
    let fronted =
        own.contains('.') && own.len() >= 7 && format!(".{domain}.").replace('-', ".").contains(&format!(".{own}."));
    let near = tail(count);
    same_letters || fronted || looks(&near) == looks(own) || one_slip(&near, own)
}

/// How a domain looks at a glance: letters that are taken for each other made one.
fn looks(text: &str) -> String {
    let folded = fold(text).replace("rn", "m").replace("vv", "w").replace("cl", "d");
    folded
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'l' | '|' | 'і' | 'ι' => 'i',
            '5' | 'ѕ' => 's',
            '3' => 'e',
            'а' => 'a',
            'е' | 'ε' => 'e',
            'о' | 'ο' => 'o',
            'р' | 'ρ' => 'p',
            'с' => 'c',
            'у' => 'y',
            'х' => 'x',
            'ν' => 'v',
            'к' | 'κ' => 'k',
            'т' | 'τ' => 't',
            'и' => 'u',
            c => c,
        })
        .collect()
}

/// One letter added, dropped, changed or swapped in a long label, the rest equal.
fn one_slip(domain: &str, own: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (domain.split('.').collect(), own.split('.').collect());
    if a.len() != b.len() {
        return false;
    }
    let mut differing = a.iter().zip(&b).filter(|(x, y)| x != y);
    match (differing.next(), differing.next()) {
        // Short labels differ by a letter by right: dge and dgi are two offices.
        (Some((x, y)), None) => y.chars().count() >= 7 && distance_one(x, y),
        _ => false,
    }
}

fn distance_one(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (long, short) = if a.len() >= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = long.iter().zip(short.iter()).take_while(|(x, y)| x == y).count();
    let (left, right) = (&long[same..], &short[same..]);
    if long.len() > short.len() {
        return left.get(1..) == Some(right);
    }
    let swapped = left.len() >= 2 && left[0] == right[1] && left[1] == right[0] && left[2..] == right[2..];
    left.get(1..) == right.get(1..) || swapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_are_told_from_neighbours() {
        for (domain, own) in [
            ("justice-gouv.example", "justice.gouv.example"),
            ("justlce.gouv.example", "justice.gouv.example"),
            ("minfin.rijk.example.evil.example", "minfin.rijk.example"),
            ("justcie.gouv.example", "justice.gouv.example"),
            ("rninbzk.example", "minbzk.example"),
            ("wallonnie.example", "wallonie.example"),
            ("mail.wa11onie.example", "wallonie.example"),
        ] {
            assert!(imitates(domain, own), "{domain} {own}");
        }
        for (domain, own) in [
            ("dge.gouv.example", "dgi.gouv.example"),
            ("imprimerie-calvex.example", "wallonie.example"),
            ("ville.example", "villes.example"),
            ("sub.wallonie.example", "wallonie.example"),
            ("gmail.com", "wallonie.example"),
            ("journal-du-plateau.example", "gouv.example"),
        ] {
            assert!(!imitates(domain, own), "{domain} {own}");
        }
    }
}
