// SPDX-License-Identifier: EUPL-1.2
//! The keyed hash under which a mailbox is known.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::mail::Identity;

/// The secret without which a stored hash says nothing about an address.
#[derive(Clone)]
pub struct ListKey(Zeroizing<[u8; 32]>);

/// A mailbox as lists and campaigns know it: the first eight bytes of its keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member(pub u64);

impl ListKey {
    pub fn new(bytes: [u8; 32]) -> ListKey {
        ListKey(Zeroizing::new(bytes))
    }

    /// The member that this mailbox is, whichever way its address was written.
    pub fn member(&self, identity: &Identity) -> Member {
        let (local, domain) = (identity.local().as_bytes(), identity.domain().as_str().as_bytes());
        let length = local.len() + 1 + domain.len();
        let mut buffer = [0_u8; 512];
        let digest = match buffer.get_mut(..length) {
            Some(text) => {
                text[..local.len()].copy_from_slice(local);
                text[local.len()] = b'@';
                text[local.len() + 1..].copy_from_slice(domain);
                blake3::keyed_hash(&self.0, text)
            }
            None => blake3::keyed_hash(&self.0, &[local, b"@", domain].concat()),
        };
        first(digest.as_bytes())
    }

    /// A value that a row is known by, beside its address; as [`key_of`](super::rows::key_of) makes it.
    pub fn value(&self, value: &str) -> Member {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"key of a row\0").update(value.as_bytes());
        first(hasher.finalize().as_bytes())
    }

    /// Tells this key from others, and nothing about it.
    pub fn check(&self) -> String {
        let digest = blake3::keyed_hash(&self.0, b"octroi 2026 key of lists");
        digest.to_hex()[..16].to_owned()
    }
}

fn first(digest: &[u8; 32]) -> Member {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Member(u64::from_be_bytes(first))
}

// The key is shy, and a member is nobody's address: neither says more than it must in a log.
impl fmt::Debug for ListKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListKey(…)")
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({:016x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Mailbox;

    fn member(key: &ListKey, address: &str) -> Member {
        key.member(&Mailbox::parse(address).expect("a sample address").identity())
    }

    #[test]
    fn one_mailbox_is_one_member_and_another_key_knows_nothing_of_it() {
        let (key, other) = (ListKey::new([1; 32]), ListKey::new([2; 32]));
        let anne = member(&key, "anne@web.example");
        assert_eq!(anne, member(&key, "Anne+paie@WEB.example"));
        assert_ne!(anne, member(&key, "bob@web.example"));
        assert_ne!(anne, member(&other, "anne@web.example"));
        assert!(!format!("{key:?} {anne:?}").contains("anne"));
    }

    #[test]
    fn a_long_address_is_hashed_like_a_short_one() {
        let key = ListKey::new([1; 32]);
        let long = format!("{}@{}", "a".repeat(255), ["b".repeat(63).as_str(); 3].join("."));
        let text = long.as_bytes();
        let expected = blake3::keyed_hash(&[1; 32], text);
        assert_eq!(member(&key, &long).0.to_be_bytes(), expected.as_bytes()[..8]);
        // Capital eszett grows when it is made small; the hash does not mind.
        let growing = format!("{}@x.example", "İ".repeat(120));
        assert_ne!(member(&key, &growing), member(&key, "i@x.example"));
    }
}
