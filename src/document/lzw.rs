// SPDX-License-Identifier: EUPL-1.2
//! Files of compress(1), `.Z`: LZW with codes of 9 to 16 bits, as POSIX still describes it.

/// What came out, and whether it was whole. `limit` bounds the bytes.
pub(super) fn unpack(bytes: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let whole = run(bytes, limit, &mut out).is_some();
    (out, whole)
}

fn run(bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    let flags = *bytes.get(2)?;
    let (most, blocks) = (u32::from(flags & 0x1F), flags & 0x80 != 0);
    if !(9..=16).contains(&most) {
        return None;
    }
    let data = bytes.get(3..)?;
    let first_free: usize = if blocks { 257 } else { 256 };
    // Each code: the code before its last octet, that octet.
    let mut table: Vec<(u16, u8)> = (0..256u16).map(|n| (0, n as u8)).collect();
    table.resize(first_free, (0, 0));
    let (mut width, mut at, mut group) = (9u32, 0usize, 0usize);
    let mut before: Option<(usize, u8)> = None;
    let mut run = Vec::new();
    while at + width as usize <= data.len() * 8 {
        let mut code = 0usize;
        for bit in 0..width as usize {
            let from = at + bit;
            code |= usize::from(data.get(from / 8)? >> (from % 8) & 1) << bit;
        }
        at += width as usize;
        group += 1;
        if blocks && code == 256 {
            // Codes come in groups of eight; a change of width leaves the rest of a group unused.
            at += (8 - group % 8) % 8 * width as usize;
            table.truncate(first_free);
            (width, group, before) = (9, 0, None);
            continue;
        }
        run.clear();
        let mut walk = code;
        if code == table.len() && before.is_some() {
            let (earlier, first) = before?;
            run.push(first);
            walk = earlier;
        } else if code >= table.len() {
            return None;
        }
        while walk >= 256 {
            let (prefix, last) = *table.get(walk)?;
            run.push(last);
            walk = usize::from(prefix);
        }
        let first = walk as u8;
        run.push(first);
        if out.len() + run.len() > limit {
            return None;
        }
        out.extend(run.iter().rev());
        if let Some((earlier, _)) = before
            && table.len() < 1 << most
        {
            table.push((earlier as u16, first));
        }
        before = Some((code, first));
        if table.len() >= 1 << width && width < most {
            at += (8 - group % 8) % 8 * width as usize;
            (width, group) = (width + 1, 0);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_undone() {
        // `printf 'SECRETSECRETSECRET' | compress`: nine bits a code.
        let codes: [usize; 10] = [83, 69, 67, 82, 69, 84, 257, 259, 261, 263];
        let mut bits = vec![0u8; 12];
        for (n, code) in codes.iter().enumerate() {
            for bit in 0..9 {
                bits[(n * 9 + bit) / 8] |= ((code >> bit & 1) << ((n * 9 + bit) % 8)) as u8;
            }
        }
        let file = [&[0x1F, 0x9D, 0x90][..], &bits].concat();
        let (out, whole) = unpack(&file, 1_000);
        assert!(whole && out.starts_with(b"SECRETSECRETSEC"), "{out:?}");
        assert_eq!(unpack(&file, 4).0.len(), 4);
    }
}
