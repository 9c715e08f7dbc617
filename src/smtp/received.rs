// SPDX-License-Identifier: EUPL-1.2
//! Reads who has logged in at the mail server before us from the Received field that it wrote on top of the message
//! (decision D18), as Postfix writes it under `smtpd_sasl_authenticated_header`:
//!
//! ```text
//! Received: from pc (unknown [192.0.2.7])
//!         (Authenticated sender: anna@own.example)
//!         by mx.own.example (Postfix) with ESMTPSA id 4F…; Mon, 30 Nov 2026 12:00:00 +0000 (CET)
//! ```

use super::login;

/// Octets of one field at most; Postfix writes a few hundred.
const MAX_FIELD: usize = 4096;
/// Each outermost comment, with the number of words before it.
type Comments<'a> = Vec<(usize, &'a str)>;
const LABEL: &str = "Authenticated sender: ";

/// The authenticated sender in the topmost field, where that is a Received field of a transaction with AUTH. `None` where
/// there is none, or more than one reading: what a client writes in HELO must not become a login.
pub fn authenticated_sender(content: &[u8]) -> Option<String> {
    let field = topmost(content)?;
    let (name, value) = field.split_once(':')?;
    if !name.trim_end().eq_ignore_ascii_case("received") {
        return None;
    }
    let (words, comments) = words_and_comments(value)?;
    // RFC 3848, RFC 6531 §4.3: the protocol says that the client has authenticated. After `by`, so it is the server's word.
    let by = words.iter().position(|word| word.eq_ignore_ascii_case("by"))?;
    let with = words.iter().skip(by).position(|word| word.eq_ignore_ascii_case("with"))? + by;
    let protocol = words.get(with + 1)?.to_ascii_uppercase();
    if !["ESMTPA", "ESMTPSA", "UTF8SMTPA", "UTF8SMTPSA"].contains(&protocol.as_str()) {
        return None;
    }
    let mut named = comments.iter().filter(|(_, text)| text.to_lowercase().contains("authenticated sender"));
    let (at, comment) = named.next()?;
    let name = comment.strip_prefix(LABEL)?;
    (named.next().is_none() && *at <= by && login::is_plain(name)).then(|| name.to_owned())
}

/// The first field with its folded lines, if it is whole and text.
fn topmost(content: &[u8]) -> Option<&str> {
    let mut end = 0;
    loop {
        let length = memchr::memmem::find(&content[end..content.len().min(MAX_FIELD)], b"\r\n")?;
        end += length + 2;
        if !matches!(content.get(end), Some(b' ' | b'\t')) {
            return std::str::from_utf8(&content[..end]).ok();
        }
    }
}

/// The words outside of comments, and each outermost comment with the number of words before it. `None` where a
/// parenthesis does not close, or a quote or backslash makes the reading uncertain (RFC 5322 §3.2.2).
fn words_and_comments(value: &str) -> Option<(Vec<&str>, Comments<'_>)> {
    if value.contains(['"', '\\']) {
        return None;
    }
    let (mut words, mut comments, mut depth, mut from) = (Vec::new(), Vec::new(), 0u32, 0);
    for (at, c) in value.char_indices() {
        match c {
            '(' => {
                if depth == 0 {
                    words.extend(value[from..at].split_ascii_whitespace());
                    from = at + 1;
                }
                depth += 1;
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    comments.push((words.len(), &value[from..at]));
                    from = at + 1;
                }
            }
            _ => {}
        }
    }
    words.extend(value[from..].split_ascii_whitespace());
    (depth == 0).then_some((words, comments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(from: &str, comment: &str, protocol: &str) -> String {
        format!(
            "Received: from {from} (unknown [192.0.2.7])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))\r\n\t{comment}\r\n\tby \
             mx.own.example (Postfix) with {protocol} id 4F;\r\n\tMon, 30 Nov 2026 12:00:00 +0000 (CET)\r\nSubject: x\r\n\r\n"
        )
    }

    #[test]
    fn the_login_stands_in_the_topmost_received_field() {
        let of = |text: &str| authenticated_sender(text.as_bytes());
        let anna = "(Authenticated sender: anna@own.example)";
        assert_eq!(of(&field("pc", anna, "ESMTPSA")).as_deref(), Some("anna@own.example"));
        assert_eq!(of(&field("pc", "(Authenticated sender: anna)", "ESMTPA")).as_deref(), Some("anna"));
        for other in [
            field("pc", anna, "ESMTPS"),
            field("pc", anna, "SMTP"),
            field("pc", "", "ESMTPSA"),
            field("pc", "(authenticated sender: anna)", "ESMTPSA"),
            field("pc", "(Authenticated sender: a b)", "ESMTPSA"),
            field("pc", "(Authenticated sender: )", "ESMTPSA"),
            field("pc", "(x (Authenticated sender: boss))", "ESMTPSA"),
            // The client's own words.
            field("pc (Authenticated sender: boss@own.example)", anna, "ESMTPSA"),
            field("(Authenticated sender: boss)", anna, "ESMTPSA"),
            field("pc (Authenticated  sender: boss)", "", "ESMTPSA"),
            field("\"pc (Authenticated sender: boss)\"", "", "ESMTPSA"),
            field("pc\\(", anna, "ESMTPSA"),
            field("pc) (", anna, "ESMTPSA"),
            // Behind `by` it is not where the server writes it.
            format!(
                "Received: from a by b with ESMTPSA id 1 (Authenticated sender: boss); x\r\n{}",
                field("pc", anna, "SMTP")
            ),
            // Not the topmost field.
            format!("Subject: x\r\n{}", field("pc", anna, "ESMTPSA")),
            format!("Received: by mx.own.example (Postfix, from userid 1000)\r\n{}", field("pc", anna, "ESMTPSA")),
            format!("X: {}", field("pc", anna, "ESMTPSA")),
            String::new(),
            "Received: from".into(),
            format!("Received: {}\r\n{}", "x".repeat(5000), field("pc", anna, "ESMTPSA")),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
    }
}
