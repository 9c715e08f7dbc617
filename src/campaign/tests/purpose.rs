// SPDX-License-Identifier: EUPL-1.2
//! The list's own sender within its purpose, and outside it.

use super::*;

fn notice(name: &str, more: &str) -> String {
    format!("{} {more}", TEMPLATE.replace("{name}", name).replace("{month}", "mars").replace("{number}", "12"))
}

fn batches(from: u64, at: Timestamp, text: &str) -> Vec<Mail> {
    (0..60).map(|n| mail(from, at, text, (n * 10..n * 10 + 10).map(private))).collect()
}

#[test]
fn the_notice_passes_at_any_size_and_gathers_nothing() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    for mail in batches(PORTAL, day(0), &notice("", "")) {
        assert!(matches!(assign(&mut campaigns, &register, &mail).verdict, Verdict::Explained { .. }));
    }
    let open = campaigns.open();
    assert_eq!((open.len(), open[0].recipients, open[0].flagged_at), (1, 600, None));
    assert!(open[0].fit.expect("within a purpose").admits());
    assert!(campaigns.scopes.iter().all(|(_, scope)| scope.counted.all == 0 && scope.evidence.is_empty()));
}

#[test]
fn more_than_the_notice_is_another_text() {
    for more in [
        "Soutenez tous notre belle réforme",
        "Le ministre vous demande de soutenir la réforme des retraites au parlement",
        "Voir https://ailleurs.example/x",
    ] {
        let (register, mut campaigns) = (register(), Campaigns::new(false));
        let first = first_flag(&mut campaigns, &register, &batches(PORTAL, day(0), &notice("", more)));
        assert!(first.is_some_and(|first| first < 8), "{more}: {first:?}");
    }
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let linked = batches(PORTAL, day(0), &notice("", "https://www.espace.example/x"));
    assert_eq!(first_flag(&mut campaigns, &register, &linked), None, "its own link");
}

#[test]
fn another_sender_another_day_and_a_mere_claim_are_outside() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let passing = batches(PORTAL, day(0), &notice("", ""));
    assert_eq!(first_flag(&mut campaigns, &register, &passing), None);
    assert!(first_flag(&mut campaigns, &register, &batches(3, day(0), &notice("", ""))).is_some_and(|first| first < 8));
    let mut campaigns = Campaigns::new(false);
    assert!(
        first_flag(&mut campaigns, &register, &batches(PORTAL, day(300), &notice("", ""))).is_some(),
        "not in force"
    );
    let mut campaigns = Campaigns::new(false);
    let claimed: Vec<Mail> = passing.into_iter().map(|mail| Mail { proven: false, ..mail }).collect();
    assert!(first_flag(&mut campaigns, &register, &claimed).is_some(), "not proven (D18)");
}

#[test]
fn a_sentence_in_each_personal_copy_is_seen() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let copy = |n: u64, more: &str| {
        let name: String = format!("{n}").bytes().map(|digit| char::from(digit - b'0' + b'k')).collect();
        mail(PORTAL, day(0) + SignedDuration::from_secs(n as i64), &notice(&name, more), [private(at(n))])
    };
    let lawful: Vec<Mail> = (0..300).map(|n| copy(n, "")).collect();
    assert_eq!(first_flag(&mut campaigns, &register, &lawful), None);
    let plea: Vec<Mail> = (300..600).map(|n| copy(n, "Soutenez tous notre belle réforme")).collect();
    let first = first_flag(&mut campaigns, &register, &plea);
    assert!(first.is_some_and(|first| first < 120), "{first:?}");
    let grown: Vec<Mail> = (0..60).map(|n| mail(PORTAL, day(3), &notice("x", ""), [stranger(n)])).collect();
    assert_eq!(first_flag(&mut Campaigns::new(false), &register, &grown), None, "a list that has grown");
}
