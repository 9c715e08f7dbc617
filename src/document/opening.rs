// SPDX-License-Identifier: EUPL-1.2
//! One file while it is read: its bytes, what was found in it, and what reading may still cost. Every reader takes one.

use std::io::Read;

use super::{Budget, DocumentError, Extract, open};

/// A file that a reader has in hand.
pub(super) struct Opening<'a> {
    /// Its type by content, as a short name.
    pub kind: &'static str,
    pub bytes: &'a [u8],
    /// What was read so far; the file's name stands here too.
    pub extract: &'a mut Extract,
    pub budget: &'a mut Budget,
    /// Tried, in order, on what is encrypted.
    pub passwords: &'a [String],
}

impl<'a> Opening<'a> {
    /// Adds text at a place, within the budget; blank text is left out.
    pub fn say(&mut self, place: &str, text: String) -> Result<(), DocumentError> {
        self.extract.say(place, text, self.budget)
    }

    /// Adds a property.
    pub fn property(&mut self, name: impl Into<String>, value: &str) {
        self.extract.property(name, value);
    }

    /// Reads a stream to its end or to the end of the budget. What came before a fault is returned with it.
    pub fn inflate(&mut self, source: &mut dyn Read) -> (Vec<u8>, Option<DocumentError>) {
        self.budget.inflate(source)
    }

    /// Whether one more file may be opened: a container stops here rather than list what nobody reads.
    pub fn room_for_a_file(&self) -> Result<(), DocumentError> {
        if self.budget.files == 0 { Err(DocumentError::Budget) } else { Ok(()) }
    }

    /// Opens a file found inside whose bytes are paid for. The child keeps its own faults.
    pub fn child(&mut self, name: &str, bytes: &[u8]) {
        let child = open(name, bytes, self.budget, self.passwords);
        self.extract.children.push(child);
    }

    /// Opens a part of a package that programs put there. What nobody can read of it is no fault of the file's.
    pub fn piece(&mut self, name: &str, bytes: &[u8]) {
        self.child(name, bytes);
        if let Some(child) = self.extract.children.last_mut()
            && matches!(child.fault, Some(DocumentError::Unread | DocumentError::Opaque))
        {
            child.fault = None;
        }
    }

    /// Pays for a file found inside, then opens it.
    pub fn paid_child(&mut self, name: &str, bytes: &[u8]) -> Result<(), DocumentError> {
        self.budget.spend(bytes.len())?;
        self.child(name, bytes);
        Ok(())
    }

    /// Reads a part of this file as a file inside it, `child`, which keeps its own faults.
    pub fn nested(&mut self, mut child: Extract, read: impl FnOnce(&mut Opening<'_>) -> Result<(), DocumentError>) {
        let mut inner = Opening { extract: &mut child, budget: self.budget, ..*self };
        inner.deeper(read);
        self.extract.children.push(child);
    }

    /// Reads one level deeper, where the budget allows it. A fault becomes the file's, unless it has one already.
    pub fn deeper(&mut self, read: impl FnOnce(&mut Opening<'a>) -> Result<(), DocumentError>) {
        let outcome = self.budget.enter().and_then(|()| {
            let outcome = read(self);
            self.budget.leave();
            outcome
        });
        self.fail(outcome);
    }

    /// Keeps the first fault of this file, or a heavier one.
    pub fn fail(&mut self, outcome: Result<(), DocumentError>) {
        if let Err(fault) = outcome {
            self.extract.blame(fault);
        }
    }

    /// The same file read in another way, or as other bytes.
    pub fn again<'b>(&'b mut self, kind: &'static str, bytes: &'b [u8]) -> Opening<'b> {
        Opening { kind, bytes, extract: self.extract, budget: self.budget, passwords: self.passwords }
    }

    /// Notes a file inside that cannot be read.
    pub fn closed(&mut self, name: &str, size: u64, fault: DocumentError, container: Option<&str>) {
        self.extract.children.push(Extract {
            name: name.to_owned(),
            size,
            fault: Some(fault),
            encrypted: container.filter(|_| fault == DocumentError::Encrypted).map(str::to_owned),
            ..Extract::default()
        });
    }
}

/// Reads bytes with one reader, for tests of that reader alone.
#[cfg(test)]
pub(super) fn read_alone(
    kind: &'static str,
    bytes: &[u8],
    read: impl FnOnce(&mut Opening<'_>) -> Result<(), DocumentError>,
) -> (Extract, Result<(), DocumentError>) {
    let mut extract = Extract::default();
    let mut budget = Budget::default();
    let outcome = read(&mut Opening { kind, bytes, extract: &mut extract, budget: &mut budget, passwords: &[] });
    (extract, outcome)
}
