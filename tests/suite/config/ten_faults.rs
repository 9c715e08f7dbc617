// SPDX-License-Identifier: EUPL-1.2
//! `octroi check` over settings and policies with a fault in every kind of file: all are told in one run.

use std::fs;
use std::process::Command;

const FILES: [(&str, &str); 11] = [
    ("octroi.toml", "[smtp]\nlisen = [\"127.0.0.1:10025\"]\n"),
    ("policies/domains/own.list", "town.example\ntwo words.example\n"),
    ("policies/domains/allowed.list", "x@home.example reason=\"no owner\"\n"),
    ("policies/domains/socail.list", "social.example\n"),
    ("policies/units/people.csv", "mail,gvien\na@town.example,A\n"),
    ("policies/units/units.toml", "[units.sg]\ntitle = \"x\"\n"),
    ("policies/limits.toml", "[[limit]]\nper = \"sendr\"\nrecipients = 3\nevery = \"1h\"\nreason = \"r\"\n"),
    ("policies/notices/fr/held.md", "# Titre\n\nLe {dat}.\n"),
    (
        "policies/rules/a.cedar",
        "@id(\"a\")\n@disposition(\"quarantin\")\n@reason(\"r\")\nforbid (principal, action, resource) when { context.rnk >= 2 };\n",
    ),
    ("policies/markings/own.toml", "scheme = \"x\"\ntitle = \"x\"\n[[level]]\nid = \"l\"\nrnak = 2\nsource = \"x\"\n"),
    ("policies/markings/odd.toml", "scheme = \"y\n"),
];

#[test]
fn every_fault_of_every_file_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let at = folder.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
    let check = Command::new(env!("CARGO_BIN_EXE_octroi"))
        .args(["check", "--config"])
        .arg(folder.path().join("octroi.toml"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(1));
    let told = String::from_utf8(check.stderr).unwrap();
    for (place, help) in [
        ("octroi.toml:2:1", "did you mean \"listen\"?"),
        ("domains/own.list:2:5", "write options as `key=value`"),
        ("domains/allowed.list:1:1", "owner=sg/budget"),
        ("domains/socail.list", "did you mean `social.list`?"),
        ("units/people.csv:1:6", "did you mean `given`?"),
        ("units/units.toml:1:2", "did you mean `unit`?"),
        ("limits.toml:2:7", "did you mean `sender`?"),
        ("notices/fr/held.md:3:4", "did you mean `date`?"),
        ("rules/a.cedar:2:1", "did you mean `quarantine`?"),
        ("rules/a.cedar:4:45", "did you mean `rank`?"),
        ("markings/own.toml:5:1", "did you mean `rank`?"),
        ("markings/odd.toml:1:", "markings/france.toml"),
    ] {
        assert!(told.contains(place) && told.contains(help), "{place} ({help}) is not told:\n{told}");
    }
}
