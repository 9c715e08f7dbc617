// SPDX-License-Identifier: EUPL-1.2
//! Tests that need a program of Debian: what they do where it is missing.

use std::env;
use std::os::unix::fs::MetadataExt;

/// `tests/run` sets it, after it has installed every program.
const ALL: &str = "OCTROI_ALL_TOOLS";

/// Says on standard error why a test does not run.
///
/// # Panics
/// Where every tool is meant to be there: a test that passes by not running would hide that it is not.
pub fn skip(why: &str) {
    assert!(env::var_os(ALL).is_none(), "{ALL} is set, and yet: {why}");
    eprintln!("skipped: {why}");
}

/// Whether the tests run as root, which some programs need. Says on standard error what is not tested where they do not:
/// `tests/run` may be run by anybody who has `sudo`.
pub fn is_root(what: &str) -> bool {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        eprintln!("skipped, for want of root: {what}");
    }
    root
}
