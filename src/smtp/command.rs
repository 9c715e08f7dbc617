// SPDX-License-Identifier: EUPL-1.2
//! Parses a command line: verb, path, parameters. It keeps the client's own words next to their meaning, so that the
//! next hop gets exactly these words.

use crate::mail::reply::{self, Row};
use crate::mail::{AddressError, Domain, Parameter, Parameters, closing_bracket};

use super::Capabilities;

/// Octets of a command line with its CR LF. RFC 5321 §4.5.3.1.4 asks for 512 and lets extensions add to it
/// (RFC 3461 §10.2 alone 500 more); more than this no client has to say.
pub const MAX_LINE: usize = 4096;

/// The verb and what follows it without the space between and at the end (RFC 5321 §4.1.1).
pub fn split(line: &str) -> (&str, &str) {
    let line = line.trim_end_matches(' ');
    let (verb, arguments) = line.split_once(' ').unwrap_or((line, ""));
    (verb, arguments.trim_start_matches(' '))
}

/// The argument of MAIL or RCPT, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct PathArgument<'a> {
    /// Inside the angle brackets, without the source route.
    pub path: &'a str,
    pub parameters: Parameters,
    /// What follows the bracket, as written, without spaces at its end.
    rest: &'a str,
}

impl PathArgument<'_> {
    /// The argument for the next hop: as written, but without a source route. RFC 5321 §4.1.1.3 wants the route
    /// ignored; a next hop that honoured it would deliver elsewhere than where we judged. The path is the one judged
    /// (decision D30).
    pub fn onward(&self) -> String {
        format!("<{}>{}", self.path, self.rest)
    }
}

/// Why an argument of MAIL or RCPT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxError {
    /// No `FROM:` or `TO:`, or a parameter out of shape.
    Syntax,
    /// The path is not written as one.
    Path,
}

/// Reads `FROM:<path> parameters` or `TO:<path> parameters`; `keyword` is `FROM` or `TO`.
/// Lenient in one thing: spaces may follow the colon.
pub fn path_argument<'a>(arguments: &'a str, keyword: &str) -> Result<PathArgument<'a>, SyntaxError> {
    let (before, verbatim) = arguments.split_once(':').ok_or(SyntaxError::Syntax)?;
    if !before.trim_end_matches(' ').eq_ignore_ascii_case(keyword) {
        return Err(SyntaxError::Syntax);
    }
    let verbatim = verbatim.trim_matches(' ');
    let inside = verbatim.strip_prefix('<').ok_or(SyntaxError::Path)?;
    let end = closing_bracket(inside).ok_or(SyntaxError::Path)?;
    // The bracket is one octet, so both cuts stand at characters.
    let (path, rest) = (&inside[..end], &inside[end + 1..]);
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(SyntaxError::Path);
    }
    let path = without_source_route(path).map_err(|_| SyntaxError::Path)?;
    Ok(PathArgument { path, parameters: parameters(rest)?, rest })
}

/// RFC 5321 §4.1.1.3, appendix C: `@one,@two:` before the mailbox is accepted, and means nothing to us.
fn without_source_route(path: &str) -> Result<&str, AddressError> {
    let mut rest = path;
    while let Some(after) = rest.strip_prefix('@') {
        // A literal holds colons of its own.
        let from = if after.starts_with('[') { after.find(']').ok_or(AddressError::Domain)? } else { 0 };
        let end = from + after[from..].find([',', ':']).ok_or(AddressError::Domain)?;
        Domain::parse(&after[..end])?;
        rest = &after[end + 1..];
        if after[end..].starts_with(':') {
            // A mailbox follows: another route is none, and the null path takes no route.
            return if rest.is_empty() || rest.starts_with('@') { Err(AddressError::LocalPart) } else { Ok(rest) };
        }
        if !rest.starts_with('@') {
            return Err(AddressError::Domain);
        }
    }
    Ok(rest)
}

/// RFC 5321 §4.1.2: `esmtp-param = esmtp-keyword ["=" esmtp-value]`, each keyword once.
fn parameters(text: &str) -> Result<Parameters, SyntaxError> {
    let mut found: Vec<Parameter> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) = match word.split_once('=') {
            Some((_, "")) => return Err(SyntaxError::Syntax),
            Some((keyword, value)) => (keyword, Some(value.to_owned())),
            None => (word, None),
        };
        let sound = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            && keyword.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let keyword = keyword.to_ascii_uppercase();
        if !sound || found.iter().any(|p| p.keyword == keyword) {
            return Err(SyntaxError::Syntax);
        }
        found.push(Parameter { keyword, value });
    }
    Ok(Parameters(found))
}

/// One parameter we know: who takes it, when it is offered, and what its value may be.
struct Known {
    keyword: &'static str,
    verb: &'static str,
    offered: fn(&Capabilities) -> bool,
    accepts: fn(Option<&str>) -> bool,
    /// The reply to a value it does not accept.
    otherwise: Row,
}

/// Every parameter we know.
static KNOWN: [Known; 10] = [
    // RFC 1870 §4
    Known { keyword: "SIZE", verb: "MAIL", offered: |c| c.size.is_some(), accepts: size, otherwise: reply::SYNTAX },
    // RFC 6152 §2; decision D5 for BINARYMIME
    Known {
        keyword: "BODY",
        verb: "MAIL",
        offered: |_| true,
        accepts: |v| v.is_some_and(|v| v.eq_ignore_ascii_case("7BIT") || v.eq_ignore_ascii_case("8BITMIME")),
        otherwise: reply::BAD_BODY_TYPE,
    },
    // RFC 6531 §3.4
    Known {
        keyword: "SMTPUTF8",
        verb: "MAIL",
        offered: |c| c.smtputf8,
        accepts: |v| v.is_none(),
        otherwise: reply::SYNTAX,
    },
    // RFC 8689 §4.1
    Known {
        keyword: "REQUIRETLS",
        verb: "MAIL",
        offered: |c| c.requiretls,
        accepts: |v| v.is_none(),
        otherwise: reply::SYNTAX,
    },
    // RFC 6710 §4.1.1
    Known {
        keyword: "MT-PRIORITY",
        verb: "MAIL",
        offered: |c| c.mt_priority.is_some(),
        accepts: priority,
        otherwise: reply::SYNTAX,
    },
    // RFC 4954 §5
    Known {
        keyword: "AUTH",
        verb: "MAIL",
        offered: |c| !c.auth.is_empty(),
        accepts: |v| v.is_some_and(|v| v == "<>" || is_xtext(v)),
        otherwise: reply::SYNTAX,
    },
    // RFC 3461 §4.3, §4.4, §4.1, §4.2
    Known {
        keyword: "RET",
        verb: "MAIL",
        offered: |c| c.dsn,
        accepts: |v| v.is_some_and(|v| v.eq_ignore_ascii_case("FULL") || v.eq_ignore_ascii_case("HDRS")),
        otherwise: reply::SYNTAX,
    },
    Known {
        keyword: "ENVID",
        verb: "MAIL",
        offered: |c| c.dsn,
        accepts: |v| v.is_some_and(|v| v.len() <= 100 && is_xtext(v)),
        otherwise: reply::SYNTAX,
    },
    Known { keyword: "NOTIFY", verb: "RCPT", offered: |c| c.dsn, accepts: notify, otherwise: reply::SYNTAX },
    Known { keyword: "ORCPT", verb: "RCPT", offered: |c| c.dsn, accepts: orcpt, otherwise: reply::SYNTAX },
];

/// Checks the parameters of `verb` against what we offered; the error is the reply.
pub fn check(parameters: &Parameters, verb: &str, offered: &Capabilities) -> Result<(), Row> {
    for parameter in &parameters.0 {
        let known = KNOWN
            .iter()
            .find(|known| known.keyword == parameter.keyword && known.verb == verb && (known.offered)(offered))
            .ok_or(reply::UNKNOWN_PARAMETER)?;
        if !(known.accepts)(parameter.value.as_deref()) {
            return Err(known.otherwise);
        }
        // 8BITMIME is the one value of BODY that needs an offer.
        if known.keyword == "BODY" && !offered.eight_bit_mime {
            return Err(reply::UNKNOWN_PARAMETER);
        }
    }
    Ok(())
}

fn size(value: Option<&str>) -> bool {
    value.is_some_and(|v| v.len() <= 20 && v.bytes().all(|b| b.is_ascii_digit()))
}

/// -9 to 9 (RFC 6710 §8).
fn priority(value: Option<&str>) -> bool {
    let digits = value.map(|v| v.strip_prefix('-').unwrap_or(v)).unwrap_or("");
    digits.len() == 1 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn notify(value: Option<&str>) -> bool {
    let Some(value) = value else { return false };
    value.eq_ignore_ascii_case("NEVER")
        || value.split(',').all(|v| ["SUCCESS", "FAILURE", "DELAY"].iter().any(|known| v.eq_ignore_ascii_case(known)))
}

fn orcpt(value: Option<&str>) -> bool {
    let Some((kind, address)) = value.filter(|v| v.len() <= 500).and_then(|v| v.split_once(';')) else { return false };
    // RFC 6533 §3: addresses of kind utf-8 may go beyond ASCII.
    let text = if kind.eq_ignore_ascii_case("utf-8") { !address.is_empty() } else { is_xtext(address) };
    !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && text
}

/// RFC 3461 §4: printable ASCII, with `+` only before two hexadecimal digits. Lenient towards `=`.
fn is_xtext(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) && decode_xtext(value).is_some()
}

/// What an xtext stands for; none where a `+` has no two hexadecimal digits after it, or the result is not UTF-8
/// or holds control characters.
pub fn decode_xtext(value: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut octets = value.bytes();
    while let Some(octet) = octets.next() {
        if octet == b'+' {
            let high = char::from(octets.next()?).to_digit(16)?;
            let low = char::from(octets.next()?).to_digit(16)?;
            // Two hexadecimal digits are at most 255.
            decoded.push((high * 16 + low) as u8);
        } else {
            decoded.push(octet);
        }
    }
    String::from_utf8(decoded).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(arguments: &str) -> Result<&str, SyntaxError> {
        path_argument(arguments, "FROM").map(|a| a.path)
    }

    #[test]
    fn paths_are_found_between_their_brackets() {
        assert_eq!(path("FROM:<>"), Ok(""));
        assert_eq!(path("from: <a@b.example> SIZE=1"), Ok("a@b.example"));
        assert_eq!(path("FROM:<\"a>b\\\">\"@c.example>"), Ok("\"a>b\\\">\"@c.example"));
        assert_eq!(path("FROM:<@a.example,@[IPv6:::1]:u@b.example>"), Ok("u@b.example"));
        assert_eq!(path("FROM:<u@[IPv6:::1]>"), Ok("u@[IPv6:::1]"));
        for wrong in [
            "FROM:",
            "FROM:a@b",
            "FROM:<a@b",
            "FROM:<a@b>x",
            "FROM:<\"a>",
            "FROM:<@a>",
            "FROM:<@a,b:c@d>",
            "FROM:<@a:>",
        ] {
            assert_eq!(path(wrong), Err(SyntaxError::Path), "{wrong:?}");
        }
        for wrong in ["", "FROM", "FROMM:<a@b>", "TO:<a@b>", "FROM:<a@b> =1", "FROM:<a@b> SIZE=", "FROM:<> A=1 a=2"] {
            assert_eq!(path(wrong), Err(SyntaxError::Syntax), "{wrong:?}");
        }
    }

    #[test]
    fn words_are_kept_as_written() {
        let argument = path_argument("to:  <A@b.example>  notify=NEVER  ", "TO").unwrap();
        assert_eq!(argument.onward(), "<A@b.example>  notify=NEVER");
        assert_eq!(argument.parameters.get("NOTIFY"), Some("NEVER"));
    }

    /// The path that goes on is the path that was read, wherever its letters stand in the line before it.
    #[test]
    fn the_path_judged_is_the_path_sent() {
        for (line, path, onward) in [
            ("<@postmaster.example:postmaster>", "postmaster", "<postmaster>"),
            ("<@a@b.example:a@b.example>", "", ""),
            ("<@u@b.example.org:u@b.example>", "", ""),
            ("<@x.example,@y.example:x> NOTIFY=NEVER", "x", "<x> NOTIFY=NEVER"),
            ("<@b.example:u@b.example>", "u@b.example", "<u@b.example>"),
            ("<@[IPv6:::1]:u@b.example>", "u@b.example", "<u@b.example>"),
            ("<u@b.example> ORCPT=rfc822;u@b.example", "u@b.example", "<u@b.example> ORCPT=rfc822;u@b.example"),
        ] {
            let line = format!("TO:{line}");
            match path_argument(&line, "TO") {
                Ok(read) => assert_eq!((read.path, read.onward().as_str()), (path, onward), "{line}"),
                Err(fault) => assert_eq!((fault, path), (SyntaxError::Path, ""), "{line}"),
            }
        }
    }

    #[test]
    fn parameters_are_taken_only_where_offered() {
        let offered = Capabilities {
            size: Some(None),
            dsn: true,
            eight_bit_mime: true,
            requiretls: true,
            mt_priority: Some("".into()),
            auth: "PLAIN".into(),
            ..Capabilities::default()
        };
        let answer = |text: &str, verb: &str, offered: &Capabilities| {
            check(&parameters(text).unwrap(), verb, offered).err().map_or(250, |row| row.code)
        };
        for (verb, text, with, without) in [
            ("MAIL", "SIZE=12", 250, 555),
            ("MAIL", "SIZE=x", 501, 555),
            ("MAIL", "BODY=8bitmime", 250, 555),
            ("MAIL", "BODY=BINARYMIME", 555, 555),
            ("MAIL", "SMTPUTF8", 555, 555),
            ("MAIL", "RET=HDRS ENVID=a+3Db", 250, 555),
            ("MAIL", "RET=SOME", 501, 555),
            ("MAIL", "ENVID=a+3", 501, 555),
            ("MAIL", "NOTIFY=NEVER", 555, 555),
            ("MAIL", "REQUIRETLS", 250, 555),
            ("MAIL", "REQUIRETLS=yes", 501, 555),
            ("MAIL", "MT-PRIORITY=-9", 250, 555),
            ("MAIL", "MT-PRIORITY=10", 501, 555),
            ("MAIL", "MT-PRIORITY=-", 501, 555),
            ("MAIL", "AUTH=<>", 250, 555),
            ("MAIL", "AUTH=e+3Dmc2@example.com", 250, 555),
            ("MAIL", "AUTH=+", 501, 555),
            ("RCPT", "NOTIFY=success,DELAY ORCPT=rfc822;a@b", 250, 555),
            ("RCPT", "NOTIFY=NEVER,DELAY", 501, 555),
            ("RCPT", "ORCPT=a@b", 501, 555),
            ("RCPT", "SIZE=1", 555, 555),
        ] {
            assert_eq!(answer(text, verb, &offered), with, "{verb} {text}");
            assert_eq!(answer(text, verb, &Capabilities::default()), without, "{verb} {text}, nothing offered");
        }
    }
}
