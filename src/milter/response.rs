// SPDX-License-Identifier: EUPL-1.2
//! Responses to an MTA, each as its packet.

use super::edit::Edit;
use super::packet::write;
use crate::mail::Reply;

/// Octets of a body sent in one packet (`MILTER_CHUNK_SIZE`).
const CHUNK: usize = 65_535;

/// Go on; after the end of a message: take it.
pub fn go_on(out: &mut Vec<u8>) {
    write(out, b'c', |_| {});
}

/// Tell the client 2xx and drop the mail: every copy is in our hands.
pub fn discard(out: &mut Vec<u8>) {
    write(out, b'd', |_| {});
}

/// A sign of progress: the MTA's timeout starts again (decision D4).
pub fn progress(out: &mut Vec<u8>) {
    write(out, b'p', |_| {});
}

/// A copy that does not go on; `recipient` as the MTA wrote it.
pub fn delete_recipient(out: &mut Vec<u8>, recipient: &[u8]) {
    write(out, b'-', |data| text(data, recipient));
}

/// Refuses with our own words. What is not a 4xx or 5xx becomes the MTA's own 4xx: never a pass.
pub fn refuse(out: &mut Vec<u8>, reply: &Reply) {
    if !(reply.is_transient() || reply.is_permanent()) || reply.lines.is_empty() {
        return write(out, b't', |_| {});
    }
    write(out, b'y', |data| {
        let mut lines = Vec::new();
        reply.write(&mut lines);
        for octet in lines.strip_suffix(b"\r\n").unwrap_or(&lines) {
            match octet {
                0 => continue,
                // MTAs read the text as a format.
                b'%' => data.extend_from_slice(b"%%"),
                other => data.push(*other),
            }
        }
        data.push(0);
    });
}

/// One change of the header.
pub fn edit(out: &mut Vec<u8>, edit: &Edit) {
    match edit {
        Edit::Change { index, name, value } => write(out, b'm', |data| {
            data.extend_from_slice(&index.to_be_bytes());
            text(data, name);
            text(data, value);
        }),
        Edit::Add { name, value } => write(out, b'h', |data| {
            text(data, name);
            text(data, value);
        }),
    }
}

/// The body again, in pieces.
pub fn replace_body(out: &mut Vec<u8>, body: &[u8]) {
    for chunk in body.chunks(CHUNK) {
        write(out, b'b', |data| data.extend_from_slice(chunk));
    }
    if body.is_empty() {
        write(out, b'b', |_| {});
    }
}

fn text(data: &mut Vec<u8>, text: &[u8]) {
    data.extend(text.iter().filter(|octet| **octet != 0));
    data.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::reply;

    fn packet(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(out[..4], u32::to_be_bytes(out.len() as u32 - 4));
        out.split_off(4)
    }

    #[test]
    fn a_reply_has_each_line_its_code_and_each_percent_sign_doubled() {
        let several = Reply { code: 550, lines: vec!["5.7.1 100 % no".into(), "5.7.1 ask".into()] };
        assert_eq!(packet(|out| refuse(out, &several)), b"y550-5.7.1 100 %% no\r\n550 5.7.1 ask\0");
        let ours = packet(|out| refuse(out, &reply::OUR_FAULT.reply()));
        assert_eq!(ours, b"y451 4.3.0 cannot take this now, send it again\0");
        assert_eq!(packet(|out| refuse(out, &reply::OK.reply())), b"t", "no reply turns into a pass");
    }

    #[test]
    fn bodies_are_cut_and_texts_end_once() {
        let mut out = Vec::new();
        replace_body(&mut out, &vec![b'x'; CHUNK + 1]);
        assert_eq!(out.len(), CHUNK + 1 + 2 * 5);
        assert_eq!(packet(|out| replace_body(out, b"")), b"b");
        assert_eq!(packet(|out| delete_recipient(out, b"<a\0@b>")), b"-<a@b>\0");
    }
}
