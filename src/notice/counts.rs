// SPDX-License-Identifier: EUPL-1.2
//! Recipients in a notice: named, or only counted.

/// Addresses named before the rest is only counted.
const MOST_NAMED: usize = 10;

/// The addresses, the first few by name.
pub fn named(recipients: &[String]) -> String {
    let mut text = recipients.iter().take(MOST_NAMED).map(|r| one_line(r)).collect::<Vec<_>>().join(", ");
    if recipients.len() > MOST_NAMED {
        text.push_str(&format!(" (+ {})", recipients.len() - MOST_NAMED));
    }
    text
}

/// How many recipients there are: all that a notice says of them when the mail is private (decision D20).
pub fn counted(language: &str, count: usize) -> String {
    match (language, count) {
        ("fr", 1) => "un destinataire".into(),
        ("fr", _) => format!("{count} destinataires"),
        ("nl", 1) => "één ontvanger".into(),
        ("nl", _) => format!("{count} ontvangers"),
        ("en", 1) => "one recipient".into(),
        ("en", _) => format!("{count} recipients"),
        ("de", 1) => "eine Person".into(),
        ("de", _) => format!("{count} Personen"),
        _ => count.to_string(),
    }
}

/// No text of others may begin a line of ours.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_named_or_counted() {
        assert_eq!((counted("fr", 1).as_str(), counted("en", 3).as_str()), ("un destinataire", "3 recipients"));
        let many: Vec<String> = (0..12).map(|n| format!("a{n}@x.example")).collect();
        assert!(named(&many).ends_with("a9@x.example (+ 2)"), "{}", named(&many));
    }
}
