// SPDX-License-Identifier: EUPL-1.2
//! What comes again is no other transaction (D11), and is braked all the same once its campaign is flagged.

use super::*;

#[test]
fn a_transaction_that_comes_again_is_counted_once() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let one = mail(1, day(0), "lettre à quarante personnes du dehors, pour la fête", (0..40).map(stranger));
    let first = assign(&mut campaigns, &register, &one);
    for _ in 0..20 {
        assert_eq!(assign(&mut campaigns, &register, &one), first);
    }
    let [open] = campaigns.open().try_into().expect("one campaign");
    assert_eq!((open.transactions, open.recipients), (1, 40));
}

#[test]
fn what_passed_before_the_flag_is_braked_where_it_comes_again() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let mails = misuse(1, day(0), PLEA, 0..300);
    let at = first_flag(&mut campaigns, &register, &mails).expect("a misuse");
    assert!(at > 0);
    assert!(flagged(&assign(&mut campaigns, &register, &mails[0]), &register).is_some());
}

/// A queue that brings one personal copy again and again does not make its details a shared passage.
#[test]
fn a_lawful_copy_that_comes_again_stays_lawful() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let text =
        TEMPLATE.replace("{name}", "Anne Marie Louise").replace("{month}", "mars").replace("{number}", "PA 12 b c");
    let text = format!("{text} réglée par virement en agence");
    let copy = mail(PORTAL, day(0), &text, [private(at(1))]);
    let lawful = |campaigns: &mut Campaigns, mail| {
        matches!(assign(campaigns, &register, mail).verdict, Verdict::Explained { .. })
    };
    for attempt in 0..40 {
        assert!(lawful(&mut campaigns, &copy), "attempt {attempt}");
    }
}
