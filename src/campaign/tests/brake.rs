// SPDX-License-Identifier: EUPL-1.2
//! What a flag stops, what it lets pass, and what people decide.

use super::*;

/// A plea until it is flagged; the campaign, and how many mails went before.
fn flag(campaigns: &mut Campaigns, register: &Register) -> (CampaignId, usize) {
    let mails = misuse(1, day(0), PLEA, 0..200);
    let mut before = 0;
    let id = mails.iter().find_map(|mail| {
        let Verdict::Flagged(flagged) = assign(campaigns, register, mail).verdict else {
            before += 1;
            return None;
        };
        assert!(flagged.new && flagged.brake == Brake::Defer);
        Some(flagged.campaign)
    });
    (id.expect("flagged"), before)
}

#[test]
fn a_retry_is_counted_once_and_strangers_pass() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let (id, _) = flag(&mut campaigns, &register);
    let next = mail(1, day(0), PLEA, (500..510).map(private));
    for _ in 0..3 {
        assert_eq!(flagged(&assign(&mut campaigns, &register, &next), &register), Some(("portal".into(), false)));
    }
    assert_eq!(campaigns.show(id).expect("open").deferred, 2, "the one that flagged, and this");
    let stranger_to_strangers = mail(2, day(0), PLEA, (0..10).map(stranger));
    assert_eq!(assign(&mut campaigns, &register, &stranger_to_strangers).verdict, Verdict::Counted);
    let another_to_the_list = mail(3, day(0), PLEA, (300..310).map(private));
    assert!(
        flagged(&assign(&mut campaigns, &register, &another_to_the_list), &register).is_some(),
        "one text, another hand"
    );
    let other_text =
        mail(1, day(0), "réunion de service reportée à jeudi matin dans la salle habituelle", [stranger(5)]);
    assert_eq!(assign(&mut campaigns, &register, &other_text).verdict, Verdict::Counted, "his other mail flows");
}

#[test]
fn what_is_stopped_adds_no_evidence() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    flag(&mut campaigns, &register);
    let counted = |campaigns: &Campaigns| campaigns.scopes.iter().map(|(_, scope)| scope.counted.all).max();
    let before = counted(&campaigns);
    for mail in misuse(1, day(0), PLEA, 200..600) {
        assert!(flagged(&assign(&mut campaigns, &register, &mail), &register).is_some());
    }
    assert_eq!(counted(&campaigns), before);
}

#[test]
fn allowed_content_goes_for_seven_days() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let (id, before) = flag(&mut campaigns, &register);
    assert!(campaigns.allow(id, day(0)));
    let rest = misuse(1, day(1), PLEA, 0..600);
    assert_eq!(first_flag(&mut campaigns, &register, &rest[before..]), None);
    let other = misuse(
        1,
        day(1),
        "Votez pour nous mardi, votre voix compte, amenez vos amis et leurs voisins au bureau",
        0..600,
    );
    assert!(first_flag(&mut campaigns, &register, &other).is_some(), "other content");
    for hour in 0..4 {
        assign(
            &mut campaigns,
            &register,
            &mail(9, day(9) + SignedDuration::from_hours(hour), "rien de neuf", [stranger(1)]),
        );
    }
    assert_eq!(campaigns.state(id), None, "over");
    assert!(campaigns.ended().iter().any(|ended| ended.campaign == id));
    assert!(first_flag(&mut campaigns, &register, &misuse(7, day(10), PLEA, 0..600)).is_some());
}

#[test]
fn a_stopped_campaign_is_refused() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let (id, _) = flag(&mut campaigns, &register);
    assert!(campaigns.stop(id) && !campaigns.stop(CampaignId(1)) && !campaigns.allow(CampaignId(1), day(0)));
    let Verdict::Flagged(flagged) =
        assign(&mut campaigns, &register, &mail(1, day(1), PLEA, [private(3), private(4)])).verdict
    else {
        panic!("still flagged");
    };
    assert_eq!((flagged.brake, flagged.campaign), (Brake::Stop, id));
}

#[test]
fn a_decision_that_outlived_a_crash_counts_and_one_about_an_earlier_flag_does_not() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let (id, _) = flag(&mut campaigns, &register);
    campaigns.decide_again(id, true, day(-1));
    assert_eq!(campaigns.state(id), Some(State::Flagged), "about an earlier flag");
    campaigns.decide_again(id, true, day(1));
    let allowed = campaigns.state(id);
    assert!(matches!(allowed, Some(State::Allowed { .. })), "{allowed:?}");
    campaigns.decide_again(id, true, day(3));
    assert_eq!(campaigns.state(id), allowed, "known already");
    campaigns.decide_again(id, false, day(3));
    assert_eq!(campaigns.state(id), Some(State::Stopped));
    campaigns.decide_again(CampaignId(1), false, day(3));
    assert_eq!(campaigns.state(CampaignId(1)), None);
}

#[test]
fn ids_read_back() {
    for id in [CampaignId(0), CampaignId(u64::MAX), CampaignId(0x9f1c_33d0_6a4b_e217)] {
        assert_eq!(CampaignId::parse(&id.to_string()), Some(id));
    }
    for other in ["", "9f1c33d06a4be21", "9F1C33D06A4BE217", "+f1c33d06a4be217", "9f1c33d06a4be2177"] {
        assert_eq!(CampaignId::parse(other), None, "{other}");
    }
}

#[test]
fn another_lists_campaign_is_judged_on_its_own() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    flag(&mut campaigns, &register);
    // The same text to the region, by another: named after the region, not taken for the portal's.
    let names: Vec<_> = (0..12)
        .filter_map(|n| {
            flagged(
                &assign(&mut campaigns, &register, &mail(4, day(0), PLEA, (n * 5..n * 5 + 5).map(private))),
                &register,
            )
        })
        .collect();
    assert_eq!(names.first(), Some(&("region".into(), true)), "{names:?}");
}
