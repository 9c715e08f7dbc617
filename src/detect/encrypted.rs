// SPDX-License-Identifier: EUPL-1.2
//! Detects containers that only the reader can open: archives and documents with a password, S/MIME, OpenPGP.

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::mime::{Body, Part};

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    for (place, extract) in inspection.files() {
        if let Some(container) = &extract.encrypted {
            findings.push(Finding::new(FindingKind::Encrypted, place).value(container.as_str()));
        }
    }
    for part in &inspection.evidence.message.parts {
        let content_type = part.headers.iter().find(|header| header.name.eq_ignore_ascii_case("Content-Type"));
        let parameters = content_type.map(|header| header.value.to_lowercase()).unwrap_or_default();
        let place = || match &part.name {
            Some(name) => format!("attachment:{name}"),
            None => "body".to_owned(),
        };
        // RFC 8551 §3.2.2: a pkcs7-mime part is signed, compressed or only certificates where its smime-type says so.
        let pkcs7 = matches!(part.declared_type.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime");
        let open = ["signed-data", "certs-only", "compressed-data"].iter().any(|kind| parameters.contains(kind));
        if pkcs7 && !open {
            findings.push(Finding::new(FindingKind::Encrypted, place()).value("smime"));
        }
        // RFC 3156 §4.
        if part.declared_type == "multipart/encrypted" {
            findings.push(Finding::new(FindingKind::Encrypted, "body").value("pgp"));
        }
        let armoured = matches!(part.extension.as_str(), "pgp" | "gpg") && !is_signature_or_key(part);
        if armoured && part.declared_type != "application/pgp-encrypted" {
            findings.push(Finding::new(FindingKind::Encrypted, place()).value("pgp"));
        }
    }
    // RFC 9580 §6.2.1: the armour of a message pasted in the text.
    for (_, text) in inspection.body_texts().filter(|(_, text)| text.original.contains("-----BEGIN PGP MESSAGE-----")) {
        findings.push(Finding::new(FindingKind::Encrypted, text.place.as_str()).value("pgp"));
    }
}

/// A detached signature or a public key hides nothing (RFC 9580 §6.2.1; RFC 3156 §5 and §7).
fn is_signature_or_key(part: &Part) -> bool {
    if matches!(part.declared_type.as_str(), "application/pgp-signature" | "application/pgp-keys") {
        return true;
    }
    let Body::Attachment(bytes) = &part.body else { return false };
    let armour = bytes.trim_ascii_start();
    [&b"-----BEGIN PGP SIGNATURE-----"[..], b"-----BEGIN PGP PUBLIC KEY BLOCK-----"]
        .iter()
        .any(|head| armour.starts_with(head))
}
