// SPDX-License-Identifier: EUPL-1.2
//! The law of the house: a room uses only rooms above it, the pure rooms touch nothing of the world, and every source
//! says its licence first. The order is that of the `pub mod` lines in `src/lib.rs`, and is read from there.

mod circles;
mod code;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use code::{bare, paths};

/// Everything above this line in `lib.rs` is pure.
const BORDER: &str = "// With the world.";
const LICENCE: &str = "SPDX-License-Identifier: EUPL-1.2";
/// What a pure room must not say: sockets, files, clock, randomness, processes, environment.
const WORLD: [&str; 25] = [
    "tokio",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "File::open",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "rand",
    "getrandom",
    "Uuid::new_v4",
    "Uuid::new_v7",
    "Uuid::now_v7",
];

#[test]
fn every_room_uses_only_rooms_above_it_and_pure_rooms_stay_pure() {
    let faults = faults(&sources(root()));
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_source_says_its_licence_first() {
    let mut silent = Vec::new();
    let endings = ["rs", "cedar", "toml", "sh", "list", "cf", "service", "socket", "cedarschema"];
    walk(root(), &mut |path| {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let script = path.ends_with("tests/run") || path.ends_with(".ci/run");
        if !script && !endings.contains(&ending) {
            return;
        }
        let text = fs::read_to_string(path).expect("sources are UTF-8");
        if !says_licence(&text) {
            silent.push(path.display().to_string());
        }
    });
    assert!(silent.is_empty(), "no `{LICENCE}` in the first line (or the second, after `#!`):\n{}", silent.join("\n"));
}

/// A broken house is seen to be broken, each kind of break by itself.
#[test]
fn the_law_sees_every_kind_of_break() {
    let house = |file: &str, text: &str| {
        let lib = "pub mod mail;\npub mod smtp;\n// With the world.\npub mod store;\npub mod cli;\n";
        let sources = [("lib.rs", lib), ("mail/mod.rs", "pub struct Mail;\n"), (file, text)];
        faults(&sources.map(|(file, text)| (file.to_string(), text.to_string())).into())
    };
    let broken = [
        ("mail/a.rs", "use crate::smtp::Session;", "uses `smtp`"),
        ("mail/a.rs", "use crate::{mail::Mail, smtp};", "uses `smtp`"),
        ("mail/a.rs", "fn f() { crate::store::open() }", "uses `store`"),
        ("mail/a.rs", "fn f() { crate :: store :: open() }", "uses `store`"),
        ("mail/a.rs", "use super::super::smtp::Session;", "uses `smtp`"),
        ("mail/mod.rs", "use super::smtp::Session;", "uses `smtp`"),
        ("store.rs", "use super::cli;", "uses `cli`"),
        ("smtp/deep/b.rs", "pub(crate) use crate::store::{Store, row::Row};", "uses `store`"),
        ("smtp/a.rs", "use crate::*;", "whole crate"),
        ("smtp/a.rs", "use std::{fmt, fs};", "says `std::fs`"),
        ("smtp/a.rs", "use std::{net::{IpAddr, TcpStream}, fmt};", "says `std::net::TcpStream`"),
        ("smtp/a.rs", "fn f() { std::fs::read(p); }", "says `std::fs`"),
        ("smtp/a.rs", "fn f() { let t = std::time::Instant::now(); }", "says `Instant::now`"),
        ("smtp/a.rs", "fn f() { jiff::Timestamp::now() }", "says `Timestamp::now`"),
        ("smtp/a.rs", "async fn f() { tokio::spawn(g()); }", "says `tokio`"),
        ("smtp/a.rs", "fn f() { uuid::Uuid::now_v7() }", "says `Uuid::now_v7`"),
        ("smtp/a.rs", "fn f() { rand::random() }", "says `rand`"),
        ("smtp/a.rs", "fn c(q: char) -> bool { q == '\"' }\nuse crate::cli;", "uses `cli`"),
        ("attic/a.rs", "fn f() {}", "no room"),
    ];
    for (file, text, expected) in broken {
        let found = house(file, text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{text}: expected {expected}, found {found:?}");
    }
    let sound = [
        ("smtp/a.rs", "use crate::mail::Mail;\nuse crate::smtp::b;\nuse std::net::IpAddr;"),
        ("store/a.rs", "use crate::{mail, smtp::{Session, Event}};\nuse std::fs;\nuse tokio::fs::File;"),
        ("cli/a.rs", "use crate::store::Store;\nuse super::store_args;"),
        ("mail/a.rs", "// see crate::store\n/* crate::cli /* nested */ std::fs */\nconst S: &str = \"crate::store\";"),
        ("mail/a.rs", "const S: &str = r#\"\"std::fs\" crate::cli\"#;\nfn f<'a>(x: &'a str) -> char { '\\'' }"),
        ("mail/a.rs", "use crate::mail::operand;\nfn brand() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}"),
        ("main.rs", "fn main() { octroi::cli::run() }"),
    ];
    for (file, text) in sound {
        assert_eq!(house(file, text), Vec::<String>::new(), "{text}");
    }
    assert!(says_licence(&format!("#!/bin/sh\n# {LICENCE}\n")) && !says_licence(&format!("\n\n// {LICENCE}\n")));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn says_licence(text: &str) -> bool {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let line = if first.starts_with("#!/") { lines.next().unwrap_or_default() } else { first };
    line.contains(LICENCE)
}

/// Every file of `src`, by its path below it.
fn sources(root: &Path) -> BTreeMap<String, String> {
    let src = root.join("src");
    let mut sources = BTreeMap::new();
    walk(&src, &mut |path| {
        if path.extension().is_some_and(|ending| ending == "rs") {
            let below = path.strip_prefix(&src).expect("walked from src").to_string_lossy().into_owned();
            sources.insert(below, fs::read_to_string(path).expect("sources are UTF-8"));
        }
    });
    assert!(sources.len() > 10, "src was not found");
    sources
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let entry = entry.expect("a folder of ours");
        let (path, name) = (entry.path(), entry.file_name());
        match entry.file_type().expect("a folder of ours") {
            kind if kind.is_dir() && !["target", ".git", "var"].iter().any(|skip| name == *skip) => walk(&path, visit),
            kind if kind.is_file() => visit(&path),
            _ => {}
        }
    }
}

/// Every break of the law, one line each: file, line, and what is wrong.
fn faults(sources: &BTreeMap<String, String>) -> Vec<String> {
    let lib = &sources["lib.rs"];
    assert!(lib.contains(BORDER), "lib.rs has no `{BORDER}`");
    let rooms: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let pure = lib.split(BORDER).next().unwrap_or_default().matches("\npub mod ").count()
        + usize::from(lib.starts_with("pub mod "));

    let mut faults = Vec::new();
    for (file, text) in sources {
        // `main.rs` stands below all rooms, `lib.rs` is the map.
        if file == "main.rs" || file == "lib.rs" {
            continue;
        }
        let room = file.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        let Some(here) = rooms.iter().position(|name| *name == room) else {
            faults.push(format!("src/{file}: `{room}` is no room of lib.rs"));
            continue;
        };
        let code = bare(text);
        let paths = paths(&code);
        for (line, path) in &paths {
            match target(path, file) {
                Some("*") => faults.push(format!("src/{file}:{line}: uses the whole crate")),
                Some(name) if rooms.iter().position(|room| *room == name).is_some_and(|there| there > here) => {
                    faults.push(format!("src/{file}:{line}: `{room}` uses `{name}`, which is below it"));
                }
                _ => {}
            }
        }
        // Tests of a pure room may read the clock or a sample file.
        let tests = code.find("#[cfg(test)]\nmod ").map_or(usize::MAX, |at| code[..at].matches('\n').count() + 1);
        for (line, path) in paths.iter().filter(|(line, _)| here < pure && *line < tests) {
            let said = |word: &&&str| contains_path(path, word);
            if let Some(word) = WORLD.iter().find(said) {
                faults.push(format!("src/{file}:{line}: `{room}` is pure and says `{word}`"));
            }
        }
    }
    faults
}

/// The room a path names, if it goes through the crate's root: `crate::ROOM…`, or enough `super::` to get there.
fn target<'a>(path: &'a str, file: &str) -> Option<&'a str> {
    let mut names = path.split("::");
    let from_crate = path.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
    let supers = names.by_ref().take_while(|name| *name == "super").count();
    // `mail.rs` and `mail/mod.rs` are one step below the root, `mail/address.rs` two.
    let depth = file.split('/').filter(|part| *part != "mod.rs").count();
    from_crate.or_else(|| (supers >= depth).then(|| path.split("::").nth(supers)).flatten().filter(|name| *name != "*"))
}

/// Whether the names of `word` stand in `path` one after the other, as whole names. A single lower-case name (a crate) must
/// come first.
fn contains_path(path: &str, word: &str) -> bool {
    let (path, word): (Vec<&str>, Vec<&str>) = (path.split("::").collect(), word.split("::").collect());
    let is_crate = word.len() == 1 && word[0].starts_with(char::is_lowercase);
    match is_crate || word[0] == "std" {
        true => path.starts_with(&word),
        false => path.windows(word.len()).any(|names| names == word),
    }
}
