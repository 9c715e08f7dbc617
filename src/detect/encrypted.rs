// SPDX-License-Identifier: EUPL-1.2
//! Detects containers that only the reader can open: archives and documents with a password, S/MIME, OpenPGP.

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::mime::cms::{self, Cms};
use crate::mime::{Body, Part};

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let mail = inspection.evidence;
    for (place, extract) in inspection.files() {
        if let Some(container) = &extract.encrypted {
            findings.push(Finding::new(FindingKind::Encrypted, place).value(container.as_str()));
        }
    }
    for (index, part) in mail.message.parts.iter().enumerate() {
        // RFC 3156 §4.
        if part.declared_type == "multipart/encrypted" {
            findings.push(Finding::new(FindingKind::Encrypted, "body").value("pgp"));
        }
        // Who opened it knows more.
        if mail.opened.iter().any(|opened| opened.part == index) {
            continue;
        }
        let place = || match &part.name {
            Some(name) => format!("attachment:{name}"),
            None => "body".to_owned(),
        };
        // RFC 8551 §3.2: the bytes tell what it is; the type and its smime-type are only claims.
        if matches!(&part.body, Body::Attachment(bytes) if cms::read(bytes) == Some(Cms::Encrypted)) {
            findings.push(Finding::new(FindingKind::Encrypted, place()).value("smime"));
        }
        let armoured = matches!(part.extension.as_str(), "pgp" | "gpg") && !is_signature_or_key(part);
        if armoured && part.declared_type != "application/pgp-encrypted" {
            findings.push(Finding::new(FindingKind::Encrypted, place()).value("pgp"));
        }
    }
    // Who opened it knows whether it is encrypted, or signed only.
    if mail.opened.iter().any(|opened| opened.extract.kind == "pgp") {
        return;
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
