// SPDX-License-Identifier: EUPL-1.2
//! The macros of the MTA: what it knows about the client, the sender and the mail. Only the macros that octroi uses
//! are kept.

use super::command::Texts;
use crate::mail::Tls;

/// The macros we use, without braces.
const KNOWN: [&str; 9] =
    ["i", "j", "v", "auth_authen", "tls_version", "verify", "cert_subject", "client_addr", "mail_addr"];
/// Per recipient, and kept no longer than that.
const OF_RECIPIENT: &str = "rcpt_addr";
/// Octets of one value at most. An address has 320, a distinguished name a few hundred.
const MAX_VALUE: usize = 1024;
/// The commands in the order they come; macros of one end with the next of the same or an earlier command.
const STAGES: &[u8] = b"CHMRTLNBE";

#[derive(Debug, Default)]
pub struct Macros(Vec<(usize, &'static str, String)>);

impl Macros {
    /// Takes the macros sent for one command.
    pub fn take(&mut self, of: u8, mut pairs: Texts<'_>) {
        let Some(stage) = stage(of) else { return };
        self.forget_from(stage);
        while let (Some(name), Some(value)) = (pairs.next(), pairs.next()) {
            let bare = name.strip_prefix(b"{").and_then(|n| n.strip_suffix(b"}")).unwrap_or(name);
            let known = KNOWN.iter().chain([&OF_RECIPIENT]).find(|known| known.as_bytes() == bare);
            let room = value.len() <= MAX_VALUE && self.0.len() < STAGES.len() * (KNOWN.len() + 1);
            if let (Some(name), true) = (known, room) {
                self.0.push((stage, name, String::from_utf8_lossy(value).into_owned()));
            }
        }
    }

    /// The value sent last; an empty one is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(_, known, _)| *known == name).map(|(_, _, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// A transaction is over: what was said of it is, too.
    pub fn end_transaction(&mut self) {
        self.forget_from(2); // MAIL, the first of a transaction
    }

    /// What was said of a recipient must not be taken for the next one's.
    pub fn end_recipient(&mut self) {
        self.0.retain(|(_, name, _)| *name != OF_RECIPIENT);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn forget_from(&mut self, stage: usize) {
        self.0.retain(|(at, _, _)| *at < stage);
    }

    /// How the connection to the MTA was protected, in the MTA's words.
    pub fn tls(&self) -> Option<Tls> {
        let version = self.get("tls_version")?.to_owned().into();
        let cipher = self.get("cipher").unwrap_or("unknown").to_owned().into();
        Some(Tls { version, cipher, verified: self.get("verify") == Some("OK") })
    }

    /// Who has proven to be the sender (decision D18): the login, else the mailbox in a certificate that the MTA
    /// has verified.
    pub fn login(&self) -> Option<String> {
        // Sendmail writes both in xtext (RFC 3461 §4), Postfix only the certificate's name.
        let is_postfix = self.get("v").is_some_and(|version| version.starts_with("Postfix"));
        if let Some(login) = self.get("auth_authen") {
            return Some(if is_postfix { login.to_owned() } else { unxtext(login) });
        }
        // Postfix names no certificate that it does not trust, and has no macro to say so.
        let is_verified = self.get("verify").map_or(is_postfix, |verdict| verdict == "OK");
        let subject = self.get("cert_subject").filter(|_| is_verified)?;
        mailbox_in(&unxtext(subject))
    }
}

fn stage(of: u8) -> Option<usize> {
    STAGES.iter().position(|stage| *stage == of)
}

/// The mailbox of a certificate: its common name as Postfix gives it, or inside a distinguished name.
fn mailbox_in(subject: &str) -> Option<String> {
    if !subject.contains('/') {
        return Some(subject).filter(|name| name.contains('@')).map(str::to_owned);
    }
    let field = |wanted: &str| {
        subject
            .split('/')
            .filter_map(|field| field.split_once('='))
            .find(|(name, value)| name.eq_ignore_ascii_case(wanted) && value.contains('@'))
    };
    field("emailAddress").or_else(|| field("CN")).map(|(_, value)| value.to_owned())
}

/// `+2B` is `+`. What is not xtext stays as it is.
fn unxtext(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|two| *first == b'+' && two.iter().all(u8::is_ascii_hexdigit));
        let octet = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        plain.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::command::{Command, read};
    use super::*;

    fn take(macros: &mut Macros, of: u8, pairs: &[(&str, &str)]) {
        let mut data = vec![of];
        for (name, value) in pairs {
            data.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        let Ok(Command::Macros { of, pairs }) = read(b'D', &data) else { panic!("macros") };
        macros.take(of, pairs);
    }

    #[test]
    fn who_sends_is_what_the_mta_has_proven() {
        let login = |connect: &[(&str, &str)], mail: &[(&str, &str)]| {
            let mut macros = Macros::default();
            take(&mut macros, b'C', connect);
            take(&mut macros, b'M', mail);
            macros.login()
        };
        let postfix = [("v", "Postfix 3.7.11")];
        let sendmail = [("v", "8.17.1.9/8.17.1.9/Debian")];
        let both = [("{auth_authen}", "claire+2Bx@own.example"), ("{cert_subject}", "other@own.example")];
        assert_eq!(login(&postfix, &both).as_deref(), Some("claire+2Bx@own.example"));
        assert_eq!(login(&sendmail, &both).as_deref(), Some("claire+x@own.example"));
        let named = [("{cert_subject}", "/C=FR/CN=app@own.example")];
        assert_eq!(login(&sendmail, &named), None, "nobody says it was verified");
        let failed = [named[0], ("{verify}", "FAIL")];
        assert_eq!(login(&sendmail, &failed), None);
        let verified = [named[0], ("{verify}", "OK")];
        assert_eq!(login(&sendmail, &verified).as_deref(), Some("app@own.example"));
        assert_eq!(login(&postfix, &[("{cert_subject}", "app@own.example")]).as_deref(), Some("app@own.example"));
        assert_eq!(login(&postfix, &[("{cert_subject}", "mx.own.example")]), None);
        assert_eq!(login(&postfix, &[("{auth_authen}", "")]), None);
    }

    #[test]
    fn a_macro_ends_with_its_transaction_and_a_stranger_is_not_kept() {
        let mut macros = Macros::default();
        take(&mut macros, b'C', &[("j", "mx.example"), ("{evil}", "x"), ("v", &"x".repeat(2000))]);
        take(&mut macros, b'M', &[("i", "A1"), ("{auth_authen}", "a")]);
        take(&mut macros, b'E', &[("i", "A2")]);
        assert_eq!((macros.get("i"), macros.get("j"), macros.get("v")), (Some("A2"), Some("mx.example"), None));
        macros.end_transaction();
        assert_eq!((macros.get("i"), macros.get("auth_authen"), macros.0.len()), (None, None, 1));
        for _ in 0..1000 {
            take(&mut macros, b'R', &[("i", "A"); 500]);
        }
        assert!(macros.0.len() < 200);
    }
}
