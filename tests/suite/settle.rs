// SPDX-License-Identifier: EUPL-1.2
//! Decision D1: a row for every pair of verdicts.

use octroi::campaign::Brake;
use octroi::mail::reply::{self, Deferral, Refusal};
use octroi::policy::settle::{Settlement, settle};
use octroi::policy::verdict::{Disposition, Judgement, Reason, Reasons, Verdict, Verdicts};

const DEFER: Deferral = Deferral::from_row(reply::DEFERRED_BY_POLICY);
const REJECT: Refusal = Refusal::from_row(reply::REFUSED_BY_POLICY);

fn because(disposition: Disposition) -> Reasons {
    Reasons::new(vec![Reason { rule: "r".into(), text: "t".into(), disposition, notice: None }]).unwrap()
}

fn verdict(disposition: Disposition) -> Verdict {
    let because = because(disposition);
    match disposition {
        Disposition::Pass => Verdict::Pass,
        Disposition::Notify => Verdict::Notify { because },
        Disposition::Strip => Verdict::Strip { because, parts: vec![2] },
        Disposition::Quarantine => Verdict::Quarantine { because },
        Disposition::Defer => Verdict::Defer { because, reply: DEFER },
        Disposition::Reject => Verdict::Reject { because, reply: REJECT },
    }
}

fn settled(of: &[Disposition], bounces_reach_sender: bool) -> String {
    let verdicts = Verdicts(of.iter().map(|d| Judgement { verdict: verdict(*d), observed: None }).collect());
    match settle(&verdicts, bounces_reach_sender, None) {
        Settlement::Nothing(reply) => reply.code.to_string(),
        Settlement::Each(plan) => {
            let stripped: Vec<usize> = plan.stripped.iter().flat_map(|s| s.copies.clone()).collect();
            let all = plan.onward.len() + plan.held.len() + stripped.len() + plan.refused.len();
            assert_eq!(all, of.len(), "every copy goes exactly one way");
            format!("on{:?} held{:?} strip{:?} dsn{:?}", plan.onward, plan.held, stripped, plan.refused)
                .replace("on[]", "")
                .replace("held[]", "")
                .replace("strip[]", "")
                .replace("dsn[]", "")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        }
    }
}

#[test]
fn every_pair_has_its_row() {
    use Disposition::*;
    let rows: &[(Disposition, Disposition, &str)] = &[
        (Pass, Pass, "on[0, 1]"),
        (Pass, Notify, "on[0, 1]"),
        (Pass, Strip, "on[0] strip[1]"),
        (Pass, Quarantine, "on[0] held[1]"),
        (Pass, Defer, "451"),
        (Pass, Reject, "on[0] dsn[1]"),
        (Notify, Notify, "on[0, 1]"),
        (Notify, Strip, "on[0] strip[1]"),
        (Notify, Quarantine, "on[0] held[1]"),
        (Notify, Defer, "451"),
        (Notify, Reject, "on[0] dsn[1]"),
        (Strip, Strip, "strip[0, 1]"),
        (Strip, Quarantine, "held[1] strip[0]"),
        (Strip, Defer, "451"),
        (Strip, Reject, "strip[0] dsn[1]"),
        (Quarantine, Quarantine, "held[0, 1]"),
        (Quarantine, Defer, "451"),
        (Quarantine, Reject, "held[0] dsn[1]"),
        (Defer, Defer, "451"),
        (Defer, Reject, "451"),
        (Reject, Reject, "550"),
    ];
    let mut seen = 0;
    for (i, a) in Disposition::ALL.iter().enumerate() {
        for b in &Disposition::ALL[i..] {
            let row = rows.iter().find(|(x, y, _)| x == a && y == b).expect("a missing row");
            assert_eq!(settled(&[*a, *b], true), row.2, "{a:?} beside {b:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, rows.len());
}

#[test]
fn a_refusal_that_no_dsn_can_tell_refuses_the_whole() {
    use Disposition::*;
    for other in [Pass, Notify, Strip, Quarantine] {
        assert_eq!(settled(&[other, Reject], false), "550", "{other:?}");
    }
    assert_eq!(settled(&[Pass, Quarantine], false), "on[0] held[1]");
}

/// Decision D22: what the queue behind us keeps waits whole, whatever the verdicts; what was stopped is refused whole.
#[test]
fn a_braked_bulk_send_is_settled_before_every_verdict() {
    use Disposition::*;
    for of in [&[Pass][..], &[Pass, Quarantine], &[Quarantine, Quarantine], &[Defer], &[Reject, Pass], &[Strip, Notify]]
    {
        let verdicts = Verdicts(of.iter().map(|d| Judgement { verdict: verdict(*d), observed: None }).collect());
        for (brake, row) in [(Brake::Defer, reply::CAMPAIGN_WAITS), (Brake::Stop, reply::CAMPAIGN_STOPPED)] {
            assert_eq!(settle(&verdicts, true, Some(brake)), Settlement::Nothing(row.reply()), "{of:?}");
        }
    }
}
