// SPDX-License-Identifier: EUPL-1.2
//! Compares two versions of a message and lists the changes the MTA must make: header fields and body.

use std::collections::HashMap;

use memchr::memmem;

/// One change of the header. Values are as they go over the wire, folded lines ended by LF alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The field of this name and number (from 1) gets another value; an empty one deletes it.
    Change {
        index: u32,
        name: Vec<u8>,
        value: Vec<u8>,
    },
    Add {
        name: Vec<u8>,
        value: Vec<u8>,
    },
}

/// What differs between two contents. The body only where it is another.
pub struct Changes<'a> {
    pub header: Vec<Edit>,
    pub body: Option<&'a [u8]>,
}

/// The values of one name before and after.
type Sides<'a> = [Vec<&'a [u8]>; 2];

/// Compares what the MTA has with what it shall have. `leading_space`: whether the space behind a colon is part of a
/// value (`SMFIP_HDR_LEADSPC`).
pub fn changes<'a>(old: &[u8], new: &'a [u8], leading_space: bool) -> Changes<'a> {
    let (old_header, old_body) = halves(old);
    let (new_header, new_body) = halves(new);
    // By name in lower case, in the order in which names come first: a header may have as many names as fields.
    let mut named: HashMap<Vec<u8>, Sides<'_>> = HashMap::new();
    let mut order = Vec::new();
    for (side, header) in [fields(old_header), fields(new_header)].into_iter().enumerate() {
        for (name, value) in header {
            let sides = named.entry(name.to_ascii_lowercase()).or_insert_with(|| {
                order.push(name);
                Sides::default()
            });
            sides[side].push(value); // two sides, old and new
        }
    }
    let mut header = Vec::new();
    for name in order {
        if let Some([old, new]) = named.get(&name.to_ascii_lowercase()) {
            compare(name, old, new, leading_space, &mut header);
        }
    }
    Changes { header, body: (old_body != new_body).then_some(new_body) }
}

/// The fields of one name: those at the same place are changed, then the surplus is deleted from the last backwards, so
/// that the numbers of the others stay, or what is missing is added.
fn compare(name: &[u8], old: &[&[u8]], new: &[&[u8]], leading_space: bool, edits: &mut Vec<Edit>) {
    let name = name.to_vec();
    for (at, (before, after)) in old.iter().zip(new).enumerate() {
        if before != after {
            edits.push(Edit::Change { index: number(at), name: name.clone(), value: wire(after, leading_space) });
        }
    }
    for at in (new.len()..old.len()).rev() {
        edits.push(Edit::Change { index: number(at), name: name.clone(), value: Vec::new() });
    }
    for added in new.iter().skip(old.len()) {
        edits.push(Edit::Add { name: name.clone(), value: wire(added, leading_space) });
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

fn wire(value: &[u8], leading_space: bool) -> Vec<u8> {
    let value = if leading_space { value } else { value.strip_prefix(b" ").unwrap_or(value) };
    value.iter().copied().filter(|octet| *octet != b'\r').collect()
}

/// Header with the end of its last line, and body without the empty line between.
fn halves(content: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = content.strip_prefix(b"\r\n") {
        return (&[], body);
    }
    match memmem::find(content, b"\r\n\r\n") {
        Some(end) => (&content[..end + 2], &content[end + 4..]),
        None => (content, &[]),
    }
}

/// Names and values, each value with its folded lines and without the last line end.
fn fields(header: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut fields = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let ends = memmem::find_iter(rest, b"\r\n");
        let end = ends.map(|at| at + 2).find(|at| !matches!(rest.get(*at), Some(b' ' | b'\t'))).unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        let field = field.strip_suffix(b"\r\n").unwrap_or(field);
        if let Some(colon) = memchr::memchr(b':', field) {
            fields.push((&field[..colon], &field[colon + 1..]));
        }
        rest = after;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(index: u32, name: &str, value: &str) -> Edit {
        Edit::Change { index, name: name.into(), value: value.into() }
    }

    #[test]
    fn a_field_is_found_by_its_number_among_those_of_its_name() {
        let old = b"X: a\r\nTo: one\r\nx: b\r\nX: c\r\n\r\nbody\r\n";
        let new = b"X: a\r\nTo: one\r\nx: B\r\n two\r\n\r\nbody\r\n";
        let found = changes(old, new, true);
        assert_eq!(found.header, [change(2, "X", " B\n two"), change(3, "X", "")]);
        assert_eq!(found.body, None);
        let found = changes(new, old, false);
        let added = Edit::Add { name: b"X".to_vec(), value: b"c".to_vec() };
        assert_eq!(found.header, [change(2, "X", "b"), added]);
    }

    #[test]
    fn a_body_is_replaced_only_where_it_is_another() {
        let found = changes(b"A: b\r\n\r\none\r\n", b"A: b\r\n\r\ntwo\r\n", true);
        assert_eq!((found.header.len(), found.body), (0, Some(&b"two\r\n"[..])));
        for odd in [&b""[..], b"\r\n", b"A: b", b"no colon\r\n\r\n", b"A: b\r\n", b"\r\nbody"] {
            let found = changes(odd, odd, true);
            assert!(found.header.is_empty() && found.body.is_none(), "{odd:?}");
        }
    }
}
