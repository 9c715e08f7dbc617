// SPDX-License-Identifier: EUPL-1.2
//! Reads the login name from an AUTH exchange that passes through (decision D7). It reads nothing but the name, and
//! octroi believes the name only after the next hop has answered 235.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// The name in the first line a client sends in an exchange of `mechanism` (upper case), be it the initial response or
/// the first answer to a challenge. `None` where the line names nobody.
pub fn name(mechanism: &str, line: &[u8]) -> Option<String> {
    let plain = Zeroizing::new(STANDARD.decode(line).ok()?);
    let name = match mechanism {
        // RFC 4616 §2: authorisation NUL authentication NUL password. Whose password it was is who logs in.
        "PLAIN" => plain.split(|octet| *octet == 0).nth(1)?,
        // draft-murchison-sasl-login §2.1: the name alone.
        "LOGIN" => &plain,
        // Google's XOAUTH2: `user=NAME` 01 `auth=Bearer …` 01 01.
        "XOAUTH2" => plain.split(|octet| *octet == 1).find_map(|field| field.strip_prefix(b"user="))?,
        // RFC 5802 §7: gs2-header, then `n=NAME`.
        _ if mechanism.starts_with("SCRAM-") => {
            plain.split(|octet| *octet == b',').skip(2).find_map(|field| field.strip_prefix(b"n="))?
        }
        _ => return None,
    };
    let name = std::str::from_utf8(name).ok()?;
    // RFC 5802 §5.1: `=2C` and `=3D` stand for a comma and an equals sign.
    let name = if mechanism.starts_with("SCRAM-") { name.replace("=2C", ",").replace("=3D", "=") } else { name.into() };
    let sound = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
    sound.then_some(name)
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
        assert_eq!(of("PLAIN", "office@town.example\0claire\0secret").as_deref(), Some("claire"));
        assert_eq!(of("LOGIN", "claire").as_deref(), Some("claire"));
        assert_eq!(of("XOAUTH2", "user=c@town.example\x01auth=Bearer t\x01\x01").as_deref(), Some("c@town.example"));
        assert_eq!(of("SCRAM-SHA-256", "n,,n=a=2Cb=3Dc,r=x").as_deref(), Some("a,b=c"));
        assert_eq!(of("SCRAM-SHA-1", "n,a=boss,n=claire,r=x").as_deref(), Some("claire"));
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
