// SPDX-License-Identifier: EUPL-1.2
//! 7z archives. Encryption may cover the contents, or the list of names too.

use std::io::Cursor;

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::opening::Opening;
use super::{Budget, DocumentError};

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let none = std::iter::once(None);
    for password in none.chain(opening.passwords.iter().map(Some)) {
        let before = opening.extract.children.len();
        let attempt = attempt(password.map(String::as_str), opening);
        match attempt {
            Ok(()) => {
                if password.is_some() {
                    opening.property("password-found", "7z");
                }
                return Ok(());
            }
            Err(DocumentError::Encrypted) => {
                opening.extract.encrypted = Some("7z".into());
                opening.extract.children.truncate(before);
            }
            Err(fault) => return Err(fault),
        }
    }
    names(opening);
    Err(DocumentError::Encrypted)
}

fn attempt(password: Option<&str>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let key = password.map_or_else(Password::empty, Password::new);
    let mut reader = ArchiveReader::new(Cursor::new(opening.bytes), key).map_err(|error| fault_of(&error, password))?;
    reader.set_thread_count(1);
    let mut stopped = None;
    let outcome = reader.for_each_entries(|entry, source| {
        if entry.is_directory() {
            return Ok(true);
        }
        if let Err(fault) = opening.room_for_a_file() {
            stopped = Some(fault);
            return Ok(false);
        }
        let (content, fault) = inflate(opening.budget, source)?;
        opening.child(entry.name(), &content);
        stopped = fault;
        Ok(fault.is_none())
    });
    match (outcome, stopped) {
        (_, Some(fault)) => Err(fault),
        (Err(error), None) => Err(fault_of(&error, password)),
        (Ok(()), None) => Ok(()),
    }
}

/// As [`Budget::inflate`], but keeps the library's error: it tells a wrong password from damage.
fn inflate(budget: &mut Budget, source: &mut dyn std::io::Read) -> Result<(Vec<u8>, Option<DocumentError>), Error> {
    struct Kept<'a>(&'a mut dyn std::io::Read, Option<std::io::Error>);
    impl std::io::Read for Kept<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer).or_else(|error| {
                self.1 = Some(error);
                Ok(0)
            })
        }
    }
    let mut kept = Kept(source, None);
    let (content, fault) = budget.inflate(&mut kept);
    match kept.1 {
        Some(error) => Err(error.into()),
        None => Ok((content, fault)),
    }
}

/// With a password any failure may be the password's; 7z stores no check of it.
fn fault_of(error: &Error, password: Option<&str>) -> DocumentError {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => DocumentError::Encrypted,
        Error::MaxMemLimited { .. } => DocumentError::Budget,
        Error::Io(cause, _) if is_password_trouble(cause) => DocumentError::Encrypted,
        _ if password.is_some() => DocumentError::Encrypted,
        _ => DocumentError::Broken,
    }
}

fn is_password_trouble(cause: &std::io::Error) -> bool {
    cause
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .is_some_and(|inner| matches!(inner, Error::PasswordRequired | Error::MaybeBadPassword(_)))
}

/// Where only the contents are encrypted, the names can still be told.
fn names(opening: &mut Opening<'_>) {
    let Ok(archive) = sevenz_rust2::Archive::read(&mut Cursor::new(opening.bytes), &Password::empty()) else {
        return;
    };
    for entry in archive.files.iter().filter(|entry| !entry.is_directory()).take(5_000) {
        opening.closed(entry.name(), entry.size(), DocumentError::Encrypted, Some("7z"));
    }
}
