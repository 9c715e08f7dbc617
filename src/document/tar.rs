// SPDX-License-Identifier: EUPL-1.2
//! Tar archives (POSIX.1 ustar and pax).

use std::io::Cursor;

use super::DocumentError;
use super::opening::Opening;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut archive = ::tar::Archive::new(Cursor::new(opening.bytes));
    let entries = archive.entries().map_err(|_| DocumentError::Broken)?;
    for entry in entries {
        let mut entry = entry.map_err(|_| DocumentError::Broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        opening.room_for_a_file()?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (bytes, fault) = opening.inflate(&mut entry);
        opening.child(&name, &bytes);
        if let Some(fault) = fault {
            return Err(fault);
        }
    }
    Ok(())
}
