// SPDX-License-Identifier: EUPL-1.2
//! Packets: a length of four bytes, a command of one byte, and data. Reads them from a stream and writes them.

use super::ProtocolError;

/// Octets of one packet at most: Sendmail's largest chunk (`MILTER_MDS_1M`) and the command before it.
const MAX_PACKET: u32 = 1024 * 1024 + 1;
/// Octets of the first packet, the offer of thirteen, at most: before it nobody is known to be an MTA.
const MAX_FIRST: u32 = 1024;
/// Memory an idle reader keeps for input to come.
const MAX_IDLE: usize = 8 * 1024;

/// The octets of a stream that are not a complete packet yet.
#[derive(Debug, Default)]
pub struct Reader {
    input: Vec<u8>,
    /// Octets before this place are done with.
    read: usize,
}

/// Where one packet's data stands in a [`Reader`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    pub command: u8,
    from: usize,
    to: usize,
}

impl Reader {
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.drain(..self.read);
        self.read = 0;
        if self.input.is_empty() && self.input.capacity() > MAX_IDLE && bytes.len() < MAX_IDLE {
            self.input = Vec::new();
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next packet, if all of it is here. `first`: nothing was negotiated yet.
    pub fn next(&mut self, first: bool) -> Result<Option<Packet>, ProtocolError> {
        let waiting = &self.input[self.read..];
        let Some((length, rest)) = waiting.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        if length > if first { MAX_FIRST } else { MAX_PACKET } {
            return Err(ProtocolError::TooLarge(length));
        }
        if length == 0 {
            return Err(ProtocolError::Empty);
        }
        let length = length as usize; // at most MAX_PACKET
        let Some(command) = rest.get(..length).and_then(|packet| packet.first()) else { return Ok(None) };
        let from = self.read + 5;
        let packet = Packet { command: *command, from, to: from + length - 1 };
        self.read = packet.to;
        Ok(Some(packet))
    }

    /// The data of the packet that [`Reader::next`] gave last.
    pub fn data(&self, packet: Packet) -> &[u8] {
        self.input.get(packet.from..packet.to).unwrap_or_default()
    }

    /// Octets held.
    pub fn len(&self) -> usize {
        self.input.len() - self.read
    }
}

/// Appends one packet; its data is what `write` appends.
pub fn write(out: &mut Vec<u8>, command: u8, data: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, command]);
    data(out);
    // No packet of ours comes near 4 GiB: replies, addresses, single fields, chunks of a body.
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_whole_whatever_the_cuts() {
        let mut stream = Vec::new();
        write(&mut stream, b'H', |data| data.extend_from_slice(b"client\0"));
        write(&mut stream, b'Q', |_| {});
        for size in 1..=stream.len() {
            let mut reader = Reader::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(size) {
                reader.receive(piece);
                while let Some(packet) = reader.next(false).unwrap() {
                    seen.push((packet.command, reader.data(packet).to_vec()));
                }
            }
            assert_eq!(seen, [(b'H', b"client\0".to_vec()), (b'Q', Vec::new())], "cut at {size}");
            assert_eq!(reader.len(), 0);
        }
    }

    #[test]
    fn a_length_is_judged_before_anything_is_stored() {
        for (length, first, fault) in [
            (0, false, ProtocolError::Empty),
            (u32::MAX, false, ProtocolError::TooLarge(u32::MAX)),
            (MAX_PACKET + 1, false, ProtocolError::TooLarge(MAX_PACKET + 1)),
            (MAX_FIRST + 1, true, ProtocolError::TooLarge(MAX_FIRST + 1)),
        ] {
            let mut reader = Reader::default();
            reader.receive(&u32::to_be_bytes(length));
            assert_eq!(reader.next(first), Err(fault));
            assert!(reader.input.capacity() < 64);
        }
        let mut reader = Reader::default();
        reader.receive(&u32::to_be_bytes(MAX_PACKET));
        assert_eq!(reader.next(false), Ok(None));
    }
}
