// SPDX-License-Identifier: EUPL-1.2
//! The MTA's side of the milter protocol, written anew: a mistake of the gateway's own codec would not be seen by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::hop::PATIENCE;

pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

pub struct Mta {
    stream: Box<dyn Stream>,
    /// What was sent of a packet that is not whole yet.
    sent: Vec<u8>,
    /// Recipients whose answers [`Mta::ending`] has still to read.
    asked: usize,
}

/// One packet: its letter and its data.
pub type Packet = (char, Vec<u8>);

impl Mta {
    pub fn connect(to: SocketAddr) -> Mta {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Mta { stream: Box::new(stream), sent: Vec::new(), asked: 0 }
    }

    pub fn connect_unix(to: &Path) -> Mta {
        let stream = UnixStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Mta { stream: Box::new(stream), sent: Vec::new(), asked: 0 }
    }

    /// Connected and agreed, as version 6 with everything offered.
    pub fn agreed(to: SocketAddr) -> Mta {
        let mut mta = Mta::connect(to);
        mta.agree();
        mta
    }

    pub fn agree(&mut self) {
        self.send(&packet('O', &[0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff]));
        assert_eq!(self.packet().expect("an agreement").0, 'O');
    }

    pub fn send(&mut self, octets: &[u8]) {
        self.try_send(octets).expect("the gateway takes our octets");
    }

    pub fn try_send(&mut self, octets: &[u8]) -> Option<()> {
        self.sent.extend_from_slice(octets);
        while let Some(length) = self.sent.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize) {
            let Some(letter) = self.sent.get(4).filter(|_| self.sent.len() >= 4 + length) else { break };
            self.asked += usize::from(*letter == b'R');
            self.sent.drain(..4 + length);
        }
        self.stream.write_all(octets).ok()
    }

    /// The next packet; `None` at the end of the connection.
    pub fn packet(&mut self) -> Option<Packet> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut data = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut data).ok()?;
        Some((char::from(data.remove(0)), data))
    }

    /// The next packet behind the answers to recipients.
    pub fn after_recipients(&mut self) -> Option<Packet> {
        for _ in 0..std::mem::take(&mut self.asked) {
            self.packet()?;
        }
        self.packet()
    }

    /// The packets up to the one that ends a message, without the answers to its recipients.
    pub fn ending(&mut self) -> Vec<Packet> {
        let mut all = Vec::from_iter(self.after_recipients());
        if all.first().is_some_and(|packet| "cadrty".contains(packet.0)) {
            return all;
        }
        while let Some(packet) = self.packet() {
            let last = "cadrty".contains(packet.0);
            all.push(packet);
            if last {
                return all;
            }
        }
        panic!("the connection ended after {all:?}");
    }
}

pub fn packet(letter: char, data: &[u8]) -> Vec<u8> {
    let mut all = u32::try_from(data.len() + 1).unwrap().to_be_bytes().to_vec();
    all.push(letter as u8);
    all.extend_from_slice(data);
    all
}

/// Everything of one mail up to the end of its message. `content` is cut into fields and body.
pub fn mail(queue_id: &str, login: &str, from: &str, to: &[&str], content: &[u8]) -> Vec<u8> {
    let content = String::from_utf8_lossy(content).into_owned();
    let (header, body) = content.split_once("\r\n\r\n").unwrap();
    let mut all = packet('D', format!("M{{auth_authen}}\0{login}\0").as_bytes());
    all.extend(packet('M', format!("<{from}>\0").as_bytes()));
    for recipient in to {
        all.extend(packet('R', format!("<{recipient}>\0").as_bytes()));
    }
    for field in header.split("\r\n") {
        let (name, value) = field.split_once(':').unwrap();
        all.extend(packet('L', format!("{name}\0{value}\0").as_bytes()));
    }
    all.extend(packet('N', b""));
    all.extend(packet('B', body.as_bytes()));
    all.extend(packet('D', format!("Ei\0{queue_id}\0").as_bytes()));
    all.extend(packet('E', b""));
    all
}
