// SPDX-License-Identifier: EUPL-1.2
//! octroi: passes the arguments to the command line, and returns its exit code.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // A worker is this program again, before anything else has happened in it.
    if std::env::args_os().nth(1).is_some_and(|first| first == "worker") {
        return octroi::worker::child_main();
    }
    octroi::cli::main(std::env::args_os())
}
