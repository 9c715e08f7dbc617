// SPDX-License-Identifier: EUPL-1.2
//! The gateway's side of the control socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Answer, Caller, Desk, Directory, Found, Refusal, Request};
use crate::listen::unix;

/// Bytes of a request line: ids, a reason, an anchor's path.
const REQUEST_LIMIT: u64 = 64 * 1024;
/// A person types one command at a time; scripts may overlap a little.
const CONNECTIONS: usize = 16;
/// How long a peer may take to ask, or to take its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the socket, taking the place of one that a dead gateway left behind.
///
/// Everybody may connect; who is answered is decided by user id.
///
/// # Errors
/// Another gateway answers there, or the folder cannot be written.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    unix::bind(path, 0o666)
}

/// Answers until told to stop. A connection that fails ends alone.
pub async fn serve<D: Desk>(
    listener: UnixListener,
    desk: Arc<D>,
    directory: Arc<Directory>,
    shutdown: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => return,
            next = next(&listener, &room) => next,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "control socket: cannot accept a connection");
                // Out of file descriptors, most likely: a pause keeps the loop from eating the CPU.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (desk, directory) = (desk.clone(), directory.clone());
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &*desk, &directory).await {
                tracing::debug!(%error, "control socket: a connection ended early");
            }
            drop(place);
        });
    }
}

/// Room for one more, and then the one.
async fn next(
    listener: &UnixListener,
    room: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, io::Result<(UnixStream, SocketAddr)>) {
    // `None` only where the semaphore is closed, which nobody does.
    let place = room.clone().acquire_owned().await.ok();
    (place, listener.accept().await)
}

async fn converse<D: Desk>(stream: UnixStream, desk: &D, directory: &Directory) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(REQUEST_LIMIT));
    tokio::time::timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await??;
    let (answer, content) = match answer(&line, uid, desk, directory).await {
        Ok(answered) => answered,
        Err(refusal) => (Answer::Refused(refusal), Bytes::new()),
    };
    let mut out = serde_json::to_vec(&answer)?;
    out.push(b'\n');
    tokio::time::timeout(PATIENCE, async {
        writer.write_all(&out).await?;
        writer.write_all(&content).await?;
        writer.shutdown().await
    })
    .await?
}

async fn answer<D: Desk>(line: &[u8], uid: u32, desk: &D, directory: &Directory) -> Result<(Answer, Bytes), Refusal> {
    // First who asks, then what: a stranger learns nothing of the protocol.
    let caller = directory.caller(uid)?;
    let request: Request = serde_json::from_slice(line)
        .map_err(|error| Refusal::BadRequest(format!("the gateway does not understand this request: {error}")))?;
    caller.may(&request)?;
    if let Request::Export { id } = &request {
        let content = desk.export(&caller, id).await?;
        return Ok((Answer::Message { bytes: content.len() as u64 }, content));
    }
    Ok((ask_desk(&request, &caller, desk).await?, Bytes::new()))
}

async fn ask_desk<D: Desk>(request: &Request, caller: &Caller, desk: &D) -> Result<Answer, Refusal> {
    Ok(match request {
        Request::List(query) if caller.role.sees_copies() => Answer::Held(desk.list(caller, query).await?),
        Request::List(_) => Answer::Counts(desk.counts().await?),
        Request::Show { id } => Answer::Shown(Box::new(desk.show(caller, id).await?)),
        Request::Release { id, reason } => Answer::Done(desk.release(caller, id, reason).await?),
        Request::Reject { id, reason } => Answer::Done(desk.reject(caller, id, reason).await?),
        Request::Export { id } => Answer::Message { bytes: desk.export(caller, id).await?.len() as u64 },
        Request::Find { what } if caller.role.sees_copies() => Answer::Found(desk.find(caller, what).await?),
        Request::Find { what } => {
            Answer::Found(desk.find(caller, what).await?.into_iter().map(Found::sealed).collect())
        }
        Request::OutboxList if caller.role.sees_copies() => Answer::Outbox(desk.outbox_list(caller).await?),
        Request::OutboxList => Answer::Counts(desk.counts().await?),
        Request::OutboxRetry { id } => Answer::Retried { rows: desk.outbox_retry(caller, id.as_deref()).await? },
        Request::AuditVerify { anchor } => Answer::Audit(desk.audit_verify(caller, anchor.as_deref()).await?),
    })
}
