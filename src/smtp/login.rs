// SPDX-License-Identifier: EUPL-1.2
//! Reads the login name from an AUTH exchange that passes through (decision D7). It reads nothing but the name, and
//! octroi believes the name only after the next hop has answered 235.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Octets of one line of an exchange (RFC 4954 §4).
pub const MAX_LINE: usize = 12_288;

/// A line that holds a credential: wiped when it is dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(octets: &[u8]) -> Secret {
        Secret(Zeroizing::new(octets.to_vec()))
    }

    /// For the next hop, and nobody else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The mechanisms we pass (decision D7): those whose exchange names the login and is bound to no channel, since there
/// are two TLS connections and not one (RFC 5929 §1).
pub fn passes(mechanism: &str) -> bool {
    let is_scram = mechanism.starts_with("SCRAM-") && !mechanism.ends_with("-PLUS");
    is_scram || ["PLAIN", "LOGIN", "XOAUTH2"].contains(&mechanism)
}

/// Of what a next hop offers after AUTH, what we offer on.
pub fn passing(offered: &str) -> String {
    offered.split(' ').filter(|mechanism| passes(mechanism)).collect::<Vec<_>>().join(" ")
}

/// Lines a client sends in an exchange that ends in 235, the one that names it among them. A next hop that wants more has
/// perhaps read the name from another line than we did.
pub fn lines(mechanism: &str) -> usize {
    match mechanism {
        "PLAIN" | "XOAUTH2" => 1,
        _ => 2,
    }
}

/// The name in the first line a client sends in an exchange of `mechanism` (upper case), be it the initial response or
/// the first answer to a challenge. `None` where the line names nobody, or where the one who verifies it may read another
/// name than we do: such a line must not go on.
pub fn name(mechanism: &str, line: &[u8]) -> Option<String> {
    // Strict: padded, no octet outside the alphabet, no bits left over (RFC 4954 §4, RFC 4648 §3).
    let plain = Zeroizing::new(STANDARD.decode(line).ok()?);
    let name = match mechanism {
        "PLAIN" => in_plain(&plain)?.to_owned(),
        // draft-murchison-sasl-login §2.1: the name alone.
        "LOGIN" => std::str::from_utf8(&plain).ok()?.to_owned(),
        "XOAUTH2" => in_xoauth2(&plain)?.to_owned(),
        _ if mechanism.starts_with("SCRAM-") => in_scram(&plain)?,
        _ => return None,
    };
    is_plain(&name).then_some(name)
}

/// RFC 4616 §2: authorisation NUL authentication NUL password, and no NUL more. Who asks to act for somebody else is one
/// of two to different servers.
fn in_plain(octets: &[u8]) -> Option<&str> {
    let mut fields = octets.split(|octet| *octet == 0);
    let (acts_as, name, _password) = (fields.next()?, fields.next()?, fields.next()?);
    let is_one = fields.next().is_none() && (acts_as.is_empty() || acts_as == name);
    std::str::from_utf8(name).ok().filter(|_| is_one)
}

/// Google's XOAUTH2: `user=NAME` 01 `auth=Bearer …` 01 01, exactly.
fn in_xoauth2(octets: &[u8]) -> Option<&str> {
    let mut fields = octets.split(|octet| *octet == 1);
    let name = fields.next()?.strip_prefix(b"user=")?;
    fields.next()?.strip_prefix(b"auth=")?;
    let ends = fields.next().is_some_and(<[u8]>::is_empty) && fields.next().is_some_and(<[u8]>::is_empty);
    std::str::from_utf8(name).ok().filter(|_| ends && fields.next().is_none())
}

/// RFC 5802 §7: the gs2-header (no channel is bound, nobody else is acted for), then `n=NAME,r=…`. `=2C` and `=3D` stand
/// for a comma and an equals sign (§5.1).
fn in_scram(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    let mut fields = text.split(',');
    let (flag, acts_as, name, nonce) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let name = name.strip_prefix("n=")?;
    let acts_as_nobody = acts_as.is_empty() || acts_as.strip_prefix("a=") == Some(name);
    let names_again = fields.any(|field| field.starts_with("n=") || field.starts_with("m="));
    if !matches!(flag, "n" | "y") || !acts_as_nobody || !nonce.starts_with("r=") || names_again {
        return None;
    }
    let mut pieces = name.split('=');
    let mut plain = pieces.next()?.to_owned();
    for piece in pieces {
        plain.push(match piece.get(..2)? {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        plain.push_str(&piece[2..]);
    }
    Some(plain)
}

/// Whether every server reads the same name: no blanks, quotes or control characters, nothing that the preparation of
/// RFC 4013 changes or that divides two names (Dovecot's `auth_master_user_separator` is `*`).
pub(super) fn is_plain(name: &str) -> bool {
    let sound = |c: char| c.is_alphanumeric() || "@.-_+=#$&'/^`{|}~!?,\\".contains(c);
    !name.is_empty()
        && name.len() <= 255
        && name.matches('@').count() <= 1
        && name.chars().all(sound)
        && (name.is_ascii() || name.nfkc().eq(name.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mechanism: &str, plain: &str) -> Option<String> {
        name(mechanism, STANDARD.encode(plain).as_bytes())
    }

    #[test]
    fn each_mechanism_names_its_login() {
        assert_eq!(of("PLAIN", "\0claire@town.example\0secret").as_deref(), Some("claire@town.example"));
        assert_eq!(of("PLAIN", "claire\0claire\0secret").as_deref(), Some("claire"));
        assert_eq!(of("LOGIN", "hélène@town.example").as_deref(), Some("hélène@town.example"));
        assert_eq!(of("LOGIN", "claire").as_deref(), Some("claire"));
        assert_eq!(of("XOAUTH2", "user=c@town.example\x01auth=Bearer t\x01\x01").as_deref(), Some("c@town.example"));
        assert_eq!(of("SCRAM-SHA-256", "n,,n=a=2Cb=3Dc,r=x").as_deref(), Some("a,b=c"));
        assert_eq!(of("SCRAM-SHA-1", "y,a=claire,n=claire,r=x").as_deref(), Some("claire"));
    }

    /// What one server reads as one name and another as another.
    #[test]
    fn a_name_that_two_readers_could_read_as_two_is_none() {
        for (mechanism, plain) in [
            ("PLAIN", "boss\0anna\0secret"),
            ("PLAIN", "\0boss\0anna\0secret"),
            ("PLAIN", "\0anna"),
            ("LOGIN", ""),
            ("LOGIN", " boss"),
            ("LOGIN", "boss "),
            ("LOGIN", "boss\0anna"),
            ("LOGIN", "boss*anna@own.example"),
            ("LOGIN", "boss@own.example@anna.example"),
            ("LOGIN", "\"boss\"@own.example"),
            ("LOGIN", "bo\u{ad}ss@own.example"),
            ("LOGIN", "\u{ff42}oss@own.example"),
            ("LOGIN", "bo\u{200b}ss@own.example"),
            ("XOAUTH2", "user=boss@own.example\x01user=anna@own.example\x01auth=Bearer t\x01\x01"),
            ("XOAUTH2", "user=boss@own.example\x01auth=Bearer t\x01user=anna@own.example\x01\x01"),
            ("XOAUTH2", "user=boss@own.example\x01auth=Bearer t\x01\x01user=anna@own.example"),
            ("XOAUTH2", "auth=Bearer t\x01user=boss@own.example\x01\x01"),
            ("XOAUTH2", "user=boss@own.example\x01auth=Bearer t\x01"),
            ("XOAUTH2", "user=boss@own.example\x01host=x\x01auth=Bearer t\x01\x01"),
            ("SCRAM-SHA-1", "n,a=boss,n=anna,r=x"),
            ("SCRAM-SHA-1", "n,,n=boss,n=anna,r=x"),
            ("SCRAM-SHA-1", "n,,n=boss,r=x,n=anna"),
            ("SCRAM-SHA-1", "n,,m=x,n=boss,r=x"),
            ("SCRAM-SHA-1", "n,,n=boss=2canna,r=x"),
            ("SCRAM-SHA-1", "n,,n=boss=,r=x"),
            ("SCRAM-SHA-1", "p=tls-unique,,n=boss,r=x"),
            ("SCRAM-SHA-1", "n,x,n=boss,r=x"),
        ] {
            assert_eq!(of(mechanism, plain), None, "{mechanism} {plain:?}");
        }
        for line in ["=", "Ym9zcw", "Ym9zcw=", "Ym9zcx==", "Ym9z cw==", "Ym9zcw==\n", "Ym9zcw==Ym9zcw==", "_-8="] {
            assert_eq!(name("LOGIN", line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn nonsense_names_nobody() {
        for (mechanism, plain) in [
            ("PLAIN", "claire"),
            ("PLAIN", "\0\0secret"),
            ("LOGIN", "a\r\nb"),
            ("XOAUTH2", "auth=x"),
            ("SCRAM-SHA-1", "n,,r=x"),
            ("GSSAPI", "claire"),
        ] {
            assert_eq!(of(mechanism, plain), None, "{mechanism} {plain:?}");
        }
        assert_eq!(name("LOGIN", b"not base64!"), None);
        assert_eq!(name("LOGIN", STANDARD.encode([0xff, 0xfe]).as_bytes()), None);
        assert_eq!(of("LOGIN", &"x".repeat(256)), None);
    }

    #[test]
    fn only_what_can_pass_is_offered_on() {
        let offered = "PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 GSSAPI NTLM EXTERNAL XOAUTH2 CRAM-MD5";
        assert_eq!(passing(offered), "PLAIN LOGIN SCRAM-SHA-256 XOAUTH2");
        assert_eq!(passing(""), "");
        assert_eq!(format!("{:?}", Secret::new(b"AUTH PLAIN AGE=")), "Secret(…)");
    }
}
