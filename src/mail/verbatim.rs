// SPDX-License-Identifier: EUPL-1.2
//! Parses the text after `MAIL FROM:` or `RCPT TO:`, kept as the client wrote it, when octroi needs its words again.

use super::Mailbox;

/// A path and its parameters, borrowed from the verbatim text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verbatim<'a> {
    /// The inside of the angle brackets.
    pub path: &'a str,
    /// Keyword and value of each parameter, in order; the keyword as it was written.
    pub parameters: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Verbatim<'a> {
    /// Takes the text apart. The text was parsed before by the listener, so what is odd here is read leniently:
    /// without angle brackets the first word is the path.
    pub fn read(text: &'a str) -> Verbatim<'a> {
        let text = text.trim();
        let (path, rest) = match text.strip_prefix('<').and_then(|inner| Some((inner, closing_bracket(inner)?))) {
            Some((inner, end)) => (&inner[..end], &inner[end + 1..]), // `end` is the place of an ASCII bracket
            None => text.split_once(' ').unwrap_or((text, "")),
        };
        let parameters = rest
            .split_ascii_whitespace()
            .map(|word| match word.split_once('=') {
                Some((keyword, value)) => (keyword, Some(value)),
                None => (word, None),
            })
            .collect();
        Verbatim { path, parameters }
    }

    /// The value of a parameter, compared without case; one without value gives the empty text.
    pub fn get(&self, keyword: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(k, _)| k.eq_ignore_ascii_case(keyword)).map(|(_, v)| v.unwrap_or(""))
    }

    /// Whether the sender wants a failure report for this recipient (RFC 3461 §4.1: absent means yes).
    pub fn wants_failure(&self) -> bool {
        self.get("NOTIFY").is_none_or(|value| value.split(',').any(|word| word.eq_ignore_ascii_case("FAILURE")))
    }

    /// The form under which addresses are compared.
    pub fn key(&self) -> String {
        address_key(self.path)
    }
}

/// Lower case, without angle brackets and quotes that change nothing.
pub fn address_key(address: &str) -> String {
    let bare = address.trim().trim_start_matches('<').trim_end_matches('>');
    match Mailbox::parse(bare) {
        Ok(mailbox) => mailbox.key(),
        Err(_) => bare.to_lowercase(),
    }
}

/// The place of the bracket that closes the path; one inside a quoted local part does not (RFC 5321 §4.1.2).
pub fn closing_bracket(inner: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters_come_apart() {
        let read = Verbatim::read("<\"a>b\"@x.example> NOTIFY=never ORCPT=rfc822;c@y.example SMTPUTF8");
        assert_eq!(read.path, "\"a>b\"@x.example");
        assert_eq!(read.get("orcpt"), Some("rfc822;c@y.example"));
        assert_eq!(read.get("SMTPUTF8"), Some(""));
        assert!(!read.wants_failure());
        assert!(Verbatim::read("<> RET=HDRS").path.is_empty());
        assert!(Verbatim::read("<a@x.example>").wants_failure());
        assert!(Verbatim::read("<a@x.example> NOTIFY=DELAY,Failure").wants_failure());
        assert_eq!(Verbatim::read("a@x.example SIZE=1").path, "a@x.example");
        assert_eq!(Verbatim::read("<A@X.example>").key(), "a@x.example");
        for odd in ["", "<", "<\"", ">", "<\"\\"] {
            Verbatim::read(odd);
        }
    }
}
