// SPDX-License-Identifier: EUPL-1.2
//! The commands of an MTA, each with its data parsed.

use std::net::IpAddr;

use memchr::memchr;

use super::ProtocolError;

/// One command. Texts are octets as they came, without the NUL that ends them.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Negotiate {
        version: u32,
        actions: u32,
        steps: u32,
    },
    /// Macros for the command named by its letter.
    Macros {
        of: u8,
        pairs: Texts<'a>,
    },
    /// Who connected to the MTA; no address where it came by a unix socket or from nowhere.
    Connect {
        address: Option<IpAddr>,
    },
    Helo {
        name: &'a [u8],
    },
    /// Path and ESMTP parameters.
    Mail {
        arguments: Texts<'a>,
    },
    Recipient {
        arguments: Texts<'a>,
    },
    Data,
    Header {
        name: &'a [u8],
        value: &'a [u8],
    },
    EndOfHeader,
    Body(&'a [u8]),
    /// May bring the last chunk.
    EndOfMessage(&'a [u8]),
    Abort,
    /// An SMTP command that the MTA does not know.
    UnknownSmtp,
    /// The MTA's client has gone, and another will follow on this connection.
    NextClient,
    Quit,
}

/// Texts, each ended by NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts<'a>(&'a [u8]);

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (text, rest) = match memchr(0, self.0) {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        Some(text)
    }
}

/// Reads one packet.
pub fn read(command: u8, data: &[u8]) -> Result<Command<'_>, ProtocolError> {
    let malformed = ProtocolError::Malformed(command);
    Ok(match command {
        b'O' => {
            let number = |at: usize| data.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
            let (Some(version), Some(actions), Some(steps)) = (number(0), number(4), number(8)) else {
                return Err(malformed);
            };
            Command::Negotiate { version, actions, steps }
        }
        b'D' => {
            let (of, pairs) = data.split_first().ok_or(malformed)?;
            Command::Macros { of: *of, pairs: Texts(pairs) }
        }
        b'C' => Command::Connect { address: address(data) },
        b'H' => Command::Helo { name: Texts(data).next().unwrap_or_default() },
        b'M' => Command::Mail { arguments: arguments(data, malformed)? },
        b'R' => Command::Recipient { arguments: arguments(data, malformed)? },
        b'T' => Command::Data,
        b'L' => {
            let end = memchr(0, data).filter(|end| *end > 0).ok_or(malformed)?;
            let value = &data[end + 1..];
            // Only the last NUL is the protocol's: another is part of what the MTA shows us.
            Command::Header { name: &data[..end], value: value.strip_suffix(b"\0").ok_or(malformed)? }
        }
        b'N' => Command::EndOfHeader,
        b'B' => Command::Body(data),
        b'E' => Command::EndOfMessage(data),
        b'A' => Command::Abort,
        b'U' => Command::UnknownSmtp,
        b'K' => Command::NextClient,
        b'Q' => Command::Quit,
        other => return Err(ProtocolError::Unknown(other)),
    })
}

fn arguments(data: &[u8], malformed: ProtocolError) -> Result<Texts<'_>, ProtocolError> {
    // The path at least, ended by NUL.
    if data.len() < 2 || !data.ends_with(b"\0") { Err(malformed) } else { Ok(Texts(data)) }
}

/// Host name, NUL, family, port, address. What cannot be read is nobody's address.
fn address(data: &[u8]) -> Option<IpAddr> {
    let after = &data[memchr(0, data)? + 1..];
    let (family, rest) = after.split_first()?;
    if !matches!(family, b'4' | b'6') {
        return None;
    }
    let text = Texts(rest.get(2..)?).next()?;
    ip(std::str::from_utf8(text).ok()?)
}

/// An address as MTAs write it: Sendmail puts `IPv6:` before one of version 6.
pub fn ip(text: &str) -> Option<IpAddr> {
    let bare = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => &text[5..],
        _ => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_either_mta() {
        let connect = |data: &[u8]| match read(b'C', data) {
            Ok(Command::Connect { address }) => address.map(|a| a.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(connect(b"mx\x004\x1f\x40192.0.2.7\0").as_deref(), Some("192.0.2.7"));
        assert_eq!(connect(b"mx\x006\x00\x19IPv6:2001:db8::1\0").as_deref(), Some("2001:db8::1"));
        assert_eq!(connect(b"mx\x006\x00\x19::ffff:192.0.2.7\0").as_deref(), Some("192.0.2.7"));
        for odd in [&b""[..], b"mx", b"mx\0", b"mx\0U", b"mx\0L\0\0/run/x\0", b"mx\x004", b"mx\x004\0", b"mx\x004\0\0x"]
        {
            assert_eq!(connect(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn data_that_cannot_be_read_is_a_fault_and_no_panic() {
        for (command, data) in [
            (b'O', &b"\0\0\0\x06\0\0\0"[..]),
            (b'D', b""),
            (b'M', b""),
            (b'M', b"<a@b>"),
            (b'R', b"\0"),
            (b'L', b""),
            (b'L', b"\0value\0"),
            (b'L', b"Subject"),
            (b'L', b"Subject\0value"),
        ] {
            assert_eq!(read(command, data), Err(ProtocolError::Malformed(command)), "{data:?}");
        }
        assert_eq!(read(0, b""), Err(ProtocolError::Unknown(0)));
        let header = read(b'L', b"X\0a\0b\0");
        assert_eq!(header, Ok(Command::Header { name: b"X", value: b"a\0b" }));
    }
}
