// SPDX-License-Identifier: EUPL-1.2
//! The worker process: reads a file from stdin, opens it, writes the extract to stdout, and starts again.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;

use super::frame::{HEAD, Request, Told, head, lengths};
use super::probe::still_possible;
use super::protection::Refused;
use super::sandbox;
use crate::document::{self, Budget, DocumentError, Extract};

/// Address space, bytes, where nobody says how much.
pub(super) const MEMORY: u64 = 1 << 30;

/// Stack of the reading thread: parsers recurse over nested structures.
const STACK: usize = 64 << 20;

/// Runs a worker until its stdin closes. The command line calls this before anything else when its first argument is
/// `worker`; nothing was opened, no thread was started. What follows it: the bytes of memory that it may have; `try` to
/// say what the sandbox allows, or `picture` with a program and its arguments to become that.
pub fn child_main() -> ExitCode {
    // A panic is this document's end, never a half-read answer: the parent sees the socket close.
    std::panic::set_hook(Box::new(|_| {}));
    let mut arguments = std::env::args_os().skip(2).peekable();
    let memory = arguments.next_if(|first| first.to_str().is_some_and(|first| first.parse::<u64>().is_ok()));
    let memory = memory.and_then(|bytes| bytes.to_str()?.parse().ok()).unwrap_or(MEMORY);
    let deed = arguments.next();
    if deed.as_ref().is_some_and(|deed| deed == "picture") {
        return become_program(arguments, memory);
    }
    let gateway = std::os::unix::process::parent_id();
    let tries = deed.is_some_and(|deed| deed == "try");
    // Before there is a second thread: the first is not left outside, and the others inherit.
    let refused = sandbox::enclose(memory);
    let reader = std::thread::Builder::new().stack_size(STACK).spawn(move || match tries {
        true => confess("its reading thread", gateway, refused),
        false => serve(refused, &mut std::io::stdin().lock(), &mut std::io::stdout().lock()),
    });
    let first = if tries { confess("its first thread", gateway, Refused::default()) } else { Ok(()) };
    match reader.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) if first.is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Writes down what the kernel refused, and what this thread can still do.
fn confess(thread: &str, gateway: u32, refused: Refused) -> std::io::Result<()> {
    let mut text = String::new();
    for protection in refused.iter() {
        text.push_str(&format!("the kernel does not give it {}\n", protection.as_str()));
    }
    for deed in still_possible(gateway) {
        text.push_str(&format!("{thread} can {deed}\n"));
    }
    std::io::stdout().write_all(text.as_bytes())
}

/// Steps behind the limits of a reader of pictures and becomes it.
fn become_program(mut arguments: impl Iterator<Item = OsString>, memory: u64) -> ExitCode {
    let Some(program) = arguments.next() else { return ExitCode::FAILURE };
    // What is refused here a worker has told of: the kernel is the same.
    let _ = sandbox::enclose_program(Path::new(&program), memory);
    // Comes back only where it could not be started.
    let _ = std::process::Command::new(program).args(arguments).exec();
    ExitCode::FAILURE
}

fn serve(refused: Refused, input: &mut dyn Read, output: &mut dyn Write) -> std::io::Result<()> {
    // Before the first hostile octet comes: afterwards nobody would believe it.
    output.write_all(&[refused.octet()])?;
    output.flush()?;
    loop {
        let mut start = [0; HEAD];
        match input.read_exact(&mut start) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            outcome => outcome?,
        }
        let (json, raw) = lengths(start);
        // The parent is trusted: these are lengths of what it holds in memory itself.
        let mut request = vec![0; json as usize];
        input.read_exact(&mut request)?;
        let mut bytes = vec![0; raw as usize];
        input.read_exact(&mut bytes)?;
        let request: Request = serde_json::from_slice(&request)?;
        let (answer, extract) = answer(&request, &bytes)?;
        let mut pictures = Vec::new();
        extract.walk("", &mut |_, extract| pictures.extend(&extract.pictures));
        let raw = pictures.iter().map(|picture| picture.content.len()).sum();
        output.write_all(&head(answer.len(), raw))?;
        output.write_all(&answer)?;
        pictures.iter().try_for_each(|picture| output.write_all(&picture.content))?;
        output.flush()?;
    }
}

/// Opens the file as far as was asked. An answer longer than the gateway has memory for becomes a fault of the file's.
fn answer(request: &Request, bytes: &[u8]) -> serde_json::Result<(Vec<u8>, Extract)> {
    let mut budget = Budget { picture_bytes: request.pictures, ..request.extent.budget() };
    let extract = document::open(&request.name, bytes, &mut budget, &request.passwords);
    let has_more = request.extent.ends_before(&extract, &budget);
    let told = Told { extract, has_more };
    let answer = serde_json::to_vec(&told)?;
    if answer.len() <= request.extent.answer() {
        return Ok((answer, told.extract));
    }
    let Extract { name, kind, size, .. } = told.extract;
    let extract = Extract { name, kind, size, fault: Some(DocumentError::Budget), ..Extract::default() };
    let told = Told { extract, has_more: true };
    Ok((serde_json::to_vec(&told)?, told.extract))
}
