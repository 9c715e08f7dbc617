// SPDX-License-Identifier: EUPL-1.2
//! What the settings point to: missing, unreadable, of the wrong kind.

use std::fs;
use std::path::Path;

use octroi::config::{load, parse};
use tempfile::TempDir;

fn house() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    folder
}

fn verify(folder: &Path, text: &str) -> Result<(), String> {
    let loaded = parse(text, &folder.join("octroi.toml"), std::iter::empty()).unwrap_or_else(|f| panic!("{f}"));
    loaded.verify().map_err(|faults| faults.to_string())
}

#[track_caller]
fn says(folder: &Path, text: &str, parts: &[&str]) {
    let found = verify(folder, text).expect_err("a fault");
    for part in parts {
        assert!(found.contains(part), "{part:?} is not in\n{found}");
    }
}

#[test]
fn an_empty_house_with_policies_is_in_order_and_stays_empty() {
    let house = house();
    assert_eq!(verify(house.path(), ""), Ok(()));
    assert_eq!(fs::read_dir(house.path()).unwrap().count(), 1, "verify left something behind");
}

#[test]
fn a_missing_policy_folder_is_told_even_where_it_is_the_default() {
    let house = TempDir::new().unwrap();
    says(house.path(), "", &["policies.path", "does not exist", "rules/"]);
}

#[test]
fn certificates_and_keys_are_opened() {
    let house = house();
    let text = "[smtp.tls]\nmode = \"required\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    says(
        house.path(),
        text,
        &["octroi.toml:3:15: smtp.tls.certificate: cannot read", "octroi.toml:4:7: smtp.tls.key", "it does not exist"],
    );
    fs::write(house.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    fs::write(house.path().join("key.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    says(house.path(), text, &["key.pem contains no private key", "-----BEGIN PRIVATE KEY-----"]);
    fs::write(house.path().join("key.pem"), "-----BEGIN EC PRIVATE KEY-----\n").unwrap();
    assert_eq!(verify(house.path(), text), Ok(()));
    fs::write(house.path().join("key.pem"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
    says(house.path(), text, &["key.pem contains no private key"]);
}

#[test]
fn a_store_that_cannot_be_written_is_told() {
    let house = house();
    fs::write(house.path().join("file"), "").unwrap();
    says(
        house.path(),
        "[store]\nurl = \"sqlite:file/octroi.db\"\n",
        &["octroi.toml:2:7: store.url", "is not a folder"],
    );
    says(house.path(), "[store]\nurl = \"sqlite:policies\"\n", &["is a folder, not a database"]);
    says(house.path(), "[store]\nblobs = \"file:file\"\n", &["is a file, not a folder"]);
    // Root may write anywhere but here.
    says(
        house.path(),
        "[milter]\nlisten = [\"unix:/proc/octroi/milter.sock\"]\n",
        &["milter.listen: cannot create /proc/octroi"],
    );
    says(
        house.path(),
        "[store]\nurl = \"sqlite:/proc/octroi/octroi.db\"\n",
        &["store.url: cannot create /proc/octroi"],
    );
}

#[test]
fn a_store_without_its_key_is_never_given_a_new_one() {
    let house = house();
    fs::create_dir(house.path().join("var")).unwrap();
    fs::write(house.path().join("var/octroi.db"), "").unwrap();
    says(house.path(), "", &["store.key: the store exists, but its key file", "from your backup"]);
    fs::write(house.path().join("var/octroi.key"), "k").unwrap();
    assert_eq!(verify(house.path(), ""), Ok(()));
}

#[test]
fn users_and_dns_files_are_looked_up() {
    let house = house();
    let text = "[dns]\nstatic = \"mx.json\"\n[cli.accounts]\nno-such-user = { account = \"a\", role = \"reviewer\" }\n";
    says(house.path(), text, &["dns.static: cannot read", "no user \"no-such-user\"", "id -u NAME"]);
}

#[test]
fn a_named_file_that_is_missing_is_no_reason_for_defaults() {
    let faults = load(Some(Path::new("/nonexistent/octroi.toml"))).unwrap_err().to_string();
    assert!(faults.contains("cannot read the settings file /nonexistent/octroi.toml"), "{faults}");
    assert!(faults.contains("--config FILE"));
}
