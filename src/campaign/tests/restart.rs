// SPDX-License-Identifier: EUPL-1.2
//! A restart at any point changes nothing, and neither does a clock that jumps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A run with everything in it: ordinary mail, notices, a letter, misuse, decisions to come.
fn run() -> Vec<Mail> {
    let mut mails = misuse(1, day(12), PLEA, 0..300);
    mails.extend(misuse(
        2,
        day(3),
        "Écrivez à votre député contre le projet de loi, ensemble nous gagnerons ce combat juste",
        0..25,
    ));
    for n in 0..120 {
        let text = format!(
            "dossier {} pour suite à donner par le bureau compétent",
            if n % 2 == 0 { "alpha" } else { "beta" }
        );
        mails.push(mail(20 + n % 7, day(n as i64 / 6), &text, [work(n), stranger(n), private(at(n))]));
        let notice = TEMPLATE.replace("{name}", "Anne").replace("{month}", "mars").replace("{number}", "12");
        mails.push(mail(PORTAL, day(n as i64 / 6), &notice, [private(at(n))]));
    }
    for round in 0..3 {
        let members = (0..60).map(|n| if n % 2 == 0 { stranger(n) } else { private(n) });
        mails.push(mail(50, day(round * 9), "lettre de l'association aux adhérents et à leurs proches", members));
    }
    mails.sort_by_key(|mail| mail.at);
    mails
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_at_any_point_changes_nothing(cuts in prop::collection::vec(0..240_usize, 1..4)) {
        let (register, mails) = (register(), run());
        let mut whole = Campaigns::new(false);
        let expected: Vec<Assessment> = mails.iter().map(|mail| assign(&mut whole, &register, mail)).collect();
        let mut campaigns = Campaigns::new(false);
        let mut kept: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
        let mut answers = Vec::new();
        for (n, mail) in mails.iter().enumerate() {
            if cuts.contains(&n) {
                // As a store keeps it: each by its kind and key, the last value of all.
                for row in campaigns.changes().rows() {
                    match row.value {
                        Some(value) => kept.insert((row.kind, row.key), value),
                        None => kept.remove(&(row.kind, row.key)),
                    };
                }
                let rows = kept.iter().map(|((kind, key), value)| SavedRow { kind: *kind, key: *key, value: Some(value.clone()) });
                let (saved, damaged) = Saved::of_rows(rows);
                prop_assert_eq!(damaged, 0);
                campaigns = Campaigns::restore(false, [saved]);
            }
            answers.push(assign(&mut campaigns, &register, mail));
        }
        prop_assert_eq!(answers, expected);
        prop_assert_eq!(campaigns.open(), whole.open());
    }

    #[test]
    fn a_clock_that_jumps_ahead_for_a_while_ends_nothing(jump in 1_i64..4000, at in 0_usize..4, length in 1_usize..4) {
        let register = register();
        let mut campaigns = Campaigns::new(false);
        let mut mails = misuse(1, day(0), PLEA, 0..200);
        for mail in mails.iter_mut().skip(at).take(length) {
            mail.at = day(jump);
        }
        let first = first_flag(&mut campaigns, &register, &mails);
        prop_assert!(first.is_some_and(|first| first < 10), "{:?}", first);
    }

    #[test]
    fn a_clock_that_is_set_back_ends_and_frees_nothing(back in 1_i64..4000) {
        let register = register();
        let mut campaigns = Campaigns::new(false);
        let mails = misuse(1, day(0), PLEA, 0..400);
        prop_assert!(first_flag(&mut campaigns, &register, &mails[..20]).is_some());
        for mail in &mails[20..] {
            let later = Mail { at: day(-back), ..mail.clone() };
            prop_assert!(flagged(&assign(&mut campaigns, &register, &later), &register).is_some());
        }
        let desk: Vec<Mail> = (0..100).map(|n| mail(8, day(-back) + SignedDuration::from_mins(n * 10), "une réponse", [private(at(n as u64))])).collect();
        let before = campaigns.scopes.get(Of::Sender.key(sender(8).0)).is_some();
        first_flag(&mut campaigns, &register, &desk);
        let after = campaigns.scopes.get(Of::Sender.key(sender(8).0)).is_some();
        prop_assert!(!before && !after, "a desk is no bulk sender because the clock went back");
    }
}
