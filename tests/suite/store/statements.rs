// SPDX-License-Identifier: EUPL-1.2
//! The statements of the store: all in one list, and all through one file that names the engine.

use std::collections::HashSet;

use super::*;

/// Every source of the room, without its comments.
fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let code = |line: &&str| !line.trim_start().starts_with("//");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, text.lines().filter(code).collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

#[test]
fn one_file_names_the_engine() {
    for (name, text) in sources() {
        let names = text.to_lowercase().contains("sqlx") || text.to_lowercase().contains("sqlite");
        assert_eq!(names, name == "engine.rs", "{name}");
    }
}

#[test]
fn no_statement_stands_outside_the_list() {
    for (name, text) in sources() {
        assert_eq!(text.contains("Statement::declared("), name == "sql.rs", "{name}");
        assert!(name == "engine.rs" || !text.contains("raw_sql"), "{name}");
    }
    let texts: Vec<&str> = octroi::store::statements().map(octroi::store::Statement::text).collect();
    assert!(!texts.is_empty());
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "no statement is declared twice");
}
