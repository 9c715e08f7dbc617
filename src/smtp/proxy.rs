// SPDX-License-Identifier: EUPL-1.2
//! The PROXY protocol, versions 1 and 2: a load balancer names the real client before the session begins.
//!
//! octroi refuses everything that does not follow the specification exactly (HAProxy, doc/proxy-protocol.txt), because
//! this header decides who may send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Version 2 begins with these octets (§2.2), which are not text of any other protocol.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets of a header of version 1 with its CR LF (§2.1).
const LONGEST_LINE: usize = 107;
/// Octets of addresses and extensions we read of version 2. The longest addresses take 216; a balancer that says more
/// than a few kilobytes about a connection is none.
const MOST: usize = 4096;

/// How far the header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderProgress {
    /// At least so many octets more belong to the header, and are there to be read.
    Needs(usize),
    /// The header ends exactly here. `None`: the balancer speaks for itself (a health check), or knows nothing.
    Done(Option<IpAddr>),
}

/// These octets are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection does not begin with a PROXY protocol header")]
pub struct Malformed;

/// Reads what has come so far. Never asks for an octet that might belong to what follows.
pub fn read(octets: &[u8]) -> Result<HeaderProgress, Malformed> {
    // The shortest header of version 1, `PROXY UNKNOWN` CR LF, is longer than the signature of version 2.
    if octets.len() < SIGNATURE.len() {
        let begins = SIGNATURE.starts_with(octets) || octets.starts_with(b"PROXY ") || b"PROXY ".starts_with(octets);
        return if begins { Ok(HeaderProgress::Needs(SIGNATURE.len() - octets.len())) } else { Err(Malformed) };
    }
    if octets.starts_with(SIGNATURE) { version_2(octets) } else { version_1(octets) }
}

fn version_1(octets: &[u8]) -> Result<HeaderProgress, Malformed> {
    let line = match octets.strip_suffix(b"\r\n") {
        Some(line) => line,
        None if octets.len() >= LONGEST_LINE || octets.contains(&b'\n') => return Err(Malformed),
        None => return Ok(HeaderProgress::Needs(1)),
    };
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = line.split(' ');
    if words.next() != Some("PROXY") {
        return Err(Malformed);
    }
    let family = words.next().ok_or(Malformed)?;
    // §2.1: what stands behind UNKNOWN is to be ignored.
    if family == "UNKNOWN" {
        return Ok(HeaderProgress::Done(None));
    }
    let words: Vec<&str> = words.collect();
    let [source, destination, source_port, destination_port] = words[..] else { return Err(Malformed) };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port.to_string() == text);
    let source = address(source).ok_or(Malformed)?;
    address(destination).ok_or(Malformed)?;
    if is_port(source_port) && is_port(destination_port) {
        Ok(HeaderProgress::Done(Some(source.to_canonical())))
    } else {
        Err(Malformed)
    }
}

fn version_2(octets: &[u8]) -> Result<HeaderProgress, Malformed> {
    let rest = &octets[SIGNATURE.len()..]; // `read` saw the signature
    let Some(([version, family, high, low], addresses)) = rest.split_first_chunk() else {
        return Ok(HeaderProgress::Needs(4 - rest.len()));
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > MOST {
        return Err(Malformed);
    }
    let is_local = match version {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed),
    };
    if addresses.len() < length {
        return Ok(HeaderProgress::Needs(length - addresses.len()));
    }
    // §2.2: family in the high half, transport in the low one; only TCP is ours.
    let source = match family {
        _ if is_local => None,
        0x11 => {
            let (source, _) = addresses.split_first_chunk::<4>().filter(|_| length >= 12).ok_or(Malformed)?;
            Some(IpAddr::from(*source))
        }
        0x21 => {
            let (source, _) = addresses.split_first_chunk::<16>().filter(|_| length >= 36).ok_or(Malformed)?;
            Some(IpAddr::from(*source).to_canonical())
        }
        // UNSPEC, and a unix socket, which has no address we could go by.
        0x00 | 0x31 => None,
        _ => return Err(Malformed),
    };
    Ok(HeaderProgress::Done(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads as a driver does: exactly what is asked for, octet for octet where it may be cut.
    fn drive(header: &[u8]) -> Result<(Option<IpAddr>, usize), Malformed> {
        let mut taken = 0;
        loop {
            match read(&header[..taken])? {
                HeaderProgress::Done(address) => return Ok((address, taken)),
                HeaderProgress::Needs(more) if taken + more <= header.len() => taken += more,
                HeaderProgress::Needs(_) => return Err(Malformed),
            }
        }
    }

    fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = (addresses.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, addresses, b"EHLO x\r\n"].concat()
    }

    #[test]
    fn headers_are_read_to_their_last_octet() {
        for (line, address) in [
            ("PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n", Some("192.0.2.7")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n", Some("2001:db8::7")),
            ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", Some("192.0.2.7")),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff:f...f:ffff whatever\r\n", None),
        ] {
            let wire = [line.as_bytes(), b"EHLO x\r\n"].concat();
            assert_eq!(drive(&wire), Ok((address.map(|a| a.parse().unwrap()), line.len())), "{line:?}");
        }
        let ours = [192, 0, 2, 7, 198, 51, 100, 1, 0, 1, 0, 25];
        assert_eq!(drive(&v2(0x21, 0x11, &ours)), Ok((Some([192, 0, 2, 7].into()), 28)));
        let with_extension = [&ours[..], &[0x04, 0, 1, 0]].concat();
        assert_eq!(drive(&v2(0x21, 0x11, &with_extension)), Ok((Some([192, 0, 2, 7].into()), 32)));
        assert_eq!(drive(&v2(0x21, 0x21, &[0; 36])).unwrap().1, 52);
        assert_eq!(drive(&v2(0x20, 0x00, &[])), Ok((None, 16)));
        assert_eq!(drive(&v2(0x21, 0x31, &[0; 216])), Ok((None, 232)));
    }

    #[test]
    fn whatever_is_not_exactly_a_header_is_none() {
        for wrong in [
            "EHLO client.example\r\n",
            "PROXY\r\nxxxxxxxxxxxxx",
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 25 1\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 +1 25\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 01 25\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
            "PROXY  TCP4 192.0.2.7 198.51.100.1 1 25\r\n",
            "PROXY UDP4 192.0.2.7 198.51.100.1 1 25\r\n",
            "proxy TCP4 192.0.2.7 198.51.100.1 1 25\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 1 25\n",
        ] {
            assert_eq!(drive(wrong.as_bytes()), Err(Malformed), "{wrong:?}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LONGEST_LINE));
        assert_eq!(drive(long.as_bytes()), Err(Malformed));
        for (command, family, addresses) in
            [(0x11, 0x11, &[0; 12][..]), (0x22, 0x11, &[0; 12]), (0x21, 0x11, &[0; 11]), (0x21, 0x12, &[0; 12])]
        {
            assert_eq!(drive(&v2(command, family, addresses)), Err(Malformed));
        }
        assert_eq!(drive(&v2(0x21, 0x11, &[0; MOST + 1])), Err(Malformed));
    }
}
