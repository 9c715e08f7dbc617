// SPDX-License-Identifier: EUPL-1.2
//! Opens encrypted Office packages with a known password (MS-OFFCRYPTO §2.3.4.10, agile encryption, which Office has
//! written since 2010). Older schemes stay closed.

use aws_lc_rs::cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;

use super::xml::{self, Node};

/// Rounds of hashing accepted; Office writes 100,000. Each password costs them once.
const ROUNDS: u32 = 1_000_000;

/// §2.3.4.15: the package is encrypted in segments of this many bytes, each with its own vector.
const SEGMENT: usize = 4096;

/// §2.3.4.13: block keys for the verifier's input, its hash, and the package's key.
const INPUT: [u8; 8] = [0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79];
const HASH: [u8; 8] = [0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e];
const KEY: [u8; 8] = [0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6];

/// The attributes of `keyData` or `encryptedKey`.
struct Scheme {
    values: Vec<(String, String)>,
    algorithm: &'static digest::Algorithm,
    salt: Vec<u8>,
    key_bytes: usize,
}

impl Scheme {
    fn new(values: Vec<(String, String)>) -> Option<Scheme> {
        let get = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if get("cipherAlgorithm")? != "AES" || get("cipherChaining")? != "ChainingModeCBC" {
            return None;
        }
        let algorithm = match get("hashAlgorithm")? {
            "SHA1" => &SHA1_FOR_LEGACY_USE_ONLY,
            "SHA256" => &SHA256,
            "SHA384" => &SHA384,
            "SHA512" => &SHA512,
            _ => return None,
        };
        let salt = decode(get("saltValue")?)?;
        let key_bytes = get("keyBits")?.parse::<usize>().ok()? / 8;
        Some(Scheme { algorithm, salt, key_bytes, values })
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.values.iter().find(|(known, _)| known == name).and_then(|(_, value)| decode(value))
    }

    fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = digest::Context::new(self.algorithm);
        parts.iter().for_each(|part| context.update(part));
        context.finish().as_ref().to_vec()
    }
}

/// The package, if `password` is right.
pub(super) fn open(information: &[u8], package: &[u8], password: &str) -> Option<Vec<u8>> {
    // §2.3.4.10: version 4.4, flags 0x40, then XML.
    if information.get(..4)? != [4, 0, 4, 0] {
        return None;
    }
    let (mut data, mut key) = (None, None);
    xml::walk(&xml::decode(information.get(8..)?), &mut |node| {
        if let Node::Start(element) = node {
            match element.name {
                "keyData" => data = Scheme::new(element.attributes().collect()),
                "encryptedKey" if key.is_none() => key = Scheme::new(element.attributes().collect()),
                _ => {}
            }
        }
    })
    .ok()?;
    let (data, key) = (data?, key?);
    let secret = unlock(&key, password)?;
    let size = u64::from_le_bytes(package.get(..8)?.try_into().ok()?) as usize;
    let mut plain = package.get(8..)?.to_vec();
    for (index, segment) in plain.chunks_mut(SEGMENT).enumerate() {
        let vector = data.hash(&[&data.salt, &(index as u32).to_le_bytes()]);
        decrypt(&secret, &vector, segment)?;
    }
    plain.truncate(size);
    Some(plain)
}

/// The package's key, if the password opens the verifier.
fn unlock(scheme: &Scheme, password: &str) -> Option<Vec<u8>> {
    let rounds = scheme.values.iter().find(|(name, _)| name == "spinCount")?.1.parse::<u32>().ok()?;
    if rounds > ROUNDS {
        return None;
    }
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut hash = scheme.hash(&[&scheme.salt, &wide]);
    for round in 0..rounds {
        hash = scheme.hash(&[&round.to_le_bytes(), &hash]);
    }
    let part = |block: &[u8], name: &str| {
        let mut key = scheme.hash(&[&hash, block]);
        key.resize(scheme.key_bytes, 0x36);
        let mut value = scheme.bytes(name)?;
        decrypt(&key, &scheme.salt, &mut value)?;
        Some(value)
    };
    let input = part(&INPUT, "encryptedVerifierHashInput")?;
    let expected = part(&HASH, "encryptedVerifierHashValue")?;
    let actual = scheme.hash(&[input.get(..scheme.salt.len())?]);
    if expected.get(..actual.len())? != actual {
        return None;
    }
    let mut secret = part(&KEY, "encryptedKeyValue")?;
    secret.truncate(scheme.key_bytes);
    Some(secret)
}

/// AES-CBC in place, without padding; a last part of a block stays as it is.
fn decrypt(key: &[u8], vector: &[u8], bytes: &mut [u8]) -> Option<()> {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let mut start = [0x36; 16];
    start.iter_mut().zip(vector).for_each(|(slot, byte)| *slot = *byte);
    let whole = bytes.len() / 16 * 16;
    key.decrypt(bytes.get_mut(..whole)?, DecryptionContext::Iv128(FixedLength::from(start))).ok()?;
    Some(())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
