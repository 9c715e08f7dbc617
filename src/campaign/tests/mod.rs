// SPDX-License-Identifier: EUPL-1.2
//! Campaigns as a house would have them: a staff of a thousand, a portal's list, and those who misuse it.

mod bounds;
mod brake;
mod purpose;
mod repeats;
mod restart;
mod scopes;

use jiff::{SignedDuration, Timestamp};

pub(super) use super::*;
use crate::lists::hashed::mix;
use crate::lists::template::Template;
use crate::lists::{Member, Members, Place};
use crate::mail::Domain;

/// A staff of a thousand, whose private mailboxes are known; six hundred of them are on the portal's list.
pub const STAFF: u64 = 1000;
const PRIVATE: u64 = 1 << 20;
const STRANGER: u64 = 1 << 30;
const SENDER: u64 = 1 << 40;

pub const TEMPLATE: &str = "Bonjour {name}, votre bulletin de paie du mois de {month} est disponible dans votre espace \
    numérique, où il reste cinquante ans. Merci de ne pas répondre à ce message. Référence {number}";
pub const PLEA: &str = "Chers collègues, la réforme que nous portons est juste, elle protège les carrières longues et les \
    petites pensions, et je compte sur vous pour en parler autour de vous avant le vote de mardi prochain";

pub fn work(n: u64) -> Member {
    Member(mix(n))
}

/// The private mailbox of the n-th of the staff; the first six hundred, shuffled, are on the portal's list.
pub fn private(n: u64) -> Member {
    Member(mix(PRIVATE + n))
}

pub fn stranger(n: u64) -> Member {
    Member(mix(STRANGER + n))
}

pub fn sender(n: u64) -> Member {
    Member(mix(SENDER + n))
}

/// Of the portal, who may write to it.
pub const PORTAL: u64 = 77;

/// The portal's list is in an order of its own.
pub fn at(position: u64) -> u64 {
    (position * 263) % 600
}

/// The n-th member of the portal's list in no order of its own.
pub fn shuffled(n: u64) -> Member {
    let mut all: Vec<u64> = (0..600).collect();
    all.sort_by_key(|member| mix(*member ^ 0x5eed));
    private(all[n as usize % 600])
}

pub fn register() -> Register {
    let members = |all: Vec<(Member, bool)>| {
        let places = (0..).zip(all).map(|(position, (member, own))| (member, Place { position, own }));
        Members::new(places.collect())
    };
    let entry = |name: &str, members, universal| Entry {
        name: name.into(),
        export: Some("2026".into()),
        kind: Default::default(),
        universal,
        purposes: Vec::new(),
        members,
        canaries: Vec::new(),
    };
    let staff = (0..STAFF).flat_map(|n| [(work(n), true), (private(n), false)]).collect();
    let portal = (0..600).map(|n| (private(at(n)), false)).chain([(stranger(9999), false)]).collect();
    let region = (0..60).map(|n| (private(n), false)).collect();
    let mut entries = vec![
        entry("staff", members(staff), true),
        entry("portal", members(portal), false),
        entry("region", members(region), false),
    ];
    entries[1].canaries = vec![stranger(9999)];
    entries[1].purposes = vec![Purpose {
        text: "décret".into(),
        from: Some(day(-100)),
        until: Some(day(200)),
        senders: vec![sender(PORTAL)],
        links: Some(vec![Domain::parse("espace.example").expect("a domain")]),
        content: Allowed::Templates(vec![Template::new(TEMPLATE)]),
    }];
    Register::new(entries, 0)
}

pub fn day(n: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + n))
}

/// One mail.
#[derive(Clone)]
pub struct Mail {
    pub from: u64,
    pub proven: bool,
    pub at: Timestamp,
    pub text: String,
    pub to: Vec<Member>,
    pub digest: u64,
}

pub fn mail(from: u64, at: Timestamp, text: &str, to: impl IntoIterator<Item = Member>) -> Mail {
    let to: Vec<Member> = to.into_iter().collect();
    let said = text.bytes().fold(mix(from ^ at.as_second() as u64), |digest, byte| mix(digest ^ u64::from(byte)));
    let digest = to.iter().fold(said, |digest, member| mix(digest ^ member.0));
    Mail { from, proven: true, at, text: text.into(), to, digest }
}

pub fn assign(campaigns: &mut Campaigns, register: &Register, mail: &Mail) -> Assessment {
    assign_scored(campaigns, register, mail, None)
}

pub fn assign_scored(
    campaigns: &mut Campaigns,
    register: &Register,
    mail: &Mail,
    political: Option<f32>,
) -> Assessment {
    let mut recipients = Recipients::with_capacity(mail.to.len());
    for member in &mail.to {
        let own = (0..STAFF).find(|n| work(*n) == *member);
        recipients.push(*member, own.map_or(Side::Outside, |n| Side::Own(n / 20)), register);
    }
    let signature = Signature::new("", &mail.text, &[]);
    let tx = Transaction {
        digest: mail.digest,
        at: mail.at,
        sender: Sender {
            member: sender(mail.from),
            header: None,
            domain: Domain::parse("house.example").expect("a domain"),
            proven: mail.proven,
            own: true,
        },
        recipients,
        signature: &signature,
        attachments: Vec::new(),
        political,
    };
    campaigns.assign(&tx, register)
}

pub fn flagged(assessment: &Assessment, register: &Register) -> Option<(String, bool)> {
    let Verdict::Flagged(flagged) = &assessment.verdict else { return None };
    Some((register.by_id(flagged.list)?.name.clone(), flagged.new))
}

/// The mails of a misuse, ten recipients each, in any order.
pub fn misuse(from: u64, at: Timestamp, text: &str, members: std::ops::Range<u64>) -> Vec<Mail> {
    let members: Vec<Member> = members.map(shuffled).collect();
    members.chunks(10).map(|ten| mail(from, at, text, ten.iter().copied())).collect()
}

/// Assigns all; the first that is flagged.
pub fn first_flag(campaigns: &mut Campaigns, register: &Register, mails: &[Mail]) -> Option<usize> {
    let flags: Vec<bool> =
        mails.iter().map(|mail| flagged(&assign(campaigns, register, mail), register).is_some()).collect();
    flags.into_iter().position(|flag| flag)
}
