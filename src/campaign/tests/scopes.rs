// SPDX-License-Identifier: EUPL-1.2
//! A misuse has to hide in all scopes, and lawful mail need not hide.

use super::*;

#[test]
fn a_plea_to_the_list_is_seen_and_named() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let first = first_flag(&mut campaigns, &register, &misuse(1, day(0), PLEA, 0..400)).expect("flagged");
    assert!((3..10).contains(&first), "after {} recipients", first * 10);
    let case = &campaigns.open()[0];
    assert_eq!(register.by_id(case.list.expect("named")).expect("registered").name, "portal");
    assert_eq!((case.recipients, case.deferred, case.transactions), (400, 40 - first as u64, 40));
    assert_eq!(case.flagged_at.expect("at").recipients_before, first as u64 * 10);
    assert!(case.reasons.iter().any(|reason| matches!(reason, Reason::Sender)));
    assert_eq!(campaigns.open().len(), 1, "one misuse is one campaign");
}

#[test]
fn the_smaller_list_is_named_where_it_explains() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let mails: Vec<Mail> = (0..12).map(|n| mail(1, day(0), PLEA, (n * 5..n * 5 + 5).map(private))).collect();
    let named = mails.iter().find_map(|mail| flagged(&assign(&mut campaigns, &register, mail), &register));
    assert_eq!(named, Some(("region".into(), true)));
}

#[test]
fn twenty_senders_one_text_are_one_campaign() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let mails = misuse(1, day(0), PLEA, 0..600);
    let mails: Vec<Mail> = mails.into_iter().zip(0..).map(|(mail, n)| Mail { from: n % 20, ..mail }).collect();
    let first = first_flag(&mut campaigns, &register, &mails).expect("flagged");
    assert!(first < 15, "after {} recipients", first * 10);
}

#[test]
fn a_sender_with_a_text_for_each_is_seen() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let text = |n: u64| {
        (0..60)
            .map(|w| format!("{:x} ", mix(n * 100 + w)).replace(|c: char| c.is_ascii_digit(), "z"))
            .collect::<String>()
    };
    let mails: Vec<Mail> =
        (0..200).map(|n| mail(1, day(0) + SignedDuration::from_secs(n as i64), &text(n), [private(at(n))])).collect();
    let first = first_flag(&mut campaigns, &register, &mails).expect("flagged");
    assert!(first < 130, "{first}");
    let slow: Vec<Mail> = mails
        .iter()
        .zip(0..)
        .map(|(mail, n)| Mail { from: 2, at: day(1) + SignedDuration::from_mins(n * 10), ..mail.clone() })
        .collect();
    assert_eq!(first_flag(&mut campaigns, &register, &slow), None, "a help desk's answers");
}

#[test]
fn who_writes_to_everybody_or_to_his_own_is_left_alone() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let staff: Vec<Mail> = (0..20)
        .map(|n| {
            mail(1, day(0), "fermeture de la cantine lundi prochain toute la journée", (n * 50..n * 50 + 50).map(work))
        })
        .collect();
    assert_eq!(first_flag(&mut campaigns, &register, &staff), None);
    let half: Vec<Mail> =
        (0..30).map(|n| mail(3, day(1), PLEA, (0..10).map(|k| private(mix(n * 10 + k) % STAFF)))).collect();
    assert_eq!(first_flag(&mut campaigns, &register, &half), None, "six in ten of the staff are on the list");
    let forwards: Vec<Mail> =
        (0..300).map(|n| mail(100 + n, day(2), "pour lecture à la maison ce soir", [private(at(n))])).collect();
    assert_eq!(first_flag(&mut campaigns, &register, &forwards), None);
}

#[test]
fn a_lawful_letter_teaches_a_circle_and_a_claimed_sender_has_none() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    // An association: two in three are on the list, the others staff that is not.
    let members: Vec<Member> = (0..90).map(|n| if n % 3 == 2 { private(600 + n) } else { shuffled(n) }).collect();
    let send = |campaigns: &mut Campaigns, at, text: &str, proven| {
        let mails = members.chunks(10).map(|ten| Mail { proven, ..mail(5, at, text, ten.iter().copied()) });
        first_flag(campaigns, &register, &mails.collect::<Vec<_>>())
    };
    assert_eq!(send(&mut campaigns, day(0), "première lettre de l'association aux adhérents de la région", true), None);
    for hour in 0..3 {
        let quiet = mail(9, day(9) + SignedDuration::from_hours(hour), "rien de neuf", [stranger(1)]);
        assign(&mut campaigns, &register, &quiet);
    }
    assert!(campaigns.circles.get(sender(5).0).is_some());
    let only_listed: Vec<Mail> = (0..60)
        .filter(|n| n % 3 != 2)
        .map(|n| mail(5, day(10), "sortie de dimanche au musée", [shuffled(n)]))
        .collect();
    assert_eq!(first_flag(&mut campaigns, &register, &only_listed), None);
    let key = Of::Sender.key(sender(5).0);
    assert!(campaigns.scopes.get(key).is_none_or(|scope| scope.counted.all == 0), "his circle is not counted");
    let claimed: Vec<Mail> = only_listed.into_iter().map(|mail| Mail { proven: false, ..mail }).collect();
    first_flag(&mut campaigns, &register, &claimed);
    let text = campaigns.clusters.find(&Signature::new("", "sortie de dimanche au musée", &[]).sketch).cluster;
    assert!(campaigns.scopes.get(text).expect("open").counted.all >= 37, "what frees needs proof");
}

#[test]
fn a_canary_is_proof_whatever_the_number() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let answer = assign(&mut campaigns, &register, &mail(1, day(0), PLEA, [stranger(9999)]));
    assert_eq!(flagged(&answer, &register), Some(("portal".into(), true)));
    let own = TEMPLATE.replace("{name}", "Anne").replace("{month}", "mars").replace("{number}", "12");
    let answer = assign(&mut campaigns, &register, &mail(PORTAL, day(0), &own, [stranger(9999)]));
    assert!(matches!(answer.verdict, Verdict::Explained { .. }), "{answer:?}");
}

#[test]
fn a_political_text_needs_less_and_only_where_a_score_may_be_asked_for() {
    let register = register();
    // Eight in ten are on the list, the others staff that is not: too few for the list alone.
    let one = |n: u64| if n % 5 == 4 { private(600 + n) } else { shuffled(n) };
    let mails: Vec<Mail> = (0..24).map(|n| mail(1, day(0), PLEA, (n * 10..n * 10 + 10).map(one))).collect();
    for (score, seen) in [(true, true), (false, false)] {
        let mut campaigns = Campaigns::new(score);
        let mut wanted = false;
        let mut named = None;
        for mail in &mails {
            // The classifier looks where it is asked to, and nowhere else.
            let answer = assign_scored(&mut campaigns, &register, mail, wanted.then_some(0.9));
            wanted |= answer.score_wanted;
            named = named.or(flagged(&answer, &register));
        }
        assert_eq!((wanted, named.is_some()), (seen, seen), "{named:?}");
    }
    let mut campaigns = Campaigns::new(true);
    let plain = mails
        .iter()
        .any(|mail| flagged(&assign_scored(&mut campaigns, &register, mail, Some(0.1)), &register).is_some());
    assert!(!plain, "gray alone flags nothing");
}
