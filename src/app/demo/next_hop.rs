// SPDX-License-Identifier: EUPL-1.2
//! The temporary next hop: accepts every mail, reports it, and writes it to a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};

/// Octets of a command line or of a piece of content at most; the gateway's lines are shorter.
const LINE: u64 = 4096;
/// Octets of a mail at most.
const CONTENT: usize = 64 << 20;

/// One mail as it arrived.
#[derive(Debug)]
pub struct Taken {
    pub to: Vec<String>,
    /// One of our own, which tells a sender what became of the mail.
    pub is_notice: bool,
}

struct Shelf {
    folder: PathBuf,
    count: AtomicUsize,
    told: UnboundedSender<Taken>,
}

/// Takes mail until the task is aborted.
///
/// # Errors
/// The folder cannot be made.
pub fn start(listener: TcpListener, folder: PathBuf) -> io::Result<(UnboundedReceiver<Taken>, JoinHandle<()>)> {
    std::fs::create_dir(&folder)?;
    let (told, taken) = unbounded_channel();
    let shelf = Arc::new(Shelf { folder, count: AtomicUsize::new(0), told });
    let task = tokio::spawn(async move {
        let mut conversations = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let shelf = shelf.clone();
            // A conversation that breaks off concerns the gateway, which tries again.
            conversations.spawn(async move { converse(stream, &shelf).await });
            while conversations.try_join_next().is_some() {}
        }
    });
    Ok((taken, task))
}

async fn converse(stream: TcpStream, shelf: &Shelf) -> io::Result<()> {
    let mut stream = BufStream::new(stream);
    let mut recipients = Vec::new();
    let mut line = Vec::new();
    say(&mut stream, "220 next-hop.example ESMTP").await?;
    while read_line(&mut stream, &mut line).await? {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => {
                "250-next-hop.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES"
            }
            "MAIL" | "RSET" => {
                recipients.clear();
                "250 2.0.0 ok"
            }
            "RCPT" => {
                recipients.push(address(&text));
                "250 2.1.5 ok"
            }
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let content = content(&mut stream).await?;
                keep(&shelf.folder, shelf.count.fetch_add(1, Ordering::Relaxed) + 1, &content)?;
                // Nobody listens any more when the demonstration ends.
                let _ = shelf.told.send(Taken { to: std::mem::take(&mut recipients), is_notice: is_notice(&content) });
                "250 2.0.0 taken"
            }
            "QUIT" => return say(&mut stream, "221 2.0.0 bye").await,
            _ => "250 2.0.0 ok",
        };
        say(&mut stream, answer).await?;
    }
    Ok(())
}

/// None of the morning's mails carries this field; every notice does.
fn is_notice(content: &[u8]) -> bool {
    memchr::memmem::find(content, b"X-Auto-Response-Suppress:").is_some()
}

fn keep(folder: &Path, number: usize, content: &[u8]) -> io::Result<()> {
    std::fs::write(folder.join(format!("{number:02}.eml")), content)
}

async fn say(stream: &mut BufStream<TcpStream>, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

/// One line, or as much of it as fits; false at the end of the connection.
async fn read_line(stream: &mut BufStream<TcpStream>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok((&mut *stream).take(LINE).read_until(b'\n', line).await? > 0)
}

/// The content up to its end, with the protocol's dots taken away (RFC 5321 §4.5.2).
async fn content(stream: &mut BufStream<TcpStream>) -> io::Result<Vec<u8>> {
    let (mut content, mut line, mut at_start) = (Vec::new(), Vec::new(), true);
    while read_line(stream, &mut line).await? {
        if at_start && line == b".\r\n" {
            return Ok(content);
        }
        let text = if at_start && line.starts_with(b".") { line.get(1..).unwrap_or_default() } else { &line };
        if content.len() + text.len() > CONTENT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        content.extend_from_slice(text);
        at_start = line.ends_with(b"\n");
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn address(command: &str) -> String {
    command.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address).to_owned()
}
