// SPDX-License-Identifier: EUPL-1.2
//! One registered export as it is kept: what is known of it, its members with their positions, and the keys of its rows.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Damaged, Member, Members};

/// What is known of an export beside its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub list: String,
    /// The export's label; none where it is the list as its owner keeps it.
    pub export: Option<String>,
    pub date: Date,
    /// For whom it was written out.
    #[serde(rename = "for")]
    pub for_whom: Option<String>,
    pub rows: u64,
    /// Names of the columns whose values stand in `keys`.
    pub keyed_by: Vec<String>,
    /// Canaries planted in it, with their positions.
    pub planted: Vec<(Member, u32)>,
    /// What the key tells of itself: members say nothing under another.
    pub key: String,
}

/// An export with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFile {
    pub about: About,
    pub members: Members,
    /// Values of the columns asked for, that stand in one row only, by their hashes.
    pub keys: Members,
}

const MAGIC: &[u8; 8] = b"octroiM1";

impl MemberFile {
    /// The stored form: magic, the description as JSON, members, keys, digest; numbers little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Plain data: serialising it cannot fail.
        let about = serde_json::to_vec(&self.about).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        for part in [about, self.members.to_bytes(), self.keys.to_bytes()] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&part);
        }
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    }

    /// # Errors
    /// Where the bytes are not what was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<MemberFile, Damaged> {
        let (body, digest) = bytes.split_last_chunk::<32>().ok_or(Damaged("too short"))?;
        let mut rest = body.strip_prefix(MAGIC).ok_or(Damaged("written by another version"))?;
        if blake3::hash(body).as_bytes() != digest {
            return Err(Damaged("its digest is another"));
        }
        let mut part = || {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let (part, after) = after.split_at_checked(length)?;
            rest = after;
            Some(part)
        };
        let (about, members, keys) = (part(), part(), part());
        let (Some(about), Some(members), Some(keys), true) = (about, members, keys, rest.is_empty()) else {
            return Err(Damaged("cut or longer than it says"));
        };
        Ok(MemberFile {
            about: serde_json::from_slice(about).map_err(|_| Damaged("nobody can read what it says of itself"))?,
            members: Members::from_bytes(members)?,
            keys: Members::from_bytes(keys)?,
        })
    }

    /// Of everything in it, for the version of policies.
    pub fn digest(&self) -> String {
        let bytes = self.to_bytes();
        hex(bytes.last_chunk::<32>().map_or(&[][..], |digest| digest))
    }

    /// Of the members without their order: the same people are the same list.
    pub fn members_digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (member, _) in self.members.iter() {
            hasher.update(&member.0.to_le_bytes());
        }
        hex(hasher.finalize().as_bytes())
    }

    /// Whether this member is a canary of this export.
    pub fn is_planted(&self, member: Member) -> bool {
        self.about.planted.iter().any(|(planted, _)| *planted == member)
    }
}

fn hex(bytes: &[u8]) -> String {
    // Sixteen digits tell lists apart.
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::Place;

    #[test]
    fn what_is_kept_reads_back_and_what_is_damaged_is_refused() {
        let place = |position| Place { position, own: false };
        let file = MemberFile {
            about: About {
                list: "agents".into(),
                export: Some("2026-11-30".into()),
                date: Date::constant(2026, 11, 30),
                for_whom: Some("paie".into()),
                rows: 3,
                keyed_by: vec!["NIR".into()],
                planted: vec![(Member(u64::MAX - 1), 2)],
                key: "00".into(),
            },
            members: Members::new(vec![(Member(1), place(1)), (Member(u64::MAX - 1), place(2))]),
            keys: Members::new(vec![(Member(9), place(1))]),
        };
        let bytes = file.to_bytes();
        assert_eq!(MemberFile::from_bytes(&bytes), Ok(file.clone()));
        assert!(file.is_planted(Member(u64::MAX - 1)) && !file.is_planted(Member(1)));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(MemberFile::from_bytes(&changed).is_err(), "byte {at}");
            assert!(MemberFile::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let moved = MemberFile {
            members: Members::new(vec![(Member(1), place(5)), (Member(u64::MAX - 1), place(2))]),
            ..file.clone()
        };
        assert_eq!(moved.members_digest(), file.members_digest());
        assert_ne!(moved.digest(), file.digest());
    }
}
