// SPDX-License-Identifier: EUPL-1.2
//! The command line's side of the control socket: one blocking request, one answer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Answer, Request, files};
use crate::desk::Refusal;

/// Bytes of an answer line: the longest list.
const ANSWER_LIMIT: u64 = 64 * 1024 * 1024;
/// Bytes of an exported message.
const MESSAGE_LIMIT: u64 = 1024 * 1024 * 1024;

/// A release waits for the store only; a minute is far beyond that.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("no gateway answers at {}; start it with `octroi serve`, or use --config with the settings of the running gateway", .0.display())]
    Away(PathBuf),
    #[error("you may not use the control socket {}: {}", .0.display(), .1)]
    Closed(PathBuf, io::Error),
    #[error("the gateway at {} closed the connection: {}", .0.display(), .1)]
    Broken(PathBuf, io::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl ControlError {
    /// Whether there was no answer at all, so that a later attempt may find one.
    pub fn is_unanswered(&self) -> bool {
        match self {
            ControlError::Away(_) => true,
            // Words that are not understood are an answer.
            ControlError::Broken(_, error) => error.kind() != io::ErrorKind::InvalidData,
            ControlError::Closed(..) | ControlError::Refused(_) => false,
        }
    }
}

/// Asks the gateway behind a socket; the second value holds the bytes of an exported message.
///
/// # Errors
/// No gateway, a broken conversation, or its refusal.
pub fn ask(socket: &Path, request: &Request) -> Result<(Answer, Vec<u8>), ControlError> {
    ask_with(socket, request, &[], Some(PATIENCE))
}

/// The same, handing over open files; where `patience` is `None`, the answer may take as long as the files are large.
///
/// # Errors
/// As [`ask`].
pub fn ask_with(
    socket: &Path,
    request: &Request,
    files: &[&File],
    patience: Option<Duration>,
) -> Result<(Answer, Vec<u8>), ControlError> {
    let stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ControlError::Closed(socket.to_owned(), error),
        _ => ControlError::Away(socket.to_owned()),
    })?;
    match converse(stream, request, files, patience) {
        Ok((Answer::Refused(refusal), _)) => Err(refusal.into()),
        Ok(answered) => Ok(answered),
        Err(error) => Err(ControlError::Broken(socket.to_owned(), error)),
    }
}

fn converse(
    stream: UnixStream,
    request: &Request,
    files: &[&File],
    patience: Option<Duration>,
) -> io::Result<(Answer, Vec<u8>)> {
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    // Who has no account is told so before anything is asked, and the gateway may have closed by now.
    let sent = files::send(&stream, &line, files);
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    reader.by_ref().take(ANSWER_LIMIT).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        sent?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let answer = serde_json::from_slice(&line)?;
    let mut content = Vec::new();
    if let Answer::Message { bytes } = answer {
        reader.take(bytes.min(MESSAGE_LIMIT)).read_to_end(&mut content)?;
        if content.len() as u64 != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((answer, content))
}
