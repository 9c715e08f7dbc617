// SPDX-License-Identifier: EUPL-1.2
//! Sender and recipients as an MTA names them, parsed with the grammar of SMTP.

use crate::mail::reply::{self, Row};
use crate::mail::{FinalDomains, ForwardPath, Mailbox, Parameters, Recipient, ReversePath};
use crate::milter::command::Texts;
use crate::milter::macros::Macros;
use crate::smtp::command::{SyntaxError, path_argument};

/// The sender, its parameters, and both as they are said to a next hop.
pub fn sender(arguments: Texts<'_>, macros: &Macros) -> Result<(ReversePath, Parameters, String), Row> {
    let written = Written::new(arguments, reply::BAD_SENDER)?;
    let path = ReversePath::parse(&written.path)
        .or_else(|error| qualified(&written.path, macros, "mail_addr").map(ReversePath::Mailbox).ok_or(error))
        .map_err(|_| reply::BAD_SENDER)?;
    let verbatim = written.verbatim(&path);
    Ok((path, written.parameters, verbatim))
}

/// One recipient, as it is judged, kept and sent on (decision D30): where the MTA has resolved the path to an address of
/// another domain, that address.
///
/// # Errors
/// Why it is refused, and whom it names, as far as that can be read.
pub fn recipient(
    arguments: &mut Texts<'_>,
    macros: &Macros,
    final_domains: &FinalDomains,
) -> Result<Recipient, (Row, Option<ForwardPath>)> {
    let written = Written::new(*arguments, reply::BAD_RECIPIENT).map_err(|row| (row, None))?;
    let path = ForwardPath::parse(&written.path)
        .or_else(|error| qualified(&written.path, macros, "rcpt_addr").map(ForwardPath::Mailbox).ok_or(error))
        .map_err(|_| (reply::BAD_RECIPIENT, None))?;
    let server = [macros.get("j").unwrap_or_default()];
    let refused =
        |path: &ForwardPath| final_domains.refusal(path, &server).map_or(Ok(()), |row| Err((row, Some(path.clone()))));
    refused(&path)?;
    let resolved = macros.get("rcpt_addr").and_then(|text| Mailbox::parse(text).ok());
    match (path.mailbox(), resolved) {
        (Some(named), Some(resolved)) if named.domain() != resolved.domain() => {
            let verbatim = format!("<{resolved}>{}", written.words);
            let path = ForwardPath::Mailbox(resolved);
            refused(&path)?;
            Ok(Recipient { path, parameters: written.parameters, verbatim })
        }
        _ => {
            let verbatim = written.verbatim(&path);
            Ok(Recipient { path, parameters: written.parameters, verbatim })
        }
    }
}

/// What an MTA wrote, taken apart.
struct Written {
    path: String,
    parameters: Parameters,
    /// The parameters as they came, each behind a space.
    words: String,
}

impl Written {
    fn new(mut arguments: Texts<'_>, otherwise: Row) -> Result<Written, Row> {
        let text = |octets: &[u8]| {
            let text = std::str::from_utf8(octets).map_err(|_| otherwise)?;
            if text.chars().any(char::is_control) { Err(otherwise) } else { Ok(text.to_owned()) }
        };
        let path = text(arguments.next().unwrap_or_default().trim_ascii())?;
        // Mail made on the machine may come without brackets.
        let path = if path.starts_with('<') { path } else { format!("<{path}>") };
        let mut words = String::new();
        for argument in arguments {
            words.push(' ');
            words.push_str(&text(argument)?);
        }
        let line = format!("TO:{path}{words}");
        match path_argument(&line, "TO") {
            Ok(argument) => Ok(Written { path: argument.path.to_owned(), parameters: argument.parameters, words }),
            // The MTA has taken the parameters: one we cannot read is not a reason to refuse.
            Err(SyntaxError::Syntax) => match path_argument(&format!("TO:{path}"), "TO") {
                Ok(bare) => {
                    Ok(Written { path: bare.path.to_owned(), parameters: Parameters::default(), words: String::new() })
                }
                Err(_) => Err(otherwise),
            },
            Err(SyntaxError::Path) => Err(otherwise),
        }
    }

    fn verbatim(&self, path: &impl std::fmt::Display) -> String {
        // As written where it is an address; what was completed goes on complete, without a source route.
        let path = if self.path.contains('@') || self.path.is_empty() { self.path.clone() } else { path.to_string() };
        format!("<{path}>{}", self.words)
    }
}

/// A local name with the host it stands on, as the MTA itself reads it.
fn qualified(written: &str, macros: &Macros, resolved: &str) -> Option<Mailbox> {
    if written.contains('@') {
        return None;
    }
    let parse = |text: &str| Mailbox::parse(text).ok();
    let from_mta = macros.get(resolved).and_then(parse);
    from_mta.or_else(|| macros.get("j").and_then(|host| parse(&format!("{written}@{host}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milter::command::{Command, read};

    fn arguments(data: &[u8]) -> Texts<'_> {
        match read(b'R', data) {
            Ok(Command::Recipient { arguments }) => arguments,
            other => panic!("{other:?}"),
        }
    }

    fn macros(pairs: &[u8]) -> Macros {
        let mut macros = Macros::default();
        let data = [b"C", pairs].concat();
        let Ok(Command::Macros { of, pairs }) = read(b'D', &data) else { panic!("macros") };
        macros.take(of, pairs);
        macros
    }

    fn read_recipient(data: &[u8], macros: &Macros) -> Result<Recipient, (Row, Option<ForwardPath>)> {
        let final_domains = FinalDomains::new(|mailbox| mailbox.domain().as_str() == "own.example");
        recipient(&mut arguments(data), macros, &final_domains)
    }

    /// Decision D30: a path that the MTA has resolved to another domain is judged as what it was resolved to.
    #[test]
    fn the_address_judged_is_the_one_the_mta_delivers_to() {
        let read = |path: &str, resolved: &str| {
            let macros = macros(format!("{{rcpt_addr}}\0{resolved}\0j\0mx.else.example\0").as_bytes());
            read_recipient(format!("<{path}>\0NOTIFY=NEVER\0").as_bytes(), &macros)
                .map(|read| (read.path.to_string(), read.verbatim))
                .map_err(|(row, named)| (row.code, named.map(|named| named.to_string())))
        };
        let is = |text: &str| Ok((text.to_owned(), format!("<{text}> NOTIFY=NEVER")));
        assert_eq!(read("me%webmail.example@else.example", "me@webmail.example"), is("me@webmail.example"));
        assert_eq!(read("\"me@webmail.example\"@else.example", "me@webmail.example"), is("me@webmail.example"));
        assert_eq!(read("webmail.example!me@else.example", "me@webmail.example."), is("me@webmail.example"));
        // The MTA's own name, and a road that leads on to the house: the refusal says whom it is about.
        let route = |named: &str| Err((553, Some(named.to_owned())));
        let own = "me%webmail.example@mx.else.example";
        assert_eq!(read(own, "me@webmail.example"), route(own));
        assert_eq!(read("\"a%b\"@else.example", "a%b@own.example"), route("a%b@own.example"));
        let own = "me%webmail.example@own.example";
        assert_eq!(read(own, "me@webmail.example"), route(own));
        // Case, the last dot and a local user's name are no other domain.
        assert_eq!(read("Me@else.example", "me@Else.example"), is("Me@else.example"));
        assert_eq!(read("a%b@else.example", "a%b@else.example."), is("a%b@else.example"));
        assert_eq!(read("me@else.example", "me"), is("me@else.example"));
    }

    #[test]
    fn addresses_come_in_many_clothes() {
        let local = macros(b"j\0mx.own.example\0");
        for (data, path, verbatim) in [
            (&b"<a@b.example>\0"[..], "a@b.example", "<a@b.example>"),
            (b"a@b.example\0", "a@b.example", "<a@b.example>"),
            (
                b"<a@b.example>\0NOTIFY=NEVER\0ORCPT=rfc822;x@y\0",
                "a@b.example",
                "<a@b.example> NOTIFY=NEVER ORCPT=rfc822;x@y",
            ),
            (b"<@hub.example:a@b.example>\0", "a@b.example", "<a@b.example>"),
            (b"<root>\0", "root@mx.own.example", "<root@mx.own.example>"),
            (b"<\"a b\"@b.example>\0", "\"a b\"@b.example", "<\"a b\"@b.example>"),
            (b"<postmaster>\0", "postmaster", "<postmaster>"),
            (b"<a@b.example>\0=odd\0", "a@b.example", "<a@b.example>"),
        ] {
            let read = read_recipient(data, &local).unwrap();
            assert_eq!((read.path.to_string().as_str(), read.verbatim.as_str()), (path, verbatim), "{data:?}");
        }
        let resolved = macros(b"{rcpt_addr}\0root@other.example\0j\0mx.example\0");
        assert_eq!(read_recipient(b"<root>\0", &resolved).unwrap().path.to_string(), "root@other.example");
        for odd in
            [&b"<>\0"[..], b"<root>\0", b"<a b@c.example>\0", b"<a@b\x01.example>\0", b"<\xff@b.example>\0", b"<a\0"]
        {
            assert!(read_recipient(odd, &macros(b"")).is_err(), "{odd:?}");
        }
        let (path, parameters, verbatim) = sender(arguments(b"<>\0SIZE=12\0"), &macros(b"")).unwrap();
        assert_eq!((path, verbatim.as_str()), (ReversePath::Null, "<> SIZE=12"));
        assert_eq!(parameters.get("SIZE"), Some("12"));
    }
}
