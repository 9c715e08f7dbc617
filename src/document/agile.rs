// SPDX-License-Identifier: EUPL-1.2
//! Office packages under a password: "agile" encryption (MS-OFFCRYPTO §2.3.4.10 to §2.3.4.15), the default since
//! Office 2010. Only passwords that the mail itself gives away are tried.

use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;

use super::property_set::le32;
use super::xml::{self, Node};

/// Rounds of the key derivation beyond which no program of ours waits; Office writes 100,000.
const MOST_ROUNDS: u32 = 200_000;
/// The package is encrypted in pieces of this length (§2.3.4.15).
const SEGMENT: usize = 4096;
/// What the derived keys are for (§2.3.4.13).
const VERIFIER_INPUT: [u8; 8] = [0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79];
const VERIFIER_VALUE: [u8; 8] = [0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e];
const KEY_VALUE: [u8; 8] = [0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6];

/// One of the two sets of parameters in the stream `EncryptionInfo`.
#[derive(Default)]
struct Parameters {
    rounds: u32,
    key_bytes: usize,
    hash: String,
    salt: Vec<u8>,
    verifier_input: Vec<u8>,
    verifier_value: Vec<u8>,
    key_value: Vec<u8>,
}

/// The package inside, where one of the passwords opens it.
pub(super) fn decrypt(info: &[u8], package: &[u8], passwords: &[String]) -> Option<Vec<u8>> {
    // Version 4.4, then reserved flags, then XML.
    let xml = (info.get(..4)? == [4, 0, 4, 0]).then(|| info.get(8..))??;
    let (data, password) = parameters(&String::from_utf8_lossy(xml));
    if password.rounds > MOST_ROUNDS || data.salt.is_empty() {
        return None;
    }
    let key = passwords.iter().find_map(|word| package_key(&password, word))?;
    let size = usize::try_from(u64::from(le32(package, 0)?) | u64::from(le32(package, 4)?) << 32).ok()?;
    let mut content = Vec::with_capacity(package.len());
    for (number, segment) in package.get(8..)?.chunks(SEGMENT).enumerate() {
        let number = u32::try_from(number).ok()?.to_le_bytes();
        let vector = digest(&data.hash, &[&data.salt, &number])?;
        content.extend(decrypt_blocks(&key, &vector, segment)?);
    }
    content.truncate(size);
    Some(content)
}

fn parameters(info: &str) -> (Parameters, Parameters) {
    let (mut data, mut password) = (Parameters::default(), Parameters::default());
    // A fault in the form leaves a set empty, which opens nothing.
    let _ = xml::walk(info, &mut |node| {
        let Node::Start(element) = node else { return };
        let into = match element.name {
            "keyData" => &mut data,
            "encryptedKey" => &mut password,
            _ => return,
        };
        for (name, value) in element.attributes() {
            let bytes = || STANDARD.decode(value.trim()).unwrap_or_default();
            match name.as_str() {
                "spinCount" => into.rounds = value.parse().unwrap_or(u32::MAX),
                "keyBits" => into.key_bytes = value.parse().unwrap_or(0usize) / 8,
                "hashAlgorithm" => into.hash.clone_from(&value),
                "saltValue" => into.salt = bytes(),
                "encryptedVerifierHashInput" => into.verifier_input = bytes(),
                "encryptedVerifierHashValue" => into.verifier_value = bytes(),
                "encryptedKeyValue" => into.key_value = bytes(),
                _ => {}
            }
        }
    });
    (data, password)
}

/// The key of the package, if the password is the right one.
fn package_key(of: &Parameters, password: &str) -> Option<Vec<u8>> {
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut hash = digest(&of.hash, &[&of.salt, &wide])?;
    for round in 0..of.rounds {
        hash = digest(&of.hash, &[&round.to_le_bytes(), &hash])?;
    }
    let open = |purpose: &[u8; 8], sealed: &[u8]| {
        let mut key = digest(&of.hash, &[&hash, purpose])?;
        key.resize(of.key_bytes, 0x36);
        decrypt_blocks(&key, &of.salt, sealed)
    };
    let input = open(&VERIFIER_INPUT, &of.verifier_input)?;
    let value = open(&VERIFIER_VALUE, &of.verifier_value)?;
    let expected = digest(&of.hash, &[input.get(..of.salt.len())?])?;
    let mut key = value.starts_with(&expected).then(|| open(&KEY_VALUE, &of.key_value))??;
    key.truncate(of.key_bytes);
    Some(key)
}

fn digest(name: &str, parts: &[&[u8]]) -> Option<Vec<u8>> {
    fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut digest = D::new();
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize().to_vec()
    }
    match name {
        "SHA512" => Some(of::<sha2::Sha512>(parts)),
        "SHA384" => Some(of::<sha2::Sha384>(parts)),
        "SHA256" => Some(of::<sha2::Sha256>(parts)),
        "SHA1" | "SHA-1" => Some(of::<sha1::Sha1>(parts)),
        _ => None,
    }
}

/// AES in CBC mode without padding; a last piece shorter than a block is left out.
fn decrypt_blocks(key: &[u8], vector: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    match key.len() {
        16 => cbc(&Aes128::new_from_slice(key).ok()?, vector, sealed),
        24 => cbc(&Aes192::new_from_slice(key).ok()?, vector, sealed),
        32 => cbc(&Aes256::new_from_slice(key).ok()?, vector, sealed),
        _ => None,
    }
}

fn cbc<C>(cipher: &C, vector: &[u8], sealed: &[u8]) -> Option<Vec<u8>>
where
    C: BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>,
{
    let mut before: [u8; 16] = vector.get(..16)?.try_into().ok()?;
    let mut open = Vec::with_capacity(sealed.len());
    for block in sealed.as_chunks::<16>().0 {
        let mut clear = Array::from(*block);
        cipher.decrypt_block(&mut clear);
        open.extend(clear.iter().zip(before).map(|(byte, before)| byte ^ before));
        before = *block;
    }
    Some(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_agile_package_opens_nothing() {
        let words = ["Abc123".to_owned()];
        assert_eq!(decrypt(b"", b"", &words), None);
        assert_eq!(decrypt(b"\x04\0\x04\0\x40\0\0\0<encryption", b"\x01", &words), None);
        let slow = b"\x04\0\x04\0\x40\0\0\0<e><keyData saltValue='AAAA'/><encryptedKey spinCount='4000000000'/></e>";
        assert_eq!(decrypt(slow, &[0; 64], &words), None);
    }

    /// FIPS 197 appendix C.1, with a zero vector.
    #[test]
    fn blocks_are_decrypted() {
        let key: Vec<u8> = (0..16).collect();
        let sealed = [0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a];
        let clear: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
        assert_eq!(decrypt_blocks(&key, &[0; 16], &sealed), Some(clear));
    }
}
