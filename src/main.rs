// SPDX-License-Identifier: EUPL-1.2
//! argv → cli → exit code.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    octroi::cli::main(std::env::args_os())
}
