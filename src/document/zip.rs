// SPDX-License-Identifier: EUPL-1.2
//! Zip archives (PKWARE APPNOTE): opens every member; tries each known password on encrypted ones.

use std::io::{Cursor, Read};

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use super::opening::Opening;
use super::{DocumentError, Extract, iwa, unread};
use crate::mime::charset;

/// One member, read or not.
pub(super) struct Member {
    pub name: String,
    pub bytes: Vec<u8>,
    pub fault: Option<DocumentError>,
    pub encrypted: bool,
    /// As the archive claims.
    pub size: u64,
}

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    // Drawings, books, Apple's documents: packages of a program, which puts its own things beside the text.
    let contains = |name: &[u8]| memchr::memmem::find(opening.bytes, name).is_some();
    let is_package = contains(b"[Content_Types].xml") || contains(b"mimetype") || contains(b".iwa");
    let outcome = members(opening, &mut |member, opening| {
        if member.encrypted {
            opening.extract.encrypted = Some("zip".into());
        }
        match member.fault {
            Some(fault) if member.bytes.is_empty() => {
                opening.closed(&member.name, member.size, fault, Some("zip"));
                if fault == DocumentError::Encrypted {
                    opening.extract.fault = Some(fault);
                }
            }
            fault => {
                if iwa::is_iwa(&member.name, &member.bytes) {
                    let child = Extract { name: member.name.clone(), kind: "iwa".into(), ..Extract::default() };
                    opening.nested(child, |opening| iwa::read(&member.bytes, opening));
                } else if is_package && unread::is_machinery(&member.name) {
                    opening.piece(&member.name, &member.bytes);
                } else {
                    opening.child(&member.name, &member.bytes);
                }
                if let (Some(fault), Some(child)) = (fault, opening.extract.children.last_mut()) {
                    child.blame(fault);
                }
            }
        }
    });
    outcome?.iter().for_each(|what| opening.property("irregular", what));
    Ok(())
}

/// Whether an end-of-central-directory record (APPNOTE §4.3.16) stands near the end.
pub(super) fn ends_as_zip(bytes: &[u8]) -> bool {
    let tail = bytes.get(bytes.len().saturating_sub(22 + 65_535)..).unwrap_or(bytes);
    memchr::memmem::rfind(tail, b"PK\x05\x06").is_some() && memchr::memmem::find(bytes, b"PK\x01\x02").is_some()
}

/// Reads the members one by one. The result names oddities of the archive's form.
pub(super) fn members(
    opening: &mut Opening<'_>,
    each: &mut dyn FnMut(Member, &mut Opening<'_>),
) -> Result<Vec<&'static str>, DocumentError> {
    let bytes = opening.bytes;
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        return stream(opening, each);
    };
    let mut irregular = Vec::new();
    if archive.has_overlapping_files().unwrap_or(true) {
        irregular.push("overlapping members");
    }
    if archive.has_duplicate_names() {
        irregular.push("duplicate names");
    }
    let headers = memchr::memmem::find_iter(bytes, b"PK\x01\x02").count();
    if archive.len() > opening.budget.files as usize {
        irregular.push("too many members");
    }
    for index in 0..archive.len() {
        if opening.budget.files == 0 || opening.budget.bytes == 0 {
            return Err(DocumentError::Budget);
        }
        if let Some(member) = member(&mut archive, index, opening) {
            each(member, opening);
        }
    }
    // A directory that lists fewer members than it has entries hides some from us, not from every program.
    if headers > archive.len() && archive.has_duplicate_names() {
        irregular.push("unlisted members");
    }
    Ok(irregular)
}

fn member(archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize, opening: &mut Opening<'_>) -> Option<Member> {
    let known = archive.name_for_index(index).and_then(Result::ok).map(|name| name.into_owned());
    let (name, encrypted, size) = match archive.by_index_raw(index) {
        Ok(raw) if raw.is_dir() => return None,
        Ok(raw) => (member_name(raw.name_raw(), known.as_deref()), raw.encrypted(), raw.size()),
        Err(_) => {
            let name = known.unwrap_or_else(|| format!("member {index}"));
            return Some(Member {
                name,
                bytes: Vec::new(),
                fault: Some(DocumentError::Broken),
                encrypted: false,
                size: 0,
            });
        }
    };
    let mut member = Member { name, bytes: Vec::new(), fault: None, encrypted, size };
    if !encrypted {
        match archive.by_index(index) {
            Ok(mut file) => (member.bytes, member.fault) = opening.inflate(&mut file),
            Err(_) => member.fault = Some(DocumentError::Broken),
        }
        return Some(member);
    }
    member.fault = Some(DocumentError::Encrypted);
    for password in opening.passwords {
        match archive.by_index_decrypt(index, password.as_bytes()) {
            Ok(mut file) => {
                let (bytes, fault) = opening.inflate(&mut file);
                // ZipCrypto lets one wrong password in 256 through; the checksum then says so.
                if fault != Some(DocumentError::Broken) {
                    (member.bytes, member.fault) = (bytes, fault);
                    break;
                }
            }
            Err(ZipError::InvalidPassword) => {}
            Err(_) => member.fault = Some(DocumentError::Broken),
        }
    }
    Some(member)
}

/// Names without the UTF-8 flag are CP437 by the standard and windows-1252 or UTF-8 in real life.
fn member_name(raw: &[u8], decoded: Option<&str>) -> String {
    let name = match (std::str::from_utf8(raw), decoded) {
        (Ok(name), _) => name.to_owned(),
        (Err(_), Some(name)) => name.to_owned(),
        (Err(_), None) => charset::decode(raw, None),
    };
    // APPNOTE §4.4.17.1 wants `/`; some programs of Windows write their own.
    name.replace('\\', "/")
}

/// No usable directory: local headers, as far as they lead.
fn stream(
    opening: &mut Opening<'_>,
    each: &mut dyn FnMut(Member, &mut Opening<'_>),
) -> Result<Vec<&'static str>, DocumentError> {
    let mut rest = opening.bytes;
    while let Ok(Some(mut file)) = ::zip::read::read_zipfile_from_stream(&mut rest) {
        if opening.budget.files == 0 || opening.budget.bytes == 0 {
            return Err(DocumentError::Budget);
        }
        let name = member_name(file.name_raw(), file.name().ok().as_deref());
        let (size, encrypted) = (file.size(), file.encrypted());
        let (bytes, fault) = opening.inflate(&mut file as &mut dyn Read);
        drop(file);
        opening.budget.files -= 1;
        each(Member { name, bytes, fault, encrypted, size }, opening);
        if fault.is_some() {
            break;
        }
    }
    Err(DocumentError::Broken)
}
