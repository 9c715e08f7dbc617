// SPDX-License-Identifier: EUPL-1.2
//! Lays out notices to senders as mail: plain text in short lines, and the same as simple HTML (RFC 2046 §5.1.4).
//!
//! Notices are built only from facts, like failure reports: no clock, no randomness, no socket. Only the Message-ID
//! comes from the mail that a notice is about.

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox as LettreMailbox, Message, MultiPart, SinglePart};

use super::dsn::{FailureReport, Stamp, status_part};
use super::facts::one_line;
use super::fill::{Block, Filled};
use crate::mail::Mailbox;

/// Columns of a line of plain text: RFC 5322 §2.1.1 wants 78 at most.
const COLUMNS: usize = 72;

/// Who writes to whom, when, and about which message.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    pub from: &'a Mailbox,
    /// The name beside it: whose gateway this is.
    pub name: Option<&'a str>,
    /// Who answers, where the notice's reader does.
    pub reply_to: Option<&'a Mailbox>,
    pub to: &'a Mailbox,
    pub date: Timestamp,
    /// The inside of the angle brackets of Message-ID.
    pub message_id: &'a str,
    /// The Message-ID of the mail it is about, as its header gives it. What is none is left out.
    pub about: Option<&'a str>,
}

/// Why a notice could not be composed: an address that cannot stand in a header.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    #[error("an address cannot stand in a header")]
    Address,
    #[error("a content type cannot stand in a header")]
    ContentType,
    #[error("{0}")]
    Builder(#[from] lettre::error::Error),
}

/// Composes the whole message, lines ended by CRLF.
pub fn compose(notice: &Filled<'_>, heading: &Heading<'_>) -> Result<Vec<u8>, NoticeError> {
    message(heading, notice, written(notice, heading))
}

/// The same with the failure reports whose words it says, so that the sender gets one mail of one event: the report of one
/// mail is the notice as RFC 6522 has it, those of several stand behind it. `host` is the name we go by.
pub fn compose_report(
    notice: &Filled<'_>,
    heading: &Heading<'_>,
    reports: &[FailureReport],
    host: &str,
) -> Result<Vec<u8>, NoticeError> {
    let kind = match reports.len() {
        0 => return compose(notice, heading),
        1 => "multipart/report; report-type=delivery-status",
        _ => "multipart/mixed",
    };
    let kind = format!("{kind}; boundary=\"{}\"", boundary("report ", heading));
    let mut body = MultiPart::builder().header(content_type(&kind)?).multipart(written(notice, heading));
    let stamp = Stamp { host, date: heading.date, message_id: heading.message_id };
    for report in reports {
        let (kind, fields) = status_part(report, &stamp);
        body = body.singlepart(SinglePart::builder().header(content_type(kind)?).body(fields));
    }
    message(heading, notice, body)
}

fn content_type(text: &str) -> Result<ContentType, NoticeError> {
    ContentType::parse(text).map_err(|_| NoticeError::ContentType)
}

fn boundary(of: &str, heading: &Heading<'_>) -> String {
    let hash = blake3::hash(format!("{of}{}", heading.message_id).as_bytes());
    format!("=_octroi_{}", &hash.to_hex()[..32]) // a hash has 64 digits
}

/// The text as people read it.
fn written(notice: &Filled<'_>, heading: &Heading<'_>) -> MultiPart {
    let part = |kind: ContentType, text: String| SinglePart::builder().header(kind).body(text);
    MultiPart::alternative()
        .boundary(boundary("", heading))
        .singlepart(part(ContentType::TEXT_PLAIN, plain(notice)))
        .singlepart(part(ContentType::TEXT_HTML, html(notice)))
}

fn message(heading: &Heading<'_>, notice: &Filled<'_>, body: MultiPart) -> Result<Vec<u8>, NoticeError> {
    let mut message = Message::builder()
        .from(address(heading.from, heading.name)?)
        .to(address(heading.to, None)?)
        .subject(notice.title)
        .date(heading.date.into())
        .message_id(Some(format!("<{}>", heading.message_id)));
    if let Some(reply_to) = heading.reply_to {
        message = message.reply_to(address(reply_to, None)?);
    }
    if let Some(id) = heading.about.and_then(message_id) {
        message = message.in_reply_to(id.clone()).references(id);
    }
    for (name, value) in [
        // RFC 3834 §5: nobody's program may answer this; the second is what Exchange understands.
        ("Auto-Submitted", "auto-replied"),
        ("X-Auto-Response-Suppress", "All"),
        ("Content-Language", notice.language),
    ] {
        message = message.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned()));
    }
    Ok(message.multipart(body)?.formatted())
}

/// lettre's own check refuses local parts of real mail (SRS, quoted): ours was made at the listener, and what no header
/// line can hold is refused here.
fn address(mailbox: &Mailbox, name: Option<&str>) -> Result<LettreMailbox, NoticeError> {
    let text = mailbox.to_string();
    let (local, domain) = text.rsplit_once('@').ok_or(NoticeError::Address)?;
    if text.chars().any(char::is_control) || text.len() > 900 {
        return Err(NoticeError::Address);
    }
    Ok(LettreMailbox::new(name.map(str::to_owned), Address::new_dangerous(local, domain)))
}

/// A Message-ID that may stand in a header of ours: one, in angle brackets, printable ASCII (RFC 5322 §3.6.4).
fn message_id(text: &str) -> Option<String> {
    let inside = text.trim().strip_prefix('<')?.strip_suffix('>')?;
    let sound =
        (1..=250).contains(&inside.len()) && inside.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    sound.then(|| format!("<{inside}>"))
}

fn plain(notice: &Filled<'_>) -> String {
    let mut out = String::with_capacity(2048);
    let mut after_label = false;
    for block in &notice.blocks {
        let labelled = matches!(block, Block::Labelled(..) | Block::Link(..));
        if !(out.is_empty() || labelled && after_label) {
            out.push('\n');
        }
        after_label = labelled;
        match block {
            Block::Paragraph(text) => flow(text, "", "", &mut out),
            Block::Items(items) => items.iter().for_each(|item| flow(item, "- ", "  ", &mut out)),
            Block::Labelled(label, value) | Block::Link(label, value) => {
                out.push_str(&format!("{}{}\n", spaced(label), one_line(value)));
            }
        }
    }
    out
}

fn html(notice: &Filled<'_>) -> String {
    let (language, title) = (escaped(notice.language), escaped(notice.title));
    let direction = if notice.language == "ar" { " dir=\"rtl\"" } else { "" };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\"{direction}>\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n</head>\n\
         <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 42em; margin: 1em\">\n\
         <h1 style=\"font-size: 1.25em\">{title}</h1>\n"
    );
    for block in &notice.blocks {
        match block {
            Block::Paragraph(text) => flow(&escaped(&glued(text)), "<p>", "", &mut out),
            Block::Items(items) => {
                out.push_str("<ul>\n");
                items.iter().for_each(|item| flow(&escaped(&glued(item)), "<li>", "", &mut out));
                out.push_str("</ul>\n");
            }
            Block::Labelled(label, value) | Block::Link(label, value) => {
                let (label, value) = (escaped(&spaced(label)), escaped(&one_line(value)));
                // What comes from a mail, such as its subject, leads nowhere.
                let value = match block {
                    Block::Link(..) => format!("<a href=\"{value}\">{value}</a>"),
                    _ => format!("<b>{value}</b>"),
                };
                out.push_str(&format!("<p style=\"margin: 0.25em 0\">{label}{value}\n"));
            }
        }
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// A label with the space behind it.
fn spaced(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("{label} ") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The text with no-break spaces where a reader's screen must not break it.
fn glued(text: &str) -> String {
    words(&one_line(text)).iter().map(|word| word.replace(' ', "\u{a0}")).collect::<Vec<_>>().join(" ")
}

/// Lines of at most [`COLUMNS`] characters; a longer word has a line of its own.
fn flow(text: &str, first: &str, rest: &str, out: &mut String) {
    let text = one_line(text);
    let mut margin = first.chars().count();
    let mut column = margin;
    out.push_str(first);
    for word in words(&text) {
        let width = word.chars().count();
        if column > margin && column + 1 + width > COLUMNS {
            out.push('\n');
            out.push_str(rest);
            margin = rest.chars().count();
            column = margin;
        }
        if column > margin {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

/// Words; French punctuation that stands apart stays with its word.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    let mut start = None; // where the word under way begins
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, c == ' ') {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                let next = text.get(at..).unwrap_or_default().trim_start_matches(' ');
                let opens = text.get(from..at).is_some_and(|word| word.ends_with('«'));
                let apart = next.split(' ').next().is_some_and(|word| {
                    word.starts_with([':', ';', '?', '!', '»']) && word.chars().all(|c| !c.is_alphanumeric())
                });
                if !(opens || apart) || next.is_empty() {
                    words.extend(text.get(from..at));
                    start = None;
                }
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Filled<'static> {
        Filled {
            language: "fr",
            title: "Votre envoi est retenu",
            blocks: vec![
                Block::Paragraph(format!("Pourquoi ? {}", "mot ".repeat(40))),
                Block::Items(vec!["un <b> ;".into(), format!("deux {}", "x ".repeat(60))]),
                Block::Labelled("Référence :".into(), "M1".into()),
                Block::Labelled("Objet :".into(), "https://phish.example/".into()),
                Block::Link("Charte :".into(), "https://charte.example/?a=1&b=\"2\"".into()),
                Block::Paragraph("Fin.".into()),
            ],
        }
    }

    #[test]
    fn plain_text_has_short_lines_and_keeps_labels_together() {
        let text = plain(&filled());
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.starts_with("Pourquoi ? mot mot"));
        assert!(text.contains("\n\n- un <b> ;\n- deux x x"), "{text}");
        assert!(text.contains("\n  x x"), "items are indented: {text}");
        assert!(text.ends_with("\n\nRéférence : M1\nObjet : https://phish.example/\nCharte : https://charte.example/?a=1&b=\"2\"\n\nFin.\n"), "{text}");
    }

    #[test]
    fn html_escapes_and_links_only_the_charter() {
        let text = html(&filled());
        assert!(text.contains("<li>un &lt;b&gt;\u{a0};\n"), "{text}");
        let address = "https://charte.example/?a=1&amp;b=&quot;2&quot;";
        assert!(text.contains(&format!("<a href=\"{address}\">{address}</a>")), "{text}");
        assert_eq!(text.matches("<a ").count(), 1);
        assert!(text.contains("<html lang=\"fr\">"));
    }

    #[test]
    fn punctuation_stays_with_its_word() {
        assert_eq!(words("Pourquoi ? dit « moi » : oui  non"), ["Pourquoi ?", "dit", "« moi » :", "oui", "non"]);
        assert_eq!(words(""), Vec::<&str>::new());
    }

    #[test]
    fn a_message_id_is_answered_only_when_it_is_one() {
        assert_eq!(message_id(" <a@b.example> ").as_deref(), Some("<a@b.example>"));
        for wrong in ["a@b.example", "<>", "<a@b.example> <c@d.example>", "<a\r\nBcc: x@y.example>", "<é@b.example>"] {
            assert_eq!(message_id(wrong), None, "{wrong:?}");
        }
    }
}
