// SPDX-License-Identifier: EUPL-1.2
//! Open files that go with a request over the control socket (SCM_RIGHTS, unix(7)).

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as Blocking;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Files of one request: the owner's and the new one.
const MOST: usize = 2;

/// Sends a line with these files.
pub fn send(stream: &Blocking, line: &[u8], files: &[&File]) -> io::Result<()> {
    let descriptors: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("too many files for one request"));
    }
    // The files go with the first octet; the rest may need more turns.
    let sent = rustix::net::sendmsg(stream, &[IoSlice::new(line)], &mut control, SendFlags::empty())?;
    io::Write::write_all(&mut &*stream, &line[sent..])
}

/// Receives a line of at most `limit` octets, and the files that came with it.
pub async fn receive(stream: &UnixStream, limit: usize) -> io::Result<(Vec<u8>, Vec<File>)> {
    let (mut line, mut files) = (Vec::new(), Vec::new());
    let mut chunk = [0; 4096];
    loop {
        stream.readable().await?;
        let received = stream.try_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let received = rustix::net::recvmsg(
                stream,
                &mut [IoSliceMut::new(&mut chunk)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
            )?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(more) = message {
                    files.extend(more.map(File::from));
                }
            }
            Ok(received.bytes)
        });
        if files.len() > MOST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more files than a request has"));
        }
        match received {
            Ok(0) => return Ok((line, files)),
            Ok(count) => line.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if line.contains(&b'\n') || line.len() >= limit {
            line.truncate(limit);
            return Ok((line, files));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_files_than_a_request_has_are_not_taken() {
        for (times, is_taken) in [(1, true), (3, false)] {
            let (here, there) = Blocking::pair().unwrap();
            there.set_nonblocking(true).unwrap();
            let there = UnixStream::from_std(there).unwrap();
            let file = File::open("/dev/null").unwrap();
            for _ in 0..times {
                send(&here, b"a", &[&file, &file]).unwrap();
            }
            send(&here, b"\n", &[]).unwrap();
            let received = receive(&there, 100).await;
            assert_eq!(received.is_ok(), is_taken, "{times}: {received:?}");
        }
    }
}
