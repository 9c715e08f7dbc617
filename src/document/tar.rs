// SPDX-License-Identifier: EUPL-1.2
//! Tar archives (POSIX.1 ustar and pax).

use std::io::Cursor;

use super::{Budget, DocumentError, Extract};

pub(super) fn read(
    bytes: &[u8],
    extract: &mut Extract,
    budget: &mut Budget,
    passwords: &[String],
) -> Result<(), DocumentError> {
    let mut archive = ::tar::Archive::new(Cursor::new(bytes));
    let entries = archive.entries().map_err(|_| DocumentError::Broken)?;
    for entry in entries {
        let mut entry = entry.map_err(|_| DocumentError::Broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if budget.files == 0 {
            return Err(DocumentError::Budget);
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (bytes, fault) = budget.inflate(&mut entry);
        extract.child(&name, &bytes, budget, passwords);
        if let Some(fault) = fault {
            return Err(fault);
        }
    }
    Ok(())
}
