// SPDX-License-Identifier: EUPL-1.2
//! Memory has a bound whatever comes; what is flagged stays.

use super::*;

fn words(n: u64) -> String {
    (0..14).map(|w| format!("{:x} ", mix(n * 100 + w)).replace(|c: char| c.is_ascii_digit(), "q")).collect()
}

#[test]
fn a_flood_of_texts_drops_the_idle_and_no_flag() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    assert!(first_flag(&mut campaigns, &register, &misuse(1, day(0), PLEA, 0..200)).is_some());
    let flags = |campaigns: &Campaigns| campaigns.scopes.iter().filter(|(_, scope)| !scope.flags.is_empty()).count();
    let before = flags(&campaigns);
    for n in 0..70_000 {
        assign(
            &mut campaigns,
            &register,
            &mail(n % 9, day(0) + SignedDuration::from_secs(n as i64 / 100), &words(n), [stranger(20_000 + n)]),
        );
    }
    assert!(campaigns.scopes.len() <= 65_536 + 4);
    assert_eq!(flags(&campaigns), before);
    let next = mail(1, day(0), PLEA, (500..510).map(private));
    assert!(flagged(&assign(&mut campaigns, &register, &next), &register).is_some());
}

#[test]
fn what_is_idle_ends_and_is_told() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let letter = mail(50, day(0), "lettre de l'association aux adhérents", (0..60).map(stranger));
    assign(&mut campaigns, &register, &letter);
    for hour in 0..3 {
        assign(
            &mut campaigns,
            &register,
            &mail(9, day(8) + SignedDuration::from_hours(hour), "rien de neuf", [stranger(1)]),
        );
    }
    let ended = campaigns.ended();
    assert_eq!((ended.len(), ended[0].recipients), (1, 60));
    assert!(campaigns.ended().is_empty(), "told once");
    assert_eq!(campaigns.scopes.len(), 1);
    assert_eq!(campaigns.paces.len(), 1);
}

#[test]
fn a_drip_stays_one_campaign() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    let mails: Vec<Mail> =
        (0..30).map(|n| mail(1, day(n), PLEA, (n as u64 * 5..n as u64 * 5 + 5).map(|n| private(at(n))))).collect();
    assert!(first_flag(&mut campaigns, &register, &mails).is_some_and(|first| first < 22));
}

#[test]
fn many_senders_of_one_text_are_bounded() {
    let (register, mut campaigns) = (register(), Campaigns::new(false));
    for n in 0..3000 {
        assign(&mut campaigns, &register, &mail(n, day(0), PLEA, [stranger(n)]));
    }
    assert!(campaigns.scopes.iter().all(|(_, scope)| scope.senders.len() <= 1024));
}
