// SPDX-License-Identifier: EUPL-1.2
//! The gateway's side of the control socket: frames, who is at the other end, and limits.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Answer, Request, files};
use crate::access::{Caller, Resolution};
use crate::desk::{Desk, Done, Listing, Queued, Refusal};
use crate::listen::unix;
use crate::mail::{ItemId, MailOrCopy};

/// Bytes of a request line: ids, a reason, the text of an anchor.
const REQUEST_LIMIT: usize = 64 * 1024;
/// A person types one command at a time; scripts may overlap a little.
const CONNECTIONS: usize = 16;
/// How long a peer may take to ask, or to take its answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Opens the socket, taking the place of one that a dead gateway left behind.
///
/// Everybody may connect; the user id decides who gets an answer.
///
/// # Errors
/// Another gateway answers there, or the folder cannot be written.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    unix::bind(path, 0o666)
}

/// Answers until `stop` is cancelled. A connection that fails ends alone.
pub async fn serve(listener: UnixListener, desk: Arc<Desk>, shutdown: CancellationToken) {
    serve_peers(listener, desk, shutdown, |stream| Ok(stream.peer_cred()?.uid())).await;
}

/// `peer` says whose process is at the other end.
async fn serve_peers(
    listener: UnixListener,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
    peer: impl Fn(&UnixStream) -> io::Result<u32>,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
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
        // Who is there is asked before a permit is given: a stranger can keep nobody waiting.
        let caller = match peer(&stream).map(|uid| desk.caller(uid)) {
            Ok(Ok(caller)) => caller,
            Ok(Err(refusal)) => {
                turn_away(stream, refusal);
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "control socket: the system does not say who connects");
                continue;
            }
        };
        let permit = tokio::select! {
            () = shutdown.cancelled() => return,
            permit = permits.clone().acquire_owned() => permit,
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &desk, &caller).await {
                tracing::debug!(%error, "control socket: a connection ended early");
            }
            drop(permit);
        });
    }
}

/// Says why, without waiting: the buffer of a fresh socket takes a line, and whoever has gone hears nothing.
fn turn_away(stream: UnixStream, refusal: Refusal) {
    let (Ok(stream), Ok(line)) = (stream.into_std(), line(&Answer::Refused(refusal))) else { return };
    let _ = io::Write::write_all(&mut &stream, &line);
}

fn line(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(line)
}

async fn converse(stream: UnixStream, desk: &Desk, caller: &Caller) -> io::Result<()> {
    let (asked, files) = tokio::time::timeout(TIMEOUT, files::receive(&stream, REQUEST_LIMIT)).await??;
    let (_, mut writer) = stream.into_split();
    let (answer, content) = match answer(&asked, files, caller, desk).await {
        Ok(answered) => answered,
        Err(refusal) => (Answer::Refused(refusal), Bytes::new()),
    };
    let out = line(&answer)?;
    tokio::time::timeout(TIMEOUT, async {
        writer.write_all(&out).await?;
        writer.write_all(&content).await?;
        writer.shutdown().await
    })
    .await?
}

async fn answer(asked: &[u8], files: Vec<File>, caller: &Caller, desk: &Desk) -> Result<(Answer, Bytes), Refusal> {
    let mut files = files.into_iter();
    let mut file = || files.next().ok_or_else(|| Refusal::BadRequest("no file came with the request".to_owned()));
    let request: Request = serde_json::from_slice(asked)
        .map_err(|error| Refusal::BadRequest(format!("the gateway does not understand this request: {error}")))?;
    let answer = match &request {
        Request::List(query) => match desk.list(caller, query).await? {
            Listing::Copies(copies) => Answer::Held(copies),
            Listing::Counts(counts) => Answer::Counts(counts),
        },
        Request::Show { id } => {
            let mut all = desk.show(caller, &MailOrCopy::parse(id)?).await?;
            if all.len() == 1 { Answer::Shown(Box::new(all.remove(0))) } else { Answer::AllShown(all) }
        }
        Request::Release { id, reason, ground } => {
            done(desk.release(caller, &MailOrCopy::parse(id)?, ground.as_deref(), reason).await?)
        }
        Request::Reject { id, reason, ground } => {
            done(desk.reject(caller, &MailOrCopy::parse(id)?, ground.as_deref(), reason).await?)
        }
        Request::Export { id, reason } => {
            let content = desk.export(caller, &MailOrCopy::parse(id)?, reason).await?;
            return Ok((Answer::Message { bytes: content.len() as u64 }, content));
        }
        Request::Find { what } => Answer::Found(desk.find(caller, what).await?),
        Request::OutboxList => match desk.outbox_list(caller).await? {
            Queued::Items(items) => Answer::Outbox(items),
            Queued::Counts(counts) => Answer::Counts(counts),
        },
        Request::OutboxRetry { id } => {
            let item = id.as_deref().map(ItemId::parse).transpose()?;
            Answer::Retried { rows: desk.outbox_retry(caller, item.as_ref()).await? }
        }
        Request::AuditVerify { anchor } => Answer::Audit(desk.audit_verify(caller, anchor.as_deref()).await?),
        Request::AuditList(query) => Answer::AuditEntries(desk.audit_list(caller, query).await?),
        Request::ListsShow { name } => Answer::Lists(desk.lists_show(caller, name.as_deref())?),
        Request::ListsMatch { addresses, reason } => {
            Answer::Matched(desk.lists_match(caller, addresses, reason).await?)
        }
        Request::ListsImport(ask) => Answer::Imported(Box::new(desk.lists_import(caller, ask, file()?).await?)),
        Request::ListsExport(ask) => {
            let (source, out) = (file()?, file()?);
            Answer::Imported(Box::new(desk.lists_export(caller, ask, source, out).await?))
        }
        Request::ListsCanaries { name, reason } => {
            Answer::Canaries(desk.lists_canaries(caller, name, reason.as_deref()).await?)
        }
        Request::CampaignsList { state } => Answer::Campaigns(desk.campaigns_list(caller, *state).await?),
        Request::CampaignsShow { id } => Answer::Campaign(Box::new(desk.campaigns_show(caller, id).await?)),
        Request::CampaignsAllow { id, reason, ground } => Answer::CampaignDecided(
            desk.campaigns_decide(caller, id, Resolution::Allow, ground.as_deref(), reason).await?,
        ),
        Request::CampaignsStop { id, reason, ground } => Answer::CampaignDecided(
            desk.campaigns_decide(caller, id, Resolution::Stop, ground.as_deref(), reason).await?,
        ),
    };
    Ok((answer, Bytes::new()))
}

fn done(mut all: Vec<Done>) -> Answer {
    if all.len() == 1 { Answer::Done(all.remove(0)) } else { Answer::AllDone(all) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as Client;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::access::Directory;
    use crate::store::{Retention, Store, StoreSettings};

    const STRANGERS: usize = 40;

    /// Forty connections of a stranger that say nothing and stay open, and one of root behind them.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn strangers_are_turned_away_at_once_and_keep_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            database: folder.path().join("db"),
            blobs: folder.path().join("blobs"),
            key_file: folder.path().join("key"),
            node: None,
            shared: false,
            keep_free: 0,
            quota: None,
            retention: Retention::default(),
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let store = Store::open(settings, now).await.unwrap();
        let desk = Arc::new(Desk::new(store, Directory::default(), true, Arc::new(move || now)));
        let socket = folder.path().join("socket");
        let listener = bind(&socket).unwrap();
        let (stop, came) = (CancellationToken::new(), AtomicUsize::new(0));
        let peer =
            move |_: &UnixStream| Ok(if came.fetch_add(1, Ordering::Relaxed) < STRANGERS { 4_000_000_000 } else { 0 });
        let serving = tokio::spawn(serve_peers(listener, desk, stop.clone(), peer));

        let asked = tokio::task::spawn_blocking(move || {
            let connect = || {
                let client = Client::connect(&socket).unwrap();
                // Far beyond what an answer takes, and below the time a silent peer is given.
                client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                client
            };
            let idle: Vec<Client> = (0..STRANGERS).map(|_| connect()).collect();
            for mut stranger in &idle {
                let mut said = String::new();
                stranger.read_to_string(&mut said).unwrap();
                assert!(said.contains("has no account"), "{said}");
            }
            let mut root = connect();
            root.write_all(b"{\"do\":\"list\",\"state\":\"held\",\"limit\":1}\n").unwrap();
            let mut answer = String::new();
            root.read_to_string(&mut answer).unwrap();
            answer
        });
        assert!(asked.await.unwrap().contains("\"counts\""));
        stop.cancel();
        serving.await.unwrap();
    }
}
