// SPDX-License-Identifier: EUPL-1.2
//! Finds out who wrote which lines of a body: the sender, a quoted or forwarded author, a signature, a legal footer.

use std::ops::Range;
use std::sync::LazyLock;

/// A zone of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Written,
    Quoted,
    Forwarded,
    Signature,
    Footer,
}

impl Zone {
    /// The contract's place.
    pub fn place(self) -> &'static str {
        match self {
            Zone::Written => "body",
            Zone::Quoted => "body#quoted",
            Zone::Forwarded => "body#forwarded",
            Zone::Signature => "body#signature",
            Zone::Footer => "body#footer",
        }
    }
}

/// Lines that mail programs put above forwarded content, normalised: fr, nl, en, de, ar, it, es.
const FORWARD_LINES: &[&str] = &[
    "forwarded message",
    "message transfere",
    "message reexpedie",
    "message fait suivre",
    "forwarded by",
    "transfere par",
    "reexpedie par",
    "doorgestuurd bericht",
    "doorgestuurd door",
    "doorgezonden bericht",
    "weitergeleitete nachricht",
    "weitergeleitet von",
    "ursprungliche nachricht weitergeleitet",
    "begin forwarded message",
    "debut du message reexpedie",
    "debut du message transfere",
    "begin doorgestuurd bericht",
    "anfang der weitergeleiteten",
    "رسالة معاد توجيهها",
    "الرسالة المعاد توجيهها",
    "رسالة محولة",
    "messaggio inoltrato",
    "mensaje reenviado",
];

/// Lines above an earlier mail that may be forwarded or answered: the subject tells which.
const ORIGINAL_LINES: &[&str] = &[
    "message d'origine",
    "message original",
    "original message",
    "oorspronkelijk bericht",
    "origineel bericht",
    "ursprungliche nachricht",
    "original-nachricht",
    "original appointment",
    "الرسالة الاصلية",
    "رسالة اصلية",
];

/// What a header line of a quoted mail begins with: sender, date, addressee, subject.
const HEADER_WORDS: [&[&str]; 4] = [
    &["de", "from", "van", "von", "من", "expediteur", "afzender"],
    &["envoye", "sent", "verzonden", "gesendet", "date", "datum", "التاريخ", "تاريخ", "ارسلت", "date d'envoi"],
    &["a", "to", "aan", "an", "الى", "إلى", "pour", "destinataire", "cc"],
    &["objet", "subject", "onderwerp", "betreff", "الموضوع", "sujet"],
];

/// Words that end the line above an answered mail.
const WROTE: &[&str] = &["a ecrit", "wrote", "schreef", "schrieb", "كتب", "geschreven", "ha scritto", "escribio"];

/// First words of the legal paragraph under a mail.
const FOOTERS: &[&str] = &[
    "ce message et ",
    "ce message, ",
    "ce message est ",
    "ce courriel ",
    "ce courrier electronique ",
    "les informations contenues dans ce message",
    "this message ",
    "this e-mail ",
    "this email ",
    "the information in this",
    "the information contained in this",
    "dit bericht ",
    "deze e-mail",
    "de informatie in dit",
    "de informatie verzonden",
    "diese e-mail",
    "diese nachricht",
    "avertissement :",
    "disclaimer",
    "clause de confidentialite",
    "avis de confidentialite",
    "l'integrite de ce message",
    "هذه الرسالة",
];

/// Splits a body into runs of lines of one zone, by line number. `lines` are the body's lines as written and in
/// normal form; `replied`: the subject says that this mail is an answer.
pub fn split(lines: &[(&str, &str)], replied: bool) -> Vec<(Zone, Range<usize>)> {
    let mut runs: Vec<(Zone, Range<usize>)> = Vec::new();
    let mut zone = Zone::Written;
    for (n, (line, normal)) in lines.iter().enumerate() {
        let text = normal.trim();
        let ahead = &lines[n..];
        if zone != Zone::Quoted && zone != Zone::Forwarded && may_turn(text, ahead) {
            if is_banner(text, FORWARD_LINES) {
                zone = Zone::Forwarded;
            } else if is_banner(text, ORIGINAL_LINES) || is_header_block(ahead) {
                zone = if replied { Zone::Quoted } else { Zone::Forwarded };
            } else if is_attribution(ahead) && !next_is_angled(ahead) {
                zone = Zone::Quoted;
            } else if zone == Zone::Written && matches!(*line, "-- " | "--" | "—") {
                zone = Zone::Signature;
            } else if zone != Zone::Footer && is_footer(text, ahead) {
                zone = Zone::Footer;
            }
        }
        let here = if text.starts_with('>') && zone != Zone::Forwarded { Zone::Quoted } else { zone };
        match runs.last_mut() {
            Some((last, range)) if *last == here => range.end = n + 1,
            _ => runs.push((here, n..n + 1)),
        }
    }
    runs
}

/// Whether a zone may begin on this line at all: nearly all lines are done with here.
fn may_turn(text: &str, ahead: &[(&str, &str)]) -> bool {
    let colon = |line: &str| line.trim_end().ends_with([':', '\u{a0}']);
    match text.as_bytes() {
        [] => false,
        [first, ..] if b"-_=*:~<>\xe2".contains(first) => true,
        [_] => true,
        &[first, second, ..] => {
            let pair = usize::from(first) << 8 | usize::from(second);
            BEGINNINGS[pair / 64] >> (pair % 64) & 1 == 1
                || colon(text)
                || ahead.get(1).is_some_and(|(_, next)| colon(next))
        }
    }
}

/// The first two bytes of every word that opens a zone, a bit each.
static BEGINNINGS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut bits = vec![0; 1 << 10];
    for word in [FORWARD_LINES, ORIGINAL_LINES, FOOTERS, HEADER_WORDS[0]].concat() {
        if let [first, second, ..] = *word.as_bytes() {
            let pair = usize::from(first) << 8 | usize::from(second);
            bits[pair / 64] |= 1 << (pair % 64);
        }
    }
    bits
});

fn is_footer(text: &str, ahead: &[(&str, &str)]) -> bool {
    FOOTERS.iter().any(|f| text.starts_with(f)) && ahead.len() <= 15 && text.len() + following(ahead) > 80
}

fn following(lines: &[(&str, &str)]) -> usize {
    lines.iter().skip(1).take(3).map(|(_, n)| n.len()).sum()
}

/// A line of dashes around the words, or the words alone with a colon.
fn is_banner(text: &str, words: &[&str]) -> bool {
    let bare = text.trim_start_matches('>').trim_matches(|c: char| "-_=*:~ <".contains(c)).trim();
    let framed = text.starts_with(['-', '_', '=', '*']) || text.ends_with(':') || bare.len() == text.len();
    text.len() < 120
        && framed
        && words.iter().any(|w| bare.starts_with(w) || (text.starts_with(['-', '_']) && bare.contains(w)))
}

/// `De : … / Envoyé : … / À : … / Objet : …` within a few lines, the sender first.
fn is_header_block(lines: &[(&str, &str)]) -> bool {
    let names = |(_, normal): &(&str, &str)| {
        let name = normal.trim_start_matches(['>', '*', ' ']).split_once(':')?.0.trim_matches(['*', ' ']).to_owned();
        (name.len() <= 20).then_some(name)
    };
    let Some(first) = lines.first().and_then(names) else { return false };
    if !HEADER_WORDS[0].contains(&first.as_str()) {
        return false;
    }
    let mut seen = [false; 4];
    for name in lines.iter().take(8).filter_map(names) {
        for (kind, words) in HEADER_WORDS.iter().enumerate() {
            seen[kind] |= words.contains(&name.as_str());
        }
    }
    seen[0] && seen[3] && (seen[1] || seen[2]) || seen[0] && seen[1] && seen[2]
}

/// `Le 3 mai 2026 à 10:00, X a écrit :`, on one line or two.
fn is_attribution(lines: &[(&str, &str)]) -> bool {
    let Some((_, first)) = lines.first() else { return false };
    let ends = |text: &str| {
        let text = text.trim_end_matches([':', ' ', '\u{a0}']);
        WROTE.iter().any(|w| text.ends_with(w))
    };
    let two = || {
        lines.get(1).is_some_and(|(_, second)| ends(second) && second.trim_end().ends_with(':') && second.len() < 120)
    };
    let starts = ["le ", "on ", "op ", "am ", "في ", "il ", "el ", ">"].iter().any(|s| first.starts_with(s))
        && first.bytes().any(|b| b.is_ascii_digit());
    first.len() < 300 && first.trim_end().ends_with(':') && ends(first)
        || (starts && first.len() < 200 && two())
        || (starts && first.contains("schrieb") && first.trim_end().ends_with(':'))
        || (starts && first.contains("schreef") && first.trim_end().ends_with(':'))
}

/// An attribution above `>` lines quotes those lines and no more: what follows is the sender's again.
fn next_is_angled(lines: &[(&str, &str)]) -> bool {
    lines.iter().skip(1).map(|(line, _)| line.trim()).filter(|l| !l.is_empty()).take(2).any(|l| l.starts_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::reading::normal::normalise;

    fn zones(text: &str, replied: bool) -> Vec<(&'static str, String)> {
        let normal = normalise(text);
        let lines: Vec<(&str, &str)> = text.lines().zip(normal.lines()).collect();
        let joined = |range: Range<usize>| lines[range].iter().map(|(l, _)| *l).collect::<Vec<_>>().join("|");
        split(&lines, replied).into_iter().map(|(z, range)| (z.place(), joined(range))).collect()
    }

    #[test]
    fn forwards_of_real_programs_are_told_from_answers() {
        for banner in [
            "---------- Forwarded message ---------",
            "-------- Message transféré --------",
            "Début du message réexpédié :",
            "-------- Doorgestuurd bericht --------",
            "-------- Weitergeleitete Nachricht --------",
            "----- Transféré par Jean Durand le 03/05/2026 -----",
        ] {
            let got = zones(&format!("pour info\n{banner}\ncontenu"), false);
            assert_eq!(got[0], ("body", "pour info".to_owned()), "{banner}");
            assert_eq!(got[1].0, "body#forwarded", "{banner}");
        }
        let outlook = "vu\nDe : A <a@b.fr>\nEnvoyé : lundi\nÀ : C\nObjet : x\n\ncontenu";
        assert_eq!(zones(outlook, false)[1].0, "body#forwarded");
        assert_eq!(zones(outlook, true)[1].0, "body#quoted");
    }

    #[test]
    fn quotes_end_where_the_sender_writes_on() {
        let text = "Bonjour\nLe 3 mai 2026 à 10:00, Jean a écrit :\n> question\n> suite\nréponse\n-- \nJean";
        let got: Vec<&str> = zones(text, true).into_iter().map(|(z, _)| z).collect();
        assert_eq!(got, ["body", "body#quoted", "body", "body#signature"]);
        let unangled = "ok\nOn Mon, 3 May 2026, Jo wrote:\nquestion\nsuite";
        assert_eq!(
            zones(unangled, true)[1],
            ("body#quoted", "On Mon, 3 May 2026, Jo wrote:|question|suite".to_owned())
        );
    }

    #[test]
    fn running_prose_is_written_by_the_sender() {
        let text = "Il a écrit un rapport.\nDe plus : rien.\nCe message est court.";
        assert_eq!(zones(text, false).len(), 1);
        let footer = format!("Bonjour\n\nCe message et ses pièces jointes sont confidentiels. {}", "x ".repeat(60));
        assert_eq!(zones(&footer, false)[1].0, "body#footer");
    }
}
