// SPDX-License-Identifier: EUPL-1.2
//! Opens Office packages of 2007 with a known password (MS-OFFCRYPTO §2.3.4.5 to §2.3.4.9, standard encryption).

use aws_lc_rs::cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::iv::FixedLength;

use super::property_set::{le16, le32};

/// §2.3.4.7: rounds of hashing.
const ROUNDS: u32 = 50_000;

/// The package, if `password` is right.
pub(super) fn open(information: &[u8], package: &[u8], password: &str) -> Option<Vec<u8>> {
    // §2.3.4.5: versions 2.2, 3.2 and 4.2.
    if !matches!((le16(information, 0)?, le16(information, 2)?), (2..=4, 2)) {
        return None;
    }
    let header_size = le32(information, 8)? as usize;
    let header = information.get(12..)?.get(..header_size)?;
    let key_bytes = le32(header, 16)? as usize / 8;
    let verifier = information.get(12 + header_size..)?;
    let (salt, input) = (verifier.get(4..20)?, verifier.get(20..36)?);
    let expected = verifier.get(40..72)?;
    let key = key(salt, password, key_bytes)?;
    let (mut input, mut expected) = (input.to_vec(), expected.to_vec());
    decrypt(&key, &mut input)?;
    decrypt(&key, &mut expected)?;
    let actual = digest(&SHA1_FOR_LEGACY_USE_ONLY, &input);
    if expected.get(..20)? != actual.as_ref() {
        return None;
    }
    let size = usize::try_from(u64::from_le_bytes(package.get(..8)?.try_into().ok()?)).ok()?;
    let mut plain = package.get(8..)?.to_vec();
    decrypt(&key, &mut plain)?;
    plain.truncate(size);
    Some(plain)
}

fn key(salt: &[u8], password: &str, length: usize) -> Option<Vec<u8>> {
    let sha1 = |parts: &[&[u8]]| digest(&SHA1_FOR_LEGACY_USE_ONLY, &parts.concat()).as_ref().to_vec();
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut hash = sha1(&[salt, &wide]);
    for round in 0..ROUNDS {
        hash = sha1(&[&round.to_le_bytes(), &hash]);
    }
    let hash = sha1(&[&hash, &0u32.to_le_bytes()]);
    let padded = |fill: u8| {
        let mut block = [fill; 64];
        block.iter_mut().zip(&hash).for_each(|(slot, byte)| *slot ^= byte);
        sha1(&[&block])
    };
    let mut key = padded(0x36);
    key.extend(padded(0x5C));
    matches!(length, 16 | 32).then(|| key.get(..length).map(<[u8]>::to_vec)).flatten()
}

/// AES in ECB: CBC without a vector, its chaining taken out again.
fn decrypt(key: &[u8], bytes: &mut [u8]) -> Option<()> {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let whole = bytes.len() / 16 * 16;
    let bytes = bytes.get_mut(..whole)?;
    let before = bytes.to_vec();
    key.decrypt(bytes, DecryptionContext::Iv128(FixedLength::from([0; 16]))).ok()?;
    bytes.iter_mut().skip(16).zip(before).for_each(|(byte, chained)| *byte ^= chained);
    Some(())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};

    use super::*;

    fn encrypt(key: &[u8], plain: &[u8]) -> Vec<u8> {
        let block = |block: &[u8]| {
            let mut bytes = block.to_vec();
            let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, key).expect("key")).expect("cbc");
            let zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
            key.less_safe_encrypt(&mut bytes, zero).expect("encrypt");
            bytes
        };
        plain.chunks(16).flat_map(block).collect()
    }

    #[test]
    fn the_right_password_opens_and_a_wrong_one_does_not() {
        let (salt, verifier) = ([7u8; 16], [9u8; 16]);
        let key = key(&salt, "VelvetSweatshop", 16).expect("key");
        let mut hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &verifier).as_ref().to_vec();
        hash.resize(32, 0);
        let mut header = vec![0u8; 32];
        header[16..20].copy_from_slice(&128u32.to_le_bytes());
        let mut information = vec![3, 0, 2, 0, 0x24, 0, 0, 0];
        information.extend((header.len() as u32).to_le_bytes());
        information.extend(&header);
        information.extend(16u32.to_le_bytes());
        information.extend(salt);
        information.extend(encrypt(&key, &verifier));
        information.extend(20u32.to_le_bytes());
        information.extend(encrypt(&key, &hash));
        let plain = [b'x'; 40];
        let mut padded = plain.to_vec();
        padded.resize(48, 0);
        let package = [40u64.to_le_bytes().to_vec(), encrypt(&key, &padded)].concat();
        assert_eq!(open(&information, &package, "VelvetSweatshop").as_deref(), Some(&plain[..]));
        assert_eq!(open(&information, &package, "other"), None);
    }
}
