// SPDX-License-Identifier: EUPL-1.2
//! How the journal seals what it keeps, and under which hashes it finds it again (decision D23).

use zeroize::Zeroizing;

use super::key::{self, KeyFile};
use crate::mail::address_key;

/// The keys of the journal, derived from the key-encryption key.
#[derive(Clone)]
pub(super) struct Keys {
    hash: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
}

impl Keys {
    pub fn derive(key: &KeyFile) -> Keys {
        Keys {
            hash: key.derive("octroi 2026 journal address hash"),
            seal: key.derive("octroi 2026 journal address seal"),
        }
    }

    /// 47 bits under which a name is found again.
    pub fn name(&self, name: &str) -> i64 {
        let [a, b, c, d, e, f] = self.bytes(name.as_bytes());
        (i64::from_be_bytes([0, 0, a, b, c, d, e, f])) >> 1
    }

    pub fn address(&self, address: &str) -> i64 {
        self.name(&address_key(address))
    }

    /// A number for a retry key, which few rows have.
    pub fn retry(&self, key: &[u8; 32]) -> i64 {
        i64::from_be_bytes(self.bytes(key)) >> 1
    }

    /// 16 bytes under which an address of a row of before is found again.
    pub fn hash(&self, address: &str) -> Vec<u8> {
        self.bytes::<16>(address_key(address).as_bytes()).to_vec()
    }

    fn bytes<const N: usize>(&self, name: &[u8]) -> [u8; N] {
        let mut hash = [0; N];
        blake3::Hasher::new_keyed(&self.hash).update(name).finalize_xof().fill(&mut hash);
        hash
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
