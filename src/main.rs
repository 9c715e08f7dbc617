// SPDX-License-Identifier: EUPL-1.2
//! argv → cli → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == "worker") {
        return octroi::worker::child_main();
    }
    ExitCode::SUCCESS
}
