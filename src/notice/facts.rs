// SPDX-License-Identifier: EUPL-1.2
//! Facts of a mail as people read them: recipients, named or only counted, and the subject.

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

/// The subject in one line, shortened; none where there is nothing to read in it.
pub fn subject(text: &str) -> Option<String> {
    /// Characters; more is no help in knowing the mail again.
    const LONGEST: usize = 120;
    let words = one_line(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = words.char_indices().nth(LONGEST).map(|(at, _)| format!("{}…", words[..at].trim_end()));
    Some(cut.unwrap_or(words)).filter(|words| !words.is_empty())
}

/// No text of others may begin a line of ours.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_readable_length() {
        assert_eq!(subject(" Note \r\n de\tservice ").as_deref(), Some("Note de service"));
        assert_eq!(subject(" \n"), None);
        assert_eq!(subject(&"é".repeat(120)).unwrap().chars().count(), 120);
        assert_eq!(subject(&"é".repeat(121)).unwrap(), "é".repeat(120) + "…");
    }

    #[test]
    fn recipients_are_named_or_counted() {
        assert_eq!((counted("fr", 1).as_str(), counted("en", 3).as_str()), ("un destinataire", "3 recipients"));
        let many: Vec<String> = (0..12).map(|n| format!("a{n}@x.example")).collect();
        assert!(named(&many).ends_with("a9@x.example (+ 2)"), "{}", named(&many));
    }
}
