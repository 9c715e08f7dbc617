// SPDX-License-Identifier: EUPL-1.2
//! `octroi demo`: the main job, with nothing set up.

use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The settings, and a store, that a demonstration must leave alone.
const FOREIGN: [(&str, &str); 2] = [("OCTROI_STORE__URL", "sqlite:foreign.db"), ("OCTROI_SMTP__LISTEN", "nonsense")];

#[test]
fn the_morning_is_judged_and_nothing_is_left_behind() {
    let temporary = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_octroi"))
        .args(["demo", "--once"])
        .current_dir(elsewhere.path())
        .env("TMPDIR", temporary.path())
        .envs(FOREIGN)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}\n{wrong}");
    assert!(output.stderr.is_empty(), "{wrong}");
    for (verdict, recipient) in [
        ("passed", "l.fontaine@wanadoo.fr"),
        ("passed", "mathieu.delorme-roy@justice.gouv.example"),
        ("passed", "sophie.amourdedieu@justice.gouv.example"),
        ("held", "jeanbaptiste.lescure@gmail.com"),
        ("held", "karim.zerouali@gmail.com"),
        ("held", "contact@serrures-bonnefoy.example"),
        ("noted", "expertise@cabinet-brillac.example"),
        ("passed", "yann.legoff29@free.fr"),
        ("held", "m.vannier@sfr.fr"),
        ("held", "enquetes@institut-panorama.example"),
        ("held", "matt.delorme@gmail.com"),
        ("held", "claire.vasseur75@gmail.com"),
        ("passed", "j.devries@justitie.rijk.example"),
        ("noted", "lea.quintard@justlce.gouv.example"),
        ("passed", "p.lemercier@laposte.net"),
    ] {
        let line = said.lines().find(|line| line.ends_with(&format!(" {recipient}"))).unwrap_or_default();
        assert_eq!(line.split_whitespace().next(), Some(verdict), "{recipient} in\n{said}");
    }
    assert!(said.contains("is marked restricted or higher. Such content"), "no reason in plain words:\n{said}");
    assert!(
        said.contains("14 mails with 17 copies (one for each recipient): 8 passed, 2 noted (they pass too), 7 held."),
        "{said}"
    );
    assert!(said.contains("10 copies reached the next hop."), "{said}");
    assert!(!said.contains('\x1b'), "colour into a pipe");
    assert!(said.lines().all(|line| line.chars().count() <= 100), "{said}");
    for folder in [temporary.path(), elsewhere.path()] {
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "something is left in {}", folder.display());
    }
}
