// SPDX-License-Identifier: EUPL-1.2
//! The mailbox that an address means, without the changes that relays and lists make.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::providers;
use super::{Domain, Mailbox};

/// The mailbox behind an address. Two addresses with one identity are read by one person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    local: Box<str>,
    domain: Domain,
}

impl Mailbox {
    /// Whose mailbox this is: tags, BATV and VERP are undone, case and what the provider ignores are left out. The
    /// domain changes only where the provider says that both are one.
    pub fn identity(&self) -> Identity {
        let mut identity = Identity { local: lower(self.local()).into(), domain: self.domain().clone() };
        // Each step makes the address shorter or exchanges an alias for its domain, so this comes to an end.
        while let Some(next) = identity.undone() {
            identity = next;
        }
        identity
    }

    /// The sender's address that relays and lists have rewritten by BATV, SRS or VERP. Not for recipients: what is sent to
    /// an SRS address goes to the domain that made it, whomever it names.
    pub fn original(&self) -> Mailbox {
        let mut mailbox = self.clone();
        // Each step makes the local part shorter.
        while let Some(original) = rewritten(&mailbox) {
            mailbox = original;
        }
        mailbox
    }

    /// Who sends from this reverse-path.
    pub fn sender_identity(&self) -> Identity {
        self.original().identity()
    }
}

impl Identity {
    pub fn local(&self) -> &str {
        &self.local
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The identity with one thing undone; `None` where nothing is left to undo.
    fn undone(&self) -> Option<Identity> {
        if before_srs(&self.local).is_some() {
            return None;
        }
        let (provider, below) = providers::of(self.domain.as_str());
        let local = |local: &str| Some(Identity { local: local.into(), domain: self.domain.clone() });
        if let Some((name, domain)) = below {
            // The names of our own table are domains.
            return Some(Identity { local: name.into(), domain: Domain::parse(domain).ok()? });
        }
        if let Some(domain) = provider.alias_of {
            return Some(Identity { local: self.local.clone(), domain: Domain::parse(domain).ok()? });
        }
        if let Some(original) = before_batv(&self.local).or_else(|| before_verp(&self.local)) {
            return local(original);
        }
        if let Some(name) = before(&self.local, '+') {
            return local(name);
        }
        if let Some(separator) = provider.separator
            && let Some(base) = before(&self.local, separator)
            && base.len() + separator.len_utf8() < self.local.len()
        {
            // The separator stays: a base name is no account's name.
            return local(&self.local[..base.len() + separator.len_utf8()]);
        }
        let kept: String = self.local.chars().filter(|c| !provider.ignored.contains(c)).collect();
        if kept.is_empty() || kept.len() == self.local.len() { None } else { local(&kept) }
    }
}

/// `local@domain`, without quotes.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Small letters, each composed with its accents (RFC 6532 §3.1). Letter by letter: a final sigma is one like others.
fn lower(local: &str) -> String {
    local.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// What stands before a separator; a separator at the beginning is a part of the name.
fn before(local: &str, separator: char) -> Option<&str> {
    local.char_indices().skip(1).find(|(_, c)| *c == separator).map(|(at, _)| &local[..at])
}

/// The address before its last rewriting.
fn rewritten(mailbox: &Mailbox) -> Option<Mailbox> {
    let local = mailbox.local();
    if let Some((domain, local)) = before_srs(local) {
        return Some(Mailbox { local: local.into(), domain: Domain::parse(domain).ok()? });
    }
    let local = before_batv(local).or_else(|| before_verp(local))?;
    Some(Mailbox { local: local.into(), domain: mailbox.domain().clone() })
}

/// BATV: `prvs=TAG=local`, as Barracuda writes it `btv1==TAG==local`.
fn before_batv(local: &str) -> Option<&str> {
    let after = |word: &str| {
        let (head, rest) = local.split_at_checked(word.len())?;
        head.eq_ignore_ascii_case(word).then_some(rest)
    };
    let original = match after("prvs=") {
        Some(rest) => rest.split_once('=').map_or(rest, |(_, local)| local),
        None => after("btv1==")?.split_once("==")?.1,
    };
    (!original.is_empty()).then_some(original)
}

/// VERP: `list+reader=domain`, `list-bounces-reader=domain`, `list-return-17-reader=domain`.
fn before_verp(local: &str) -> Option<&str> {
    ["+", "-return-", "-bounces-", "-bounce-"].into_iter().find_map(|mark| {
        let (list, reader) = local.split_once(mark)?;
        (!list.is_empty() && reader.contains('=')).then_some(list)
    })
}

/// SRS: domain and local part of `SRS0=hash=time=domain=local`, or of `SRS1=hash=first.example==hash=time=domain=local` where
/// a second relay has rewritten what the first did. The first separator may also be `-` or `+`.
fn before_srs(local: &str) -> Option<(&str, &str)> {
    const SEPARATORS: [char; 3] = ['=', '-', '+'];
    let (word, rest) = local.split_at_checked(4)?;
    let rest = rest.strip_prefix(SEPARATORS)?;
    let rest = match word.to_ascii_lowercase().as_str() {
        "srs0" => rest,
        "srs1" => rest.splitn(3, '=').nth(2)?.strip_prefix(SEPARATORS)?,
        _ => return None,
    };
    let mut parts = rest.splitn(4, '=').skip(2);
    let (domain, local) = (parts.next()?, parts.next()?);
    (!local.is_empty()).then_some((domain, local))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(address: &str) -> String {
        Mailbox::parse(address).expect("a sample address").identity().to_string()
    }

    fn sender(address: &str) -> String {
        Mailbox::parse(address).expect("a sample address").sender_identity().to_string()
    }

    #[test]
    fn what_relays_and_lists_do_to_a_sender_is_undone() {
        for (written, meant) in [
            ("prvs=0123abcd=anne@town.example", "anne@town.example"),
            ("btv1==0123abcd==Anne@town.example", "anne@town.example"),
            ("SRS0=HHH=TT=town.example=anne@relay.example", "anne@town.example"),
            ("srs0+HHH=TT=town.example=anne@relay.example", "anne@town.example"),
            ("SRS1=HHH=first.example==GGG=TT=town.example=anne@second.example", "anne@town.example"),
            ("SRS0=HHH=TT=town.example=prvs=0123=anne@relay.example", "anne@town.example"),
            ("lettre+bob=web.example@town.example", "lettre@town.example"),
            ("lettre-return-17-bob=web.example@town.example", "lettre@town.example"),
            ("lettre-bounces-bob=web.example@town.example", "lettre@town.example"),
            ("Anne@Town.example", "anne@town.example"),
            ("anne+dossier@town.example", "anne@town.example"),
            ("srs0team@town.example", "srs0team@town.example"),
            ("SRS0=HHH=TT=no domain=anne@relay.example", "srs0=hhh=tt=no domain=anne@relay.example"),
        ] {
            let quoted =
                if written.contains(' ') { format!("\"{}", written.replace('@', "\"@")) } else { written.into() };
            assert_eq!(sender(&quoted), meant, "{written}");
        }
    }

    #[test]
    fn an_original_is_an_address_as_people_write_it() {
        let original = |address: &str| Mailbox::parse(address).expect("a sample address").original().to_string();
        assert_eq!(original("prvs=0123abcd=J.Dupont+x@gmail.com"), "J.Dupont+x@gmail.com");
        assert_eq!(original("PRVS=0123abcd=Anne@town.example"), "Anne@town.example");
    }

    #[test]
    fn a_recipient_is_who_reads_what_is_sent_there() {
        let forwarder = "SRS0=HHH=TT=partner.example=chief@elsewhere.example";
        assert_eq!(identity(forwarder), forwarder.to_lowercase(), "it goes to elsewhere.example");
        assert_eq!(identity("prvs=0123abcd=bob@web.example"), "bob@web.example");
    }

    #[test]
    fn each_provider_has_its_own_ways() {
        for (written, meant) in [
            ("J.Dupont+perso@gmail.com", "jdupont@gmail.com"),
            ("jdupont@googlemail.com", "jdupont@gmail.com"),
            ("j.dupont+x@outlook.fr", "j.dupont@outlook.fr"),
            ("j.dupont+x@hotmail.com", "j.dupont@hotmail.com"),
            ("J_Du-pont+x@proton.me", "jdupont@proton.me"),
            ("jdupont@pm.me", "jdupont@pm.me"),
            ("j.dupont+x@icloud.com", "j.dupont@icloud.com"),
            ("j.dupont@me.com", "j.dupont@icloud.com"),
            ("impots@jdupont.fastmail.com", "jdupont@fastmail.com"),
            ("jdupont+impots@fastmail.fm", "jdupont@fastmail.fm"),
            ("x@a.b.fastmail.com", "x@a.b.fastmail.com"),
            ("jd-impots@yahoo.fr", "jd-@yahoo.fr"),
            ("jd-banque@yahoo.fr", "jd-@yahoo.fr"),
            ("jd@yahoo.fr", "jd@yahoo.fr"),
            ("jean-luc.petit@orange.fr", "jean-luc.petit@orange.fr"),
            ("Préfet+x@Préfecture.example", "préfet@xn--prfecture-c4a.example"),
            ("pre\u{301}fet@town.example", "préfet@town.example"),
            ("+31@town.example", "+31@town.example"),
            ("...@gmail.com", "...@gmail.com"),
            ("jdupont@notgmail.com", "jdupont@notgmail.com"),
            ("j.dupont@gmail.com.example", "j.dupont@gmail.com.example"),
        ] {
            assert_eq!(identity(written), meant, "{written}");
        }
    }

    /// Local parts made of what is looked for, so that it meets in every order.
    fn local() -> impl Strategy<Value = String> {
        let pieces =
            ["a", "b.c", ".", "+", "-", "=", "prvs=", "btv1==", "==", "SRS0=", "srs1-", "-return-", "İ", "Σ", "é"];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..8).prop_map(|pieces| pieces.concat())
    }

    fn domain() -> impl Strategy<Value = &'static str> {
        let known = ["gmail.com", "googlemail.com", "me.com", "pm.me", "yahoo.fr", "x.fastmail.fm", "town.example"];
        prop::sample::select(known.to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_identity_is_its_own_identity(local in local(), domain in domain()) {
            let mailbox = Mailbox { local: local.into(), domain: Domain::parse(domain).expect("a sample domain") };
            for identity in [mailbox.identity(), mailbox.sender_identity()] {
                prop_assert!(!identity.local().is_empty());
                let again = Mailbox { local: identity.local.clone(), domain: identity.domain.clone() };
                prop_assert_eq!(again.identity(), identity);
            }
        }

        #[test]
        fn only_an_alias_changes_the_domain(local in local(), domain in domain()) {
            let mailbox = Mailbox { local: local.into(), domain: Domain::parse(domain).expect("a sample domain") };
            let expected = match domain {
                "googlemail.com" => "gmail.com",
                "me.com" => "icloud.com",
                "x.fastmail.fm" => "fastmail.fm",
                same => same,
            };
            let is_srs = before_srs(mailbox.local()).is_some();
            let identity = mailbox.identity();
            prop_assert_eq!(identity.domain().as_str(), if is_srs { domain } else { expected });
        }

        #[test]
        fn tags_and_case_tell_nobody_apart(name in "[a-z]{1,8}", tag in "[a-z0-9.+=-]{0,8}", domain in domain()) {
            let of = |local: String| Mailbox::parse(&format!("{local}@{domain}")).expect("atoms").identity();
            prop_assert_eq!(of(name.clone()), of(format!("{}+{tag}", name.to_uppercase())));
        }
    }
}
