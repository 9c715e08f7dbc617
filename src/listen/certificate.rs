// SPDX-License-Identifier: EUPL-1.2
//! Reads the names in a client certificate. rustls has verified the certificate before.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Octets of a name; a longer one is neither a mailbox nor a host.
const MAX_NAME: usize = 255;

/// The name of the certificate's owner: its mailbox, else its host (RFC 5280 §4.2.1.6), else the common name of its
/// subject, else `unnamed`.
pub fn owner(certificate: &CertificateDer<'_>) -> String {
    name(certificate).filter(|name| name.len() <= MAX_NAME).unwrap_or_else(|| "unnamed".to_owned())
}

fn name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = || alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let mailbox = names().find_map(|name| match name {
        GeneralName::RFC822Name(mailbox) => Some(*mailbox),
        _ => None,
    });
    let host = names().find_map(|name| match name {
        GeneralName::DNSName(host) => Some(*host),
        _ => None,
    });
    let common = || certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let name = mailbox.or(host).or_else(common)?;
    (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn a_mailbox_goes_before_a_host_and_a_host_before_a_common_name() {
        let key = KeyPair::generate().unwrap();
        let mailbox = || SanType::Rfc822Name("claire@town.example".try_into().unwrap());
        let host = || SanType::DnsName("mta.town.example".try_into().unwrap());
        for (names, expected) in [
            (vec![host(), mailbox()], "claire@town.example"),
            (vec![host()], "mta.town.example"),
            (vec![], "Claire V."),
        ] {
            let mut params = CertificateParams::default();
            params.subject_alt_names = names;
            params.distinguished_name.push(DnType::CommonName, "Claire V.");
            assert_eq!(owner(params.self_signed(&key).unwrap().der()), expected);
        }
        assert_eq!(owner(&CertificateDer::from(&b"nonsense"[..])), "unnamed");
    }
}
