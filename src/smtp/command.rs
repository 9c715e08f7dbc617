// SPDX-License-Identifier: EUPL-1.2
//! The arguments of commands. What the next hop must see is kept exactly as the client wrote it.

use super::Capabilities;
use crate::mail::reply::{self, Row};
use crate::mail::{ForwardPath, Parameter, Parameters, Recipient, ReversePath};

/// MAIL, read (RFC 5321 §4.1.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCommand {
    pub path: ReversePath,
    pub parameters: Parameters,
    /// All that followed `MAIL FROM:`.
    pub verbatim: String,
}

/// Splits a line into its verb and the rest after one space.
pub fn split_verb(line: &str) -> (&str, &str) {
    let end = line.find([' ', '\t']).unwrap_or(line.len());
    (&line[..end], line[end..].trim_matches([' ', '\t']))
}

/// Reads `FROM:<path> parameters`.
pub fn mail(argument: &str, offered: &Capabilities) -> Result<MailCommand, Row> {
    let verbatim = after_keyword(argument, "FROM:").ok_or(reply::SYNTAX)?;
    let (path, rest) = path(verbatim).ok_or(reply::BAD_SENDER)?;
    let parameters = parameters(rest)?;
    for parameter in &parameters.0 {
        check_mail_parameter(parameter, offered)?;
    }
    let path = ReversePath::parse(path).map_err(|_| reply::BAD_SENDER)?;
    Ok(MailCommand { path, parameters, verbatim: verbatim.to_owned() })
}

/// Reads `TO:<path> parameters` (RFC 5321 §4.1.1.3).
pub fn rcpt(argument: &str, offered: &Capabilities) -> Result<Recipient, Row> {
    let verbatim = after_keyword(argument, "TO:").ok_or(reply::SYNTAX)?;
    let (path, rest) = path(verbatim).ok_or(reply::BAD_RECIPIENT)?;
    let parameters = parameters(rest)?;
    for parameter in &parameters.0 {
        check_rcpt_parameter(parameter, offered)?;
    }
    let path = ForwardPath::parse(path).map_err(|_| reply::BAD_RECIPIENT)?;
    Ok(Recipient { path, parameters, verbatim: verbatim.to_owned() })
}

/// The argument after `FROM:` or `TO:`; a space after the colon is wrong and common (RFC 5321 §4.1.1.2 allows none).
fn after_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

/// The inside of the angle brackets without a source route, and what follows the brackets.
fn path(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let mut quoted = false;
    let mut escaped = false;
    let end = inner.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
        None
    })?;
    let (path, rest) = (&inner[..end], &inner[end + 1..]);
    if !(rest.is_empty() || rest.starts_with([' ', '\t'])) || !text.is_ascii() {
        return None;
    }
    // RFC 5321 §4.1.1.3: a source route is to be accepted and ignored.
    let path = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    Some((path, rest))
}

/// RFC 5321 §4.1.2: `esmtp-keyword ["=" esmtp-value]`, separated by spaces.
fn parameters(text: &str) -> Result<Parameters, Row> {
    let mut all = Vec::new();
    for word in text.split_ascii_whitespace() {
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let sound = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            && keyword.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && value.is_none_or(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_graphic()));
        let keyword = keyword.to_ascii_uppercase();
        if !sound || all.iter().any(|p: &Parameter| p.keyword == keyword) {
            return Err(reply::SYNTAX);
        }
        all.push(Parameter { keyword, value: value.map(str::to_owned) });
    }
    Ok(Parameters(all))
}

/// Only what our EHLO offered may be used (RFC 5321 §4.1.1.11).
fn check_mail_parameter(parameter: &Parameter, offered: &Capabilities) -> Result<(), Row> {
    let value = parameter.value.as_deref().unwrap_or("");
    match parameter.keyword.as_str() {
        // RFC 1870 §5: up to 20 digits.
        "SIZE" if offered.size.is_some() => {
            let digits = !value.is_empty() && value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit());
            match (digits, value.parse::<u64>(), offered.size.flatten()) {
                (false, ..) => Err(reply::SYNTAX),
                (true, Ok(size), Some(limit)) if size <= limit => Ok(()),
                (true, Ok(_), None) => Ok(()),
                _ => Err(reply::TOO_BIG),
            }
        }
        "BODY" if offered.eight_bit_mime => {
            let known = value.eq_ignore_ascii_case("7BIT") || value.eq_ignore_ascii_case("8BITMIME");
            if known { Ok(()) } else { Err(reply::BAD_BODY_TYPE) }
        }
        // RFC 3461 §4.3, §4.4.
        "RET" if offered.dsn => {
            let known = value.eq_ignore_ascii_case("FULL") || value.eq_ignore_ascii_case("HDRS");
            if known { Ok(()) } else { Err(reply::SYNTAX) }
        }
        "ENVID" if offered.dsn => {
            if !value.is_empty() && value.len() <= 100 {
                Ok(())
            } else {
                Err(reply::SYNTAX)
            }
        }
        _ => Err(reply::UNKNOWN_PARAMETER),
    }
}

fn check_rcpt_parameter(parameter: &Parameter, offered: &Capabilities) -> Result<(), Row> {
    let value = parameter.value.as_deref().unwrap_or("");
    match parameter.keyword.as_str() {
        // RFC 3461 §4.1: NEVER stands alone.
        "NOTIFY" if offered.dsn => {
            let words: Vec<String> = value.split(',').map(str::to_ascii_uppercase).collect();
            let never = words.iter().any(|w| w == "NEVER");
            let known = words.iter().all(|w| matches!(w.as_str(), "NEVER" | "SUCCESS" | "FAILURE" | "DELAY"));
            if known && (!never || words.len() == 1) { Ok(()) } else { Err(reply::SYNTAX) }
        }
        // RFC 3461 §4.2: address-type ";" xtext.
        "ORCPT" if offered.dsn => {
            let sound = value.split_once(';').is_some_and(|(kind, address)| !kind.is_empty() && !address.is_empty());
            if sound && value.len() <= 500 { Ok(()) } else { Err(reply::SYNTAX) }
        }
        _ => Err(reply::UNKNOWN_PARAMETER),
    }
}

/// Reads XFORWARD attributes (Postfix's XFORWARD_README); names upper case, values still xtext.
pub fn xforward(argument: &str) -> Result<Vec<(String, String)>, Row> {
    const KNOWN: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE", "IDENT"];
    let mut all = Vec::new();
    for word in argument.split_ascii_whitespace() {
        let (name, value) = word.split_once('=').ok_or(reply::SYNTAX)?;
        let name = name.to_ascii_uppercase();
        if !KNOWN.contains(&name.as_str()) || value.is_empty() || value.len() > 255 {
            return Err(reply::SYNTAX);
        }
        all.push((name, value.to_owned()));
    }
    if all.is_empty() { Err(reply::SYNTAX) } else { Ok(all) }
}

/// Undoes xtext (RFC 3461 §4): `+` and two hexadecimal digits are one octet. Wrong escapes stay as they are.
pub fn from_xtext(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octet = (*first == b'+')
            .then(|| after.get(..2).and_then(|h| std::str::from_utf8(h).ok()))
            .flatten()
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match octet {
            Some(octet) => {
                bytes.push(octet);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
