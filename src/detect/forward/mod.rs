// SPDX-License-Identifier: EUPL-1.2
//! Detects forwards: a message passed on inside the text, as an attachment, by resending, or automatically.
//!
//! A reply with a quotation is not a forward, although both look the same in Outlook. The difference is the author of
//! the quoted message: a reply goes back to this author, a forward goes to somebody else.

mod automatic;
mod private;
mod quoted;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{Inspection, excerpt};
use crate::detect::reading::triggers::Topic;
use crate::detect::reading::words::{HeaderName, Lines};
use crate::directory::fold::fold;
use crate::mime::{Body, Part};

pub use private::{Owner, to_private_mailbox};

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    if let Some((place, line)) = inline(inspection).or_else(|| quoted::passed_on(inspection)) {
        findings.push(Finding::new(FindingKind::Forward, place).value("inline").excerpt(excerpt(&line)));
    }
    for part in &inspection.evidence.message.parts {
        if is_attached_message(inspection, part) {
            let place = format!("attachment:{}", part.name.as_deref().unwrap_or("message"));
            findings.push(Finding::new(FindingKind::Forward, place).value("attached"));
        }
    }
    for (place, extract) in inspection.files() {
        // Messages inside archives, and messages sent as mere files.
        if extract.kind == "eml" || extract.kind == "msg" {
            findings.push(Finding::new(FindingKind::Forward, place).value("attached"));
        }
    }
    for name in ["Resent-From", "Resent-To", "Resent-Sender", "Resent-Date"] {
        if let Some(value) = inspection.header(name) {
            findings.push(
                Finding::new(FindingKind::Forward, format!("header:{name}")).value("resent").excerpt(excerpt(value)),
            );
            break;
        }
    }
    if let Some((name, value)) = automatic::header(inspection) {
        findings.push(
            Finding::new(FindingKind::Forward, format!("header:{name}")).value("automatic").excerpt(excerpt(value)),
        );
    }
}

/// A quoted message that this mail passes on: its place and first line.
fn inline(inspection: &Inspection<'_>) -> Option<(String, String)> {
    let subject = inspection.subject();
    let words = &inspection.tables.words.folded;
    let mut original = None;
    for (index, text) in inspection.body_texts() {
        if !inspection.has_hit(index, Topic::Forward) {
            continue;
        }
        let lines: Vec<&str> = text.original.lines().collect();
        let place = if text.place == "body#forwarded" { "body" } else { text.place.as_str() };
        for (at, line) in lines.iter().enumerate().take(5000) {
            let folded = fold(line.trim());
            if original.is_none()
                && let Some(from) = groupwise(&folded)
            {
                original = Some((place.to_owned(), (*line).to_owned(), Some(Block { from })));
                continue;
            }
            // What the correspondent had quoted or forwarded to us is not our forward.
            if folded.starts_with('>') || folded.is_empty() || folded.len() > 400 {
                continue;
            }
            let block = || Block::read(&lines[at + 1..], words);
            let banner = is_banner(&folded);
            if words.says_forward(&folded) && (banner || block().is_some()) {
                let answered = subject.replied
                    && (text.place == "body#quoted" || block().is_some_and(|block| block.answers(inspection)));
                if !answered {
                    return Some((place.to_owned(), (*line).to_owned()));
                }
            }
            if words.says_original(&folded) && banner {
                original.get_or_insert((place.to_owned(), (*line).to_owned(), block()));
            } else if field(&folded, words).is_some_and(|(name, _)| name == HeaderName::From)
                && let Some(block) = Block::read(&lines[at..], words)
            {
                original.get_or_insert((place.to_owned(), (*line).to_owned(), Some(block)));
            }
        }
    }
    if original.is_none() && subject.forwarded && passes_on_silently(inspection) {
        return Some(("subject".to_owned(), subject.bare.to_owned()));
    }
    // The reader of the text already saw where another message begins.
    let zone =
        || inspection.body_texts().find(|(_, text)| text.place == "body#forwarded" && !text.original.trim().is_empty());
    if original.is_none()
        && subject.forwarded
        && let Some((_, text)) = zone()
    {
        return Some(("body".to_owned(), text.original.lines().next().unwrap_or("").to_owned()));
    }
    let (place, line, block) = original?;
    let to_author = block.is_some_and(|block| block.answers(inspection));
    let forwards =
        if subject.forwarded { !to_author } else { !subject.replied && !to_author && !answers_thread(inspection) };
    forwards.then_some((place, line))
}

/// `>>> Jeanne Aubertin <j@x.example> 3/03/2026 9:14 >>>`: GroupWise, over replies and forwards.
fn groupwise(folded: &str) -> Option<String> {
    let inner = folded.strip_prefix(">>>")?.strip_suffix(">>>").or_else(|| folded.strip_prefix(">>>"))?.trim();
    let dated = inner.bytes().filter(u8::is_ascii_digit).count() >= 6 && inner.contains(':');
    (dated && !inner.starts_with('>')).then(|| inner.to_owned())
}

/// A subject that says "forward" over an invitation, or over files without a word of one's own.
fn passes_on_silently(inspection: &Inspection<'_>) -> bool {
    let parts = &inspection.evidence.message.parts;
    if parts.iter().any(|part| is_attached_message(inspection, part)) {
        return false;
    }
    let invitation = parts.iter().any(|part| part.declared_type == "text/calendar");
    let files = parts.iter().any(|part| matches!(part.body, Body::Attachment(_)));
    let letters =
        inspection.body_texts().map(|(_, text)| text.normal.chars().filter(|c| c.is_alphabetic()).take(20).count());
    invitation || files && letters.max().unwrap_or(0) < 20
}

/// An answer whose subject lost its prefix. Outlook's forwards carry In-Reply-To as well, beside their Thread-Topic.
fn answers_thread(inspection: &Inspection<'_>) -> bool {
    inspection.header("In-Reply-To").is_some() && inspection.header("Thread-Topic").is_none()
}

/// A line of dashes, "Begin forwarded message:", or otherwise nothing but the wording.
fn is_banner(folded: &str) -> bool {
    let dashed =
        folded.starts_with("--") || folded.starts_with("__") || folded.starts_with("==") || folded.starts_with("**");
    let short = folded.split_whitespace().count() <= 8;
    let colon = folded.ends_with(':') || folded.ends_with('-') || folded.ends_with('_') || folded.ends_with('*');
    dashed && folded.len() < 160 || short && colon || folded.split_whitespace().count() <= 3
}

/// The value of a line `name: value` with a name that stands over quoted messages.
fn field<'a>(folded: &'a str, words: &Lines) -> Option<(HeaderName, &'a str)> {
    let (name, value) = folded.split_once([':', '：'])?;
    let name = name.trim().trim_matches(['*', '_', '|']).trim();
    Some((words.header(name)?, value.trim()))
}

/// Bytes of a line of a header block that are read.
const FIELD: usize = 1_000;

/// The header block over a quoted message.
struct Block {
    /// The line that names the author, folded.
    from: String,
}

impl Block {
    /// Reads a block that begins within the first three filled lines: an author, and a subject or two other fields.
    fn read(lines: &[&str], words: &Lines) -> Option<Block> {
        let mut from = None;
        let (mut subject, mut others) = (false, 0);
        // A field of a header is short; what follows in its line is not looked at.
        let head = |line: &str| fold(line[..line.floor_char_boundary(FIELD)].trim());
        let filled = lines.iter().take(24).map(|line| head(line.trim_start())).filter(|line| !line.is_empty());
        for (nth, line) in filled.take(12).enumerate() {
            let line = line.trim_start_matches(['>', ' ', '*', '|']);
            match field(line, words) {
                Some((HeaderName::From, value)) => _ = from.get_or_insert(value.to_owned()),
                Some((HeaderName::Subject, _)) => subject = true,
                Some(_) => others += 1,
                None if from.is_none() && nth >= 3 => return None,
                None if subject || nth > 9 => break,
                None => {}
            }
        }
        let from = from?;
        let sound = subject && (others > 0 || from.contains('@')) || others >= 2;
        sound.then_some(Block { from })
    }

    /// Whether the mail goes back to the author of the quoted message.
    fn answers(&self, inspection: &Inspection<'_>) -> bool {
        let recipients = inspection.evidence.recipients.iter().filter_map(|recipient| recipient.mailbox.as_ref());
        let mut recipients = recipients.map(|mailbox| fold(&mailbox.key()));
        if self.from.contains('@') {
            return recipients.any(|key| self.from.contains(key.as_str()));
        }
        // Outlook often writes only the name: compare with the names in To and with local parts.
        let words: Vec<&str> =
            self.from.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2).collect();
        let to = inspection.headers("To").chain(inspection.headers("Cc")).map(fold).collect::<Vec<_>>();
        !words.is_empty() && to.iter().any(|to| words.iter().all(|word| to.contains(word)))
    }
}

/// Whether a message is sent along as a part.
pub fn has_attached_message(inspection: &Inspection<'_>) -> bool {
    inspection.evidence.message.parts.iter().any(|part| is_attached_message(inspection, part))
}

/// A message sent along that is neither a report of delivery nor a receipt.
fn is_attached_message(inspection: &Inspection<'_>, part: &Part) -> bool {
    let parts = &inspection.evidence.message.parts;
    let in_report = part
        .parent
        .and_then(|parent| parts.get(parent))
        .is_some_and(|parent| parent.declared_type == "multipart/report");
    // A digest of a list is a collection, not a forward.
    let in_digest =
        part.parent.and_then(|parent| parts.get(parent)).is_some_and(|p| p.declared_type == "multipart/digest");
    let message = matches!(part.body, Body::Message(_))
        || part.declared_type == "message/rfc822"
        || part.declared_type == "message/global";
    let only_root = part.parent.is_none() && parts.len() == 1;
    message && part.depth == 0 && !in_report && !in_digest && !only_root
}
