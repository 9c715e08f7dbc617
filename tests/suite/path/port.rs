// SPDX-License-Identifier: EUPL-1.2
//! Ports for servers that a test starts: octroi, Postfix, a milter. Whoever asks has the port alone, until the process ends.
//!
//! A port that the system gives for 0 and that is closed again goes to the next who asks: another test, or any outgoing
//! connection, so that a client of one test may hear the server of another. Those here are none that the system gives.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports of outgoing connections (`net.ipv4.ip_local_port_range`), above those of services.
const FIRST: u16 = 20_000;
const MANY: u16 = 12_000;

/// A name each, which no other process can have meanwhile, and which goes with the process.
static CLAIMED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
static TRIED: AtomicU16 = AtomicU16::new(0);

/// An address of this machine at which nobody listens, and nobody else will.
pub fn free() -> SocketAddr {
    let start = (std::process::id() % u32::from(MANY)) as u16; // less than MANY
    for _ in 0..MANY {
        let number = FIRST + (start + TRIED.fetch_add(1, Ordering::Relaxed) % MANY) % MANY;
        let name = UnixAddr::from_abstract_name(format!("octroi-test-port-{number}")).unwrap();
        let Ok(claim) = UnixListener::bind_addr(&name) else { continue };
        CLAIMED.lock().unwrap().push(claim);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
        // A service of this machine may be there.
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("every port from {FIRST} on is taken");
}

#[test]
fn nobody_gets_a_port_twice() {
    let all: Vec<_> = (0..100).map(|_| free()).collect();
    let apart: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(apart.len(), all.len());
    // Not even where it stays unused: another process could not have its name.
    let name = UnixAddr::from_abstract_name(format!("octroi-test-port-{}", all[0].port())).unwrap();
    assert!(UnixListener::bind_addr(&name).is_err());
    TcpListener::bind(all[0]).unwrap();
}
