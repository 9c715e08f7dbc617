// SPDX-License-Identifier: EUPL-1.2
//! The language of a notice: the one in which the person writes.

use crate::detect::reading::language;
use crate::mime::{Body, Message};

/// Bytes of a body that are read for its language.
const READ: usize = 32 * 1024;

/// The language the sender wrote in, by the sender's own lines.
pub fn spoken(message: &Message) -> Option<&'static str> {
    let body = message.parts.iter().filter(|part| part.depth == 0);
    let (html, text) = body.into_iter().find_map(|part| match &part.body {
        Body::Text { html, text } => Some((*html, text.as_str())),
        _ => None,
    })?;
    let end = text.floor_char_boundary(READ);
    let text = text.get(..end)?;
    let text = if html { crate::mime::html::text(text).shown } else { text.to_owned() };
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with('>')).collect();
    language::guess(&own.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::ParseBudget;

    #[test]
    fn the_language_is_that_of_the_senders_own_lines() {
        let spoken_in = |kind: &str, body: &str| {
            let content = format!("Content-Type: {kind}; charset=utf-8\r\n\r\n{body}\r\n");
            spoken(&crate::mime::parse(content.as_bytes(), &ParseBudget::default()))
        };
        let dutch = "Goedendag,\r\n\r\nhierbij het verslag voor de vergadering, met groeten\r\n";
        assert_eq!(spoken_in("text/plain", dutch), Some("nl"));
        let quoting = format!("{dutch}> Bonjour, le rapport est dans le dossier pour vous et pour les autres, merci");
        assert_eq!(spoken_in("text/plain", &quoting), Some("nl"));
        assert_eq!(spoken_in("text/html", "<p>Dear all,</p><p>this is the report you have asked for</p>"), Some("en"));
        assert_eq!(spoken_in("application/pdf", "x"), None);
    }
}
