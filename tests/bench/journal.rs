// SPDX-License-Identifier: EUPL-1.2
//! What a row of the journal takes on the disk, all indexes included, and how long `octroi find` looks.
//!
//! `cargo bench --bench journal -- [MAILS]` writes so many mails (default 1,000,000) of one recipient and of eleven each.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use octroi::app::read_policies;
use octroi::detect::reading::evidence::{Sender, SenderProof};
use octroi::detect::{Finding, FindingKind};
use octroi::mail::{ForwardPath, MailId, Mailbox};
use octroi::policy::verdict::Disposition;
use octroi::policy::{CampaignFacts, KeptMail, Policy, Question};
use octroi::store::{Entry, EntryCopy, EntryFacts, Retention, Store, StoreSettings};

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SURNAMES: [&str; 8] =
    ["martin", "aubertin", "lemarchal", "benchekroun", "vasseur", "kervadoux", "roy", "delorme"];
const GIVEN: [&str; 8] = ["claire", "jean-paul", "nadia", "mathieu", "helene", "luc", "bastien", "marie"];

const APPLICATION: &str = "ne-pas-repondre@finances.gouv.example";
const BUSY: &str = "contact@mairie-du-val.example";

/// The same numbers at every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn text(&mut self, digits: usize) -> String {
        (0..digits).map(|_| DIGITS[self.below(32) as usize] as char).collect()
    }

    /// One of twenty thousand agents, or of as many people outside.
    fn person(&mut self, own: bool) -> String {
        let n = self.below(20_000);
        let (given, surname) = (GIVEN[n as usize % 8], SURNAMES[n as usize / 8 % 8]);
        let domain = match own {
            true => "finances.gouv.example",
            false => ["gmail.com", "orange.fr", "notaires-reunis.example", "mairie-du-val.example"][n as usize % 4],
        };
        format!("{given}.{surname}{}@{domain}", n / 64)
    }
}

/// The second half of March 2026, a mail every so many microseconds.
fn time(n: u64, mails: u64) -> Timestamp {
    let step = 14 * 86_400_000_000 / mails.max(1);
    Timestamp::from_microsecond(1_773_900_000_000_000 + (n * step).cast_signed()).expect("this century")
}

fn findings(dice: &mut Dice) -> Vec<Finding> {
    match dice.below(10) {
        0..4 => Vec::new(),
        4..6 => vec![Finding::new(FindingKind::Document, "attachment:a.docx").value("office")],
        6 => vec![Finding::new(FindingKind::Forward, "body").value("inline")],
        7 => vec![Finding::new(FindingKind::Link, "body#signature").value("social")],
        8 => vec![Finding::new(FindingKind::PersonalData, "body").value("phone").count(2)],
        _ => vec![
            Finding::new(FindingKind::Document, "attachment:b.pdf").value("pdf"),
            Finding::new(FindingKind::Marking, "attachment:b.pdf").value("fr/interne").rank(1),
        ],
    }
}

fn entry(policy: &Policy, dice: &mut Dice, n: u64, mails: u64, recipients: usize) -> Entry {
    let instant = time(n, mails);
    // One mail in forty comes from an application, and one goes to a mailbox that everybody writes to.
    let sender = if dice.below(40) == 0 { APPLICATION.to_owned() } else { dice.person(true) };
    let mut to: Vec<String> = (0..recipients)
        .map(|_| {
            let own = dice.below(10) < 6;
            dice.person(own)
        })
        .collect();
    if dice.below(40) == 0 {
        to[0] = BUSY.to_owned();
    }
    let classified: Vec<_> = to
        .iter()
        .map(|to| policy.lists.classify(&ForwardPath::parse(to).expect("an address"), None, instant))
        .collect();
    let findings = findings(dice);
    let question = Question {
        sender: &Sender { mailbox: Mailbox::parse(&sender).ok(), proof: Some(SenderProof::Login), bare_login: None },
        recipients: &classified,
        findings: &findings,
        campaign: &CampaignFacts::default(),
        opened: &[],
        size: 2_000 + dice.below(4_000_000),
        sealed: false,
        instant,
    };
    let kept = KeptMail::of(policy, &question, policy.facts(&question), false);
    let millis = instant.as_millisecond().cast_unsigned();
    let mail = MailId::new(millis, dice.below(1 << 20) as u32, 7);
    let held = dice.below(50) == 0;
    let copy = |(recipient, kept): (usize, &octroi::policy::KeptCopy)| EntryCopy {
        recipient,
        class: Some(kept.facts.class),
        disposition: if held { Disposition::Quarantine } else { Disposition::Pass },
        verdict: Some(if held { Disposition::Quarantine } else { Disposition::Pass }),
        observed: None,
        rules: if held { vec!["document-to-private-mailbox".into()] } else { Vec::new() },
        held,
        reply: None,
        facts: kept.bytes(),
        cause: None,
        put_off: None,
        kept_as: None,
    };
    Entry {
        time: instant,
        client: Some([10, 21, dice.below(4) as u8, dice.below(250) as u8].into()),
        queue_id: Some(dice.text(15)),
        message_id: Some(format!("<{}.{}@finances.gouv.example>", dice.text(14), dice.text(8))),
        private: false,
        size: question.size,
        reply: format!("250 2.0.0 Ok: queued as {} (octroi {mail})", dice.text(15)),
        maybe_duplicate: false,
        client_tls: Some("TLSv1.3/TLS_AES_256_GCM_SHA384/verified".into()),
        next_hop_tls: Some("TLSv1.3/TLS13_AES_256_GCM_SHA384/verified".into()),
        judged: Some(EntryFacts {
            sender: Some(sender.clone()),
            unit: format!("direction-{}/bureau-{}", dice.below(8), dice.below(12)),
            sources: policy.sources_text.clone(),
            bytes: kept.mail_bytes(),
        }),
        copies: kept.copies.iter().enumerate().map(copy).collect(),
        reverse_path: sender,
        recipients: to,
        mail,
    }
}

async fn open(folder: &Path) -> Store {
    let settings = StoreSettings {
        database: folder.join("octroi.db"),
        blobs: folder.join("blobs"),
        key_file: folder.join("key"),
        node: None,
        shared: false,
        quota: None,
        keep_free: 0,
        retention: Retention::default(),
    };
    Store::open(settings, Timestamp::UNIX_EPOCH).await.expect("a store")
}

/// Bytes of the database with so many mails, beyond those of an empty one.
async fn measure(policy: &Policy, mails: u64, recipients: usize) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("octroi.db");
    open(folder.path()).await.close().await.expect("it closes");
    let size = || std::fs::metadata(&database).expect("a database").len();
    let empty = size();
    let (store, mut dice, began) = (open(folder.path()).await, Dice(7), Instant::now());
    let journal = store.journal();
    let mut probes = Vec::new();
    for n in 0..mails {
        let entry = entry(policy, &mut dice, n, mails, recipients);
        if n % (mails / 10).max(1) == 3 {
            probes.extend(
                [entry.message_id.clone(), entry.queue_id.clone(), Some(entry.mail.to_string())].into_iter().flatten(),
            );
            probes.extend([entry.reverse_path.clone(), entry.recipients[0].clone()]);
        }
        journal.record(entry);
        if n % 5_000 == 0 {
            journal.flush().await.expect("written");
        }
    }
    journal.flush().await.expect("written");
    assert_eq!(journal.dropped(), 0, "rows are lost");
    println!("{mails} mails of {recipients}: written in {:.1} s", began.elapsed().as_secs_f64());
    let busy = [APPLICATION.to_owned(), BUSY.to_owned()];
    probes.extend(busy);
    let mut times: Vec<Duration> = Vec::new();
    let mut worst = (Duration::ZERO, "");
    for probe in &probes {
        let began = Instant::now();
        assert!(!store.find(probe).await.expect("an answer").rows.is_empty(), "{probe}");
        times.push(began.elapsed());
        worst = worst.max((began.elapsed(), probe.as_str()));
    }
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "find: median {:.1} ms, worst {:.1} ms of {} ({})",
        ms(times[times.len() / 2]),
        ms(worst.0),
        times.len(),
        worst.1
    );
    drop(journal);
    store.close().await.expect("it closes");
    size() - empty
}

fn main() {
    let mails = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let files = read_policies(Path::new("policies")).expect("the shipped policies");
    let policy = Policy::load(&files).expect("the shipped policies are in order");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let one = measure(&policy, mails, 1).await;
        println!("one recipient: {:.1} bytes a mail", one as f64 / mails as f64);
        let (fewer, more) = (mails / 10, 10);
        let eleven = measure(&policy, fewer, 1 + more).await as f64 / fewer as f64;
        println!("each further recipient: {:.1} bytes", (eleven - one as f64 / mails as f64) / more as f64);
    });
}
