// SPDX-License-Identifier: EUPL-1.2
//! Sealing: zstd, then AES-256-GCM in chunks of 64 KiB after the STREAM construction (Hoang, Reyhanitabar, Rogaway,
//! Vizár 2015): the nonce holds a counter and whether the chunk is the last, so chunks cannot be cut, moved or dropped.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};

use super::key::DataKey;

const MAGIC: &[u8; 4] = b"OCT1";
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
/// zstd's fastest regular level: mail is mostly base64, which deeper levels hardly shrink further.
const LEVEL: i32 = 1;

/// Compresses and seals `plain` under the name `id`.
pub(super) fn seal(key: &DataKey, id: &str, plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let packed = zstd::bulk::compress(plain, LEVEL)?;
    let key = key.for_purpose(id);
    let chunks = packed.len().div_ceil(CHUNK).max(1);
    let mut sealed = Vec::with_capacity(MAGIC.len() + packed.len() + chunks * TAG);
    sealed.extend_from_slice(MAGIC);
    for counter in 0..chunks {
        let start = sealed.len();
        let chunk = packed.get(counter * CHUNK..packed.len().min((counter + 1) * CHUNK)).unwrap_or_default();
        sealed.extend_from_slice(chunk);
        let tag = key
            .seal_in_place_separate_tag(nonce(counter, counter + 1 == chunks), Aad::from(id), &mut sealed[start..])
            .map_err(|_| std::io::Error::other("sealing failed"))?;
        sealed.extend_from_slice(tag.as_ref());
    }
    Ok(sealed)
}

/// Opens what [`seal`] gave; `size` is the plain text's size, so that nothing unpacks beyond it.
/// `None` where a single bit differs, a chunk is missing, or the name is another.
pub(super) fn open(key: &DataKey, id: &str, mut sealed: Vec<u8>, size: usize) -> Option<Vec<u8>> {
    if !sealed.starts_with(MAGIC) {
        return None;
    }
    let key = key.for_purpose(id);
    let body = &mut sealed[MAGIC.len()..]; // the magic was just seen
    let chunks = body.len().div_ceil(CHUNK + TAG).max(1);
    let mut packed = Vec::with_capacity(body.len());
    for counter in 0..chunks {
        let end = body.len().min((counter + 1) * (CHUNK + TAG));
        let chunk = body.get_mut(counter * (CHUNK + TAG)..end)?;
        packed.extend_from_slice(open_chunk(&key, id, counter, counter + 1 == chunks, chunk)?);
    }
    let plain = zstd::bulk::decompress(&packed, size).ok()?;
    (plain.len() == size).then_some(plain)
}

fn open_chunk<'a>(
    key: &LessSafeKey,
    id: &str,
    counter: usize,
    last: bool,
    chunk: &'a mut [u8],
) -> Option<&'a mut [u8]> {
    key.open_in_place(nonce(counter, last), Aad::from(id), chunk).ok()
}

fn nonce(counter: usize, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&(counter as u64).to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that do not compress, so that several chunks arise.
    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn every_size_around_a_chunk_comes_back() {
        let key = DataKey::random();
        for size in [0, 1, CHUNK - 20, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
            let plain = noise(size);
            let sealed = seal(&key, "id", &plain).unwrap();
            assert_eq!(open(&key, "id", sealed, size).as_deref(), Some(&plain[..]), "{size}");
        }
    }

    #[test]
    fn no_chunk_can_be_changed_cut_moved_or_renamed() {
        let key = DataKey::random();
        let size = 3 * CHUNK;
        let sealed = seal(&key, "id", &noise(size)).unwrap();
        for at in [0, 4, 5, CHUNK, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, "id", changed, size).is_none(), "bit at {at}");
        }
        let cut = sealed[..MAGIC.len() + CHUNK + TAG].to_vec();
        assert!(open(&key, "id", cut, size).is_none());
        let mut moved = sealed.clone();
        let (one, two) = moved[MAGIC.len()..].split_at_mut(CHUNK + TAG);
        one.swap_with_slice(&mut two[..CHUNK + TAG]);
        assert!(open(&key, "id", moved, size).is_none());
        assert!(open(&key, "other", sealed.clone(), size).is_none());
        assert!(open(&DataKey::random(), "id", sealed.clone(), size).is_none());
        assert!(open(&key, "id", sealed, size - 1).is_none());
    }
}
