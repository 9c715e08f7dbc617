// SPDX-License-Identifier: EUPL-1.2
//! What a recipient outside wrote goes back to him, and to nobody beside (decisions D35, D36).

use std::collections::BTreeSet;

use octroi::mail::{Envelope, ForwardPath, Parameters, Recipient, ReversePath};
use octroi::policy::again::is_same;
use octroi::policy::{Mode, Replay};

use super::replay::{Sent, addresses, inspector, judge, load, shipped};

const AGENT: &str = "jeanne.aubertin@finances.gouv.example";
const CITIZEN: &str = "jean.riviere@gmail.com";
const PAPER: &str = "redaction@gazette.example";
const ENGINEER: &str = "l.abadie@abadie.example";
const COLLEAGUE: &str = "claire.vasseur@justice.gouv.example";

/// An answer to these people.
const ANSWER: &str =
    "Subject: Re: dossier\nTo: Jean Rivière <jean.riviere@gmail.com>\nCc: Gazette <redaction@gazette.example>\n";
const QUOTE: &str = "Le 3 mai 2026 à 10:12, Jean Rivière <jean.riviere@gmail.com> a écrit :\n\
                     > DIFFUSION RESTREINTE\n>\n> Madame,\n> voici mes trois questions.\n";

struct Row {
    what: &'static str,
    headers: String,
    body: String,
    to: Vec<&'static str>,
    /// Whose copies are held for a mark.
    held: Vec<&'static str>,
}

fn row(
    what: &'static str,
    headers: impl Into<String>,
    body: impl Into<String>,
    to: &[&'static str],
    held: &[&'static str],
) -> Row {
    Row { what, headers: headers.into(), body: body.into(), to: to.to_vec(), held: held.to_vec() }
}

fn sent(row: &Row) -> Sent {
    let recipient = |address: &&str| Recipient {
        path: ForwardPath::parse(address).unwrap(),
        parameters: Parameters::default(),
        verbatim: format!("<{address}>"),
    };
    let content = format!(
        "From: Jeanne Aubertin <{AGENT}>\n{}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\n{}",
        row.headers, row.body
    );
    Sent {
        name: row.what.to_owned(),
        envelope: Envelope {
            reverse_path: ReversePath::parse(AGENT).unwrap(),
            parameters: Parameters::default(),
            verbatim: format!("<{AGENT}>"),
            recipients: row.to.iter().map(recipient).collect(),
        },
        content: content.replace('\n', "\r\n").into_bytes(),
        at: "2026-05-04T10:00:00Z".parse().unwrap(),
    }
}

/// The copies for which this rule spoke, for each row; what is kept of them says the same again.
async fn wrong(rows: &[Row], rule: &str) -> Vec<String> {
    let inspector = inspector(load(&shipped(), Mode::Enforce));
    let in_force = inspector.ruleset.load_full();
    let mut wrong = Vec::new();
    for row in rows {
        let judged = judge(&inspector, &sent(row)).await;
        let spoke = judged.verdicts.0.iter().zip(&row.to).filter(|(judgement, _)| {
            judgement.verdict.because().is_some_and(|because| because.rules().any(|id| id == rule))
        });
        let held: BTreeSet<&str> = spoke.map(|(_, to)| *to).collect();
        if held != row.held.iter().copied().collect() {
            wrong.push(format!("{}: {held:?} instead of {:?}; {:?}", row.what, row.held, judged.findings));
        }
        let again = Replay::new(&in_force.policy).mail(&judged.kept, Some(&addresses(&judged)));
        let same = again.iter().zip(&judged.verdicts.0).all(|(again, then)| is_same(again, then));
        assert!(same, "{}: {again:?}", row.what);
    }
    wrong
}

#[tokio::test]
async fn a_mark_goes_back_to_whom_wrote_it_and_to_nobody_beside() {
    let both = [CITIZEN, PAPER];
    let answered = |more: &str, first: &str| format!("Bonjour,\n\nbien reçu.\n\n{first}{QUOTE}{more}");
    let plain = answered("", "");
    let headers = |text: &str| format!("Subject: Re: dossier\n{text}");
    let replying = |id: &str| format!("{ANSWER}In-Reply-To: <a1@{id}>\n");
    let quoted = |author: &str| format!("Bien reçu.\n\n{author}\n> DIFFUSION RESTREINTE\n>\n> Voici mes questions.\n");
    let rows = [
        row("the newspaper in Cc", ANSWER, &plain, &both, &[PAPER]),
        row("beside a colleague", ANSWER, &plain, &[CITIZEN, PAPER, COLLEAGUE], &[PAPER]),
        row("alone outside", ANSWER, &plain, &[CITIZEN, COLLEAGUE], &[]),
        row(
            "the newspaper in To, he in Cc",
            headers("To: <redaction@gazette.example>\nCc: <jean.riviere@gmail.com>\n"),
            &plain,
            &both,
            &[PAPER],
        ),
        row("the newspaper in Bcc", headers("To: <jean.riviere@gmail.com>\n"), &plain, &both, &[PAPER]),
        row("he in Bcc, by his address", headers("To: <redaction@gazette.example>\n"), &plain, &both, &[PAPER]),
        row(
            "he in Bcc, by his name, which nobody shows",
            headers("To: <redaction@gazette.example>\n"),
            quoted("Le 3 mai 2026 à 10:12, Jean Rivière a écrit :"),
            &both,
            &both,
        ),
        row("by his name", ANSWER, quoted("Le 3 mai 2026 à 10:12, Jean Rivière a écrit :"), &both, &[PAPER]),
        row("in English", ANSWER, quoted("On 3 May 2026, at 10:12, Jean Rivière wrote:"), &both, &[PAPER]),
        row("in Dutch", ANSWER, quoted("Op 3 mei 2026 om 10:12 schreef Jean Rivière:"), &both, &[PAPER]),
        row(
            "in German",
            ANSWER,
            quoted("Am 03.05.2026 um 10:12 schrieb Jean Rivière <jean.riviere@gmail.com>:"),
            &both,
            &[PAPER],
        ),
        row(
            "a block of header lines, with a Cc of its own",
            ANSWER,
            "Bien reçu.\n\nDe : Jean Rivière <jean.riviere@gmail.com>\nEnvoyé : lundi 3 mai 2026 10:12\n\
             À : Jeanne Aubertin <jeanne.aubertin@finances.gouv.example>\nCc : greffe@cour-appel.example\n\
             Objet : dossier\n\nDIFFUSION RESTREINTE\n\nVoici mes questions.\n",
            &both,
            &[PAPER],
        ),
        row(
            "two of one name",
            headers("To: Jean Rivière <jean.riviere@gmail.com>, Jean Rivière <redaction@gazette.example>\n"),
            quoted("Le 3 mai 2026 à 10:12, Jean Rivière a écrit :"),
            &both,
            &both,
        ),
        row(
            "a colleague of his name",
            headers(
                "To: Jean Rivière <jean.riviere@gmail.com>, Gazette <redaction@gazette.example>\n\
                     Cc: Jean Rivière <claire.vasseur@justice.gouv.example>\n",
            ),
            quoted("Le 3 mai 2026 à 10:12, Jean Rivière a écrit :"),
            &[CITIZEN, PAPER, COLLEAGUE],
            &both,
        ),
        row(
            "a longer name that holds a neighbour's",
            headers("To: Jean Rivière <jean.riviere@gmail.com>, Jean Rivière Abadie <l.abadie@abadie.example>\n"),
            quoted("Le 3 mai 2026 à 10:12, Jean Rivière Abadie a écrit :"),
            &[CITIZEN, ENGINEER],
            &[CITIZEN],
        ),
        row(
            "an address that ends as his does",
            ANSWER,
            quoted("Le 3 mai 2026 à 10:12, <marie.jean.riviere@gmail.com> a écrit :"),
            &both,
            &both,
        ),
        row(
            "an address in the answer above the line",
            ANSWER,
            answered("", "Je préviens redaction@gazette.example :\n"),
            &both,
            &[PAPER],
        ),
        row("the agent writes the mark too", ANSWER, format!("DIFFUSION RESTREINTE\n\n{plain}"), &both, &both),
        row(
            "a colleague wrote it",
            ANSWER,
            quoted("Le 3 mai 2026 à 10:12, Claire Vasseur <claire.vasseur@justice.gouv.example> a écrit :"),
            &[CITIZEN, PAPER, COLLEAGUE],
            &both,
        ),
        row(
            "the colleague quotes him",
            ANSWER,
            "Bien reçu.\n\nLe 4 mai 2026 à 9:00, Claire Vasseur <claire.vasseur@justice.gouv.example> a écrit :\n\
             > Voici sa lettre.\n> Le 3 mai 2026 à 10:12, Jean Rivière <jean.riviere@gmail.com> a écrit :\n\
             >> DIFFUSION RESTREINTE\n>>\n>> Voici mes questions.\n",
            &both,
            &[PAPER],
        ),
        row(
            "the colleague goes on below what he wrote",
            ANSWER,
            "Bien reçu.\n\nLe 4 mai 2026 à 9:00, Claire Vasseur <claire.vasseur@justice.gouv.example> a écrit :\n\
             > Le 3 mai 2026 à 10:12, Jean Rivière <jean.riviere@gmail.com> a écrit :\n\
             >> Voici mes questions.\n>\n> DIFFUSION RESTREINTE\n>\n> Notre réponse est prête.\n",
            &both,
            &both,
        ),
        row(
            "he goes on below what the newspaper wrote",
            ANSWER,
            "Bien reçu.\n\nLe 4 mai 2026 à 9:00, Jean Rivière <jean.riviere@gmail.com> a écrit :\n\
             > Le 3 mai 2026 à 10:12, Gazette <redaction@gazette.example> a écrit :\n\
             >> Voici nos questions.\n>\n> DIFFUSION RESTREINTE\n>\n> Ma réponse est prête.\n",
            &both,
            &[PAPER],
        ),
        row(
            "the newspaper wrote it, and he quotes that",
            ANSWER,
            "Bien reçu.\n\nLe 4 mai 2026 à 9:00, Jean Rivière <jean.riviere@gmail.com> a écrit :\n\
             > Voyez.\n> Le 3 mai 2026 à 10:12, Gazette <redaction@gazette.example> a écrit :\n\
             >> DIFFUSION RESTREINTE\n>>\n>> Voici nos questions.\n",
            &[CITIZEN, PAPER, ENGINEER],
            &[CITIZEN, ENGINEER],
        ),
        row(
            "each wrote a mark of the same level",
            ANSWER,
            "Bien reçu.\n\nLe 4 mai 2026 à 9:00, Jean Rivière <jean.riviere@gmail.com> a écrit :\n\
             > DIFFUSION RESTREINTE\n>\n> Voyez.\n\nMerci.\n\n\
             Le 3 mai 2026 à 10:12, Gazette <redaction@gazette.example> a écrit :\n\
             > DIFFUSION RESTREINTE\n>\n> Voici nos questions.\n",
            &[CITIZEN, PAPER, ENGINEER],
            &[CITIZEN, PAPER, ENGINEER],
        ),
        row(
            "answers between the lines",
            ANSWER,
            "Le 3 mai 2026 à 10:12, Jean Rivière <jean.riviere@gmail.com> a écrit :\n> Madame,\n> une question.\n\n\
             Oui.\n\n> DIFFUSION RESTREINTE\n>\n> Et une autre.\n\nNon.\n",
            &both,
            &[PAPER],
        ),
        row("no answer", ANSWER.replace("Re: ", ""), &plain, &both, &both),
        row("an answer by its header", replying("mail.gmail.com").replace("Re: ", ""), &plain, &both, &[PAPER]),
        row("an answer to the house", replying("finances.gouv.example"), &plain, &both, &both),
        row("an answer to the newspaper", replying("gazette.example"), &plain, &both, &both),
        row("an answer to a provider that nobody here uses", replying("eur05.prod.example"), &plain, &both, &[PAPER]),
        row(
            "nobody is named, and he is the only one at the provider that is answered",
            replying("mail.gmail.com"),
            "Bien reçu.\n\n> DIFFUSION RESTREINTE\n>\n> Voici mes questions.\n",
            &both,
            &[PAPER],
        ),
        row(
            "nobody is named, and two are at the provider that is answered",
            replying("mail.gmail.com"),
            "Bien reçu.\n\n> DIFFUSION RESTREINTE\n>\n> Voici mes questions.\n",
            &[CITIZEN, PAPER, "gazette.du.canton@gmail.com"],
            &[CITIZEN, PAPER, "gazette.du.canton@gmail.com"],
        ),
        row(
            "nobody is named, and the answer goes to somebody else first",
            headers(
                "To: <redaction@gazette.example>\nCc: <jean.riviere@gmail.com>\nIn-Reply-To: <a1@mail.gmail.com>\n",
            ),
            "Bien reçu.\n\n> DIFFUSION RESTREINTE\n>\n> Voici mes questions.\n",
            &both,
            &both,
        ),
    ];
    let wrong = wrong(&rows, "marked-leaves-house").await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A word that only asks for care is told of the copies of others alone.
#[tokio::test]
async fn a_word_goes_back_to_whom_wrote_it() {
    let body = format!("Bonjour,\n\nbien reçu.\n\n{}", QUOTE.replace("DIFFUSION RESTREINTE", "CONFIDENTIEL"));
    let rows = [
        row("the newspaper in Cc", ANSWER, &body, &[CITIZEN, PAPER], &[PAPER]),
        row("the agent writes it too", ANSWER, format!("CONFIDENTIEL\n\n{body}"), &[CITIZEN, PAPER], &[CITIZEN, PAPER]),
    ];
    let wrong = wrong(&rows, "internal-leaves-house").await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
