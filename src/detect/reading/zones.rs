// SPDX-License-Identifier: EUPL-1.2
//! Finds out who wrote which lines of a body: the sender, a quoted or forwarded author, a signature, a legal footer.

use std::ops::Range;

use super::words::{HeaderName, Lines};

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

/// Splits a body into runs of lines of one zone, by line number. `lines` are the body's lines as written and in
/// normal form; `replied`: the subject says that this mail is an answer; `words`: the words of mail programs in normal form.
pub fn split(lines: &[(&str, &str)], replied: bool, words: &Lines) -> Vec<(Zone, Range<usize>)> {
    let mut runs: Vec<(Zone, Range<usize>)> = Vec::new();
    let mut zone = Zone::Written;
    for (n, (line, normal)) in lines.iter().enumerate() {
        let text = normal.trim();
        let ahead = &lines[n..];
        if zone != Zone::Quoted && zone != Zone::Forwarded && may_turn(text, ahead, words) {
            if is_banner(text, |line| words.begins_forward(line), |line| words.says_forward(line)) {
                zone = Zone::Forwarded;
            } else if is_banner(text, |line| words.begins_original(line), |line| words.says_original(line))
                || is_header_block(ahead, words)
            {
                zone = if replied { Zone::Quoted } else { Zone::Forwarded };
            } else if is_attribution(ahead, words) && !next_is_angled(ahead) {
                zone = Zone::Quoted;
            } else if zone == Zone::Written && matches!(*line, "-- " | "--" | "—") {
                zone = Zone::Signature;
            } else if zone != Zone::Footer && is_footer(text, ahead, words) {
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
fn may_turn(text: &str, ahead: &[(&str, &str)], words: &Lines) -> bool {
    let colon = |line: &str| match line.as_bytes().last() {
        Some(last) if last.is_ascii_graphic() => *last == b':',
        _ => line.trim_end().ends_with([':', '\u{a0}']),
    };
    match text.as_bytes() {
        [] => false,
        [first, ..] if b"-_=*:~<>\xe2".contains(first) => true,
        [_] => true,
        _ => words.may_begin(text) || colon(text) || ahead.get(1).is_some_and(|(_, next)| colon(next)),
    }
}

fn is_footer(text: &str, ahead: &[(&str, &str)], words: &Lines) -> bool {
    words.begins_footer(text) && ahead.len() <= 15 && text.len() + following(ahead) > 80
}

fn following(lines: &[(&str, &str)]) -> usize {
    lines.iter().skip(1).take(3).map(|(_, n)| n.len()).sum()
}

/// A line of dashes around the words, or the words alone with a colon.
fn is_banner(text: &str, begins: impl Fn(&str) -> bool, says: impl Fn(&str) -> bool) -> bool {
    let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bare = match text.as_bytes() {
        // Nearly all lines begin and end with a letter or a full stop: there is nothing to take off.
        line if letter(line.first()) && (letter(line.last()) || line.ends_with(b".")) => text,
        _ => text.trim_start_matches('>').trim_matches(|c: char| "-_=*:~ <".contains(c)).trim(),
    };
    let framed = text.starts_with(['-', '_', '=', '*']) || text.ends_with(':') || bare.len() == text.len();
    text.len() < 120 && framed && (begins(bare) || text.starts_with(['-', '_']) && says(bare))
}

/// `De : … / Envoyé : … / À : … / Objet : …` within a few lines, the sender first.
fn is_header_block(lines: &[(&str, &str)], words: &Lines) -> bool {
    let name = |(_, normal): &(&str, &str)| {
        let name = normal.trim_start_matches(['>', '*', ' ']).split_once([':', '：'])?.0.trim_matches(['*', ' ']);
        (name.len() <= 40).then(|| words.header(name)).flatten()
    };
    if lines.first().and_then(name) != Some(HeaderName::From) {
        return false;
    }
    let (mut subject, mut date, mut to) = (false, false, false);
    for name in lines.iter().take(8).filter_map(name) {
        subject |= name == HeaderName::Subject;
        date |= name == HeaderName::Date;
        to |= matches!(name, HeaderName::To | HeaderName::Cc);
    }
    subject && (date || to) || date && to
}

/// `Le 3 mai 2026 à 10:00, X a écrit :`, on one line or two.
fn is_attribution(lines: &[(&str, &str)], words: &Lines) -> bool {
    let Some((_, first)) = lines.first() else { return false };
    let ends = |text: &str| words.before_wrote(text).is_some();
    let two = || {
        lines.get(1).is_some_and(|(_, second)| ends(second) && second.trim_end().ends_with(':') && second.len() < 120)
    };
    let dated = first.starts_with('>') || words.begins_wrote(first);
    let starts = dated && first.bytes().any(|b| b.is_ascii_digit());
    first.len() < 300 && first.trim_end().ends_with([':', '：']) && ends(first)
        || (starts && first.len() < 200 && two())
        || (starts && first.trim_end().ends_with(':') && words.holds_wrote(first))
}

/// An attribution above `>` lines quotes those lines and no more: what follows is the sender's again.
fn next_is_angled(lines: &[(&str, &str)]) -> bool {
    lines.iter().skip(1).map(|(line, _)| line.trim()).filter(|l| !l.is_empty()).take(2).any(|l| l.starts_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::reading::normal::normalise;
    use crate::detect::reading::words::Words;

    fn zones(text: &str, replied: bool) -> Vec<(&'static str, String)> {
        let normal = normalise(text);
        let lines: Vec<(&str, &str)> = text.lines().zip(normal.lines()).collect();
        let joined = |range: Range<usize>| lines[range].iter().map(|(l, _)| *l).collect::<Vec<_>>().join("|");
        split(&lines, replied, &Words::shipped().normal)
            .into_iter()
            .map(|(z, range)| (z.place(), joined(range)))
            .collect()
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
