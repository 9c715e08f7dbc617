// SPDX-License-Identifier: EUPL-1.2
//! One worker process: how it is started, asked, and heard. It has read hostile bytes, so nothing it says is believed.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdSocket;
use std::path::Path;
use std::process::Stdio;

use bytes::Buf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::aside::aside;
use super::frame::{HEAD, Request, Told, head, lengths};
use super::pot::{Pot, Taken};
use super::protection::Refused;
use super::starter::Starter;
use crate::document::Extract;

/// A worker's environment. The allocator would set aside a gigabyte of addresses, which is all a worker may have: in KiB.
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("MIMALLOC_ARENA_RESERVE", "65536")];

pub(super) struct Worker {
    // Held so that it is killed on drop.
    _process: Child,
    /// A socket and no pipe: it holds three times as much, so that most files go over in one piece.
    socket: UnixStream,
    /// Files it has answered for.
    pub read: u32,
    /// What the kernel refused it; it says so before it reads.
    pub refused: Option<Refused>,
}

/// What came back, and the memory of the pictures in it.
pub(super) struct Heard {
    pub told: Told,
    pub pictures: Pictured,
}

/// What became of the pictures behind an answer.
pub(super) enum Pictured {
    None,
    /// They are there, and so much memory is theirs.
    Here(Taken),
    /// There was no memory for so many bytes: they were not taken.
    NoRoom(usize),
}

impl Worker {
    pub async fn start(executable: &Path, memory: u64, starter: &Starter) -> std::io::Result<Worker> {
        let (ours, theirs) = StdSocket::pair()?;
        ours.set_nonblocking(true)?;
        let socket = UnixStream::from_std(ours)?;
        let input = theirs.try_clone()?;
        let mut command = Command::new(executable);
        command
            .args(["worker", &memory.to_string()])
            .env_clear()
            .envs(ENVIRONMENT)
            .stdin(OwnedFd::from(input))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::null())
            .kill_on_drop(true);
        Ok(Worker { _process: starter.start(command).await?, socket, read: 0, refused: None })
    }

    /// Asks for one file. Memory for its pictures is `taken`, or found in `pot`, or they are left.
    pub async fn ask(
        &mut self,
        request: &Request,
        bytes: &[u8],
        pot: &Pot,
        taken: Option<Taken>,
    ) -> std::io::Result<Heard> {
        let json = serde_json::to_vec(request)?;
        // In one piece, or the worker would wake for the head alone.
        let start = head(json.len(), bytes.len());
        let mut question = Buf::chain(Buf::chain(start.as_slice(), json.as_slice()), bytes);
        while question.has_remaining() {
            self.socket.write_buf(&mut question).await?;
        }
        if self.refused.is_none() {
            self.refused = Some(Refused::from_octet(self.socket.read_u8().await?));
        }
        let mut start = [0; HEAD];
        self.socket.read_exact(&mut start).await?;
        let (length, raw) = lengths(start);
        if length > request.extent.answer() as u64 || raw > request.pictures as u64 {
            return Err(std::io::Error::other("an answer longer than was asked for"));
        }
        let (length, raw) = (length as usize, raw as usize);
        let mut answer = Vec::with_capacity(length.min(64 << 10));
        (&mut self.socket).take(length as u64).read_to_end(&mut answer).await?;
        if answer.len() != length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut told: Told = aside(length, || serde_json::from_slice(&answer))?;
        drop(answer);
        let room = match raw {
            0 => None,
            _ => taken.or_else(|| pot.try_take(raw)),
        };
        if raw > 0 && room.is_none() {
            self.skip(raw).await?;
            return Ok(Heard { told, pictures: Pictured::NoRoom(raw) });
        }
        let mut left = raw;
        self.pictures(&mut told.extract, &mut left).await?;
        if left != 0 {
            return Err(std::io::Error::other("pictures that no file tells of"));
        }
        Ok(Heard { told, pictures: room.map_or(Pictured::None, Pictured::Here) })
    }

    async fn skip(&mut self, raw: usize) -> std::io::Result<()> {
        let skipped = tokio::io::copy(&mut (&mut self.socket).take(raw as u64), &mut tokio::io::sink()).await?;
        if skipped == raw as u64 { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Takes the bytes of each picture off the socket, in the order of [`Extract::walk`].
    async fn pictures(&mut self, extract: &mut Extract, left: &mut usize) -> std::io::Result<()> {
        let mut waiting = vec![extract];
        while let Some(extract) = waiting.pop() {
            for picture in &mut extract.pictures {
                *left = left.checked_sub(picture.length).ok_or(std::io::ErrorKind::InvalidData)?;
                (&mut self.socket).take(picture.length as u64).read_to_end(&mut picture.content).await?;
                if picture.content.len() != picture.length {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            waiting.extend(extract.children.iter_mut().rev());
        }
        Ok(())
    }
}
