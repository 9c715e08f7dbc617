// SPDX-License-Identifier: EUPL-1.2
//! octroi: passes the arguments to the command line, and returns its exit code.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// After how many milliseconds the allocator gives freed pages back. Its default of a second keeps what a burst of
/// large documents took for as long as the burst lasts.
const GIVES_BACK: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "1");

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let program = arguments.next();
    match arguments.next() {
        // A worker is this program again, before anything else has happened in it.
        Some(first) if first == "worker" => return octroi::worker::child_main(),
        // The allocator reads its settings before any of our code runs, and from the environment alone.
        Some(first) if first == "serve" && env::var_os(GIVES_BACK.0).is_none() => {
            if let (Some(program), Ok(this)) = (&program, env::current_exe()) {
                let mut again = Command::new(this);
                // Comes back only where it cannot be done: then memory is given back later.
                let _ = again.arg0(program).args(env::args_os().skip(1)).env(GIVES_BACK.0, GIVES_BACK.1).exec();
            }
        }
        _ => {}
    }
    octroi::cli::main(env::args_os())
}
