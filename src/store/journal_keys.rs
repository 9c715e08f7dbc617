// SPDX-License-Identifier: EUPL-1.2
//! How the journal seals what it keeps, and under which hashes it finds it again (decision D23).

use zeroize::Zeroizing;

use super::key::{self, KeyFile};
use crate::mail::address_key;

type Key = Zeroizing<[u8; 32]>;

/// The keys of the journal, derived from the key-encryption key: one for each purpose, so that no number of one kind of
/// name is that of another.
#[derive(Clone)]
pub(super) struct Keys {
    name: Key,
    address: Key,
    retry: Key,
    seal: Key,
    /// Hashed everything before, what the audit says of addresses too. Rows of then are still found.
    before: Key,
}

/// The numbers under which something is found: those of rows of now, and those of rows of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub now: i64,
    pub before: i64,
}

impl Keys {
    pub fn derive(key: &KeyFile) -> Keys {
        Keys {
            name: key.derive("octroi 2026 journal name"),
            address: key.derive("octroi 2026 journal address"),
            retry: key.derive("octroi 2026 journal retry"),
            seal: key.derive("octroi 2026 journal address seal"),
            before: key.derive("octroi 2026 journal address hash"),
        }
    }

    /// 47 bits under which an id or a Message-ID is found again.
    pub fn name(&self, name: &str) -> i64 {
        of_47_bits(&self.name, name)
    }

    pub fn names(&self, name: &str) -> Numbers {
        Numbers { now: self.name(name), before: of_47_bits(&self.before, name) }
    }

    pub fn address(&self, address: &str) -> i64 {
        of_47_bits(&self.address, &address_key(address))
    }

    pub fn addresses(&self, address: &str) -> Numbers {
        Numbers { now: self.address(address), before: of_47_bits(&self.before, &address_key(address)) }
    }

    /// Numbers for a retry key, which few rows have.
    pub fn retries(&self, key: &[u8; 32]) -> Numbers {
        let number = |by: &Key| i64::from_be_bytes(bytes(by, key)) >> 1;
        Numbers { now: number(&self.retry), before: number(&self.before) }
    }

    /// 16 bytes under which an address of a row of before facts were kept, or of an entry of the audit of then, is found
    /// again.
    pub fn hash_before(&self, address: &str) -> [u8; 16] {
        bytes(&self.before, address_key(address).as_bytes())
    }

    /// Seals bytes for the row of this id.
    pub fn seal(&self, id: i64, plain: &[u8]) -> Vec<u8> {
        key::seal_with_random_nonce(&self.seal, &id.to_be_bytes(), plain)
    }

    pub fn open(&self, id: i64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        key::open_with_random_nonce(&self.seal, &id.to_be_bytes(), sealed)
    }

    /// Seals what was last said of the copy of this row. Its id may be its mail's, so it has the sign changed.
    pub fn seal_reply(&self, id: i64, reply: &str) -> Vec<u8> {
        self.seal(-id, reply.as_bytes())
    }

    pub fn open_reply(&self, id: i64, sealed: &[u8]) -> Option<String> {
        Some(std::str::from_utf8(&self.open(-id, sealed)?).ok()?.to_owned())
    }

    /// Seals what was judged later of the copy of this row.
    pub fn seal_later(&self, id: i64, plain: &[u8]) -> Vec<u8> {
        key::seal_with_random_nonce(&self.seal, &later(id), plain)
    }

    pub fn open_later(&self, id: i64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        key::open_with_random_nonce(&self.seal, &later(id), sealed)
    }

    /// As rows of before hold their addresses.
    #[cfg(test)]
    pub fn seal_addresses(&self, mail: &str, sender: &str, recipient: &str) -> Vec<u8> {
        key::seal_with_random_nonce(&self.seal, mail.as_bytes(), format!("{sender}\0{recipient}").as_bytes())
    }

    /// Sender and recipient of a row of before.
    pub fn open_addresses(&self, mail: &str, sealed: &[u8]) -> Option<(String, String)> {
        let plain = key::open_with_random_nonce(&self.seal, mail.as_bytes(), sealed)?;
        let (sender, recipient) = std::str::from_utf8(&plain).ok()?.split_once('\0')?;
        Some((sender.to_owned(), recipient.to_owned()))
    }
}

fn later(id: i64) -> Vec<u8> {
    [b"later ", &id.to_be_bytes()[..]].concat()
}

fn of_47_bits(key: &Key, name: &str) -> i64 {
    let [a, b, c, d, e, f] = bytes(key, name.as_bytes());
    (i64::from_be_bytes([0, 0, a, b, c, d, e, f])) >> 1
}

fn bytes<const N: usize>(key: &Key, name: &[u8]) -> [u8; N] {
    let mut hash = [0; N];
    blake3::Hasher::new_keyed(key).update(name).finalize_xof().fill(&mut hash);
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// An address, a Message-ID and a retry key that are the same bytes have nothing in common in the rows.
    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::derive(&KeyFile::create_or_load(&folder.path().join("key")).unwrap());
        let text = "abcdefgh@town.example.12345.678.";
        let bytes = text.as_bytes().try_into().unwrap();
        let (names, addresses, retries) = (keys.names(text), keys.addresses(text), keys.retries(bytes));
        let now = [names.now, addresses.now, (retries.now >> 16) & ((1 << 47) - 1)];
        assert_eq!(now.iter().collect::<HashSet<_>>().len(), now.len());
        let address = keys.names(&address_key(text));
        let before = ((retries.before >> 16) & ((1 << 47) - 1), addresses.before);
        assert_eq!(before, (names.before, address.before), "as rows of before have it");
        let all = [&keys.name, &keys.address, &keys.retry, &keys.seal, &keys.before].map(|key| **key);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
