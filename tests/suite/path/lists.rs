// SPDX-License-Identifier: EUPL-1.2
//! `octroi lists` through a real gateway: what is imported counts at once and after a restart, exports have canaries that
//! only the data protection officer sees, and each deed is in the audit.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::CLERK;
use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;

const ENTRY: &str = r#"title = "Agents"
owner = "budget"
contact = "budget@justice.gouv.example"
[[purpose]]
text = "décret 1"
from = 2022-11-23
senders = ["portail@justice.gouv.example"]
content = "free"
recipients = ["paie.example"]
"#;
const RULE: &str = r#"
@id("rows") @disposition("quarantine") @reason("rows of a list.")
forbid (principal, action, resource) when { !context.list_rows.isEmpty() && resource.class != "own" }
unless { resource.may_have_rows };
"#;

fn house(hop: &Hop, roles: &str) -> Setup {
    let mut setup = Setup::new(hop.address);
    setup.roles = roles.to_owned();
    setup.policy("lists/agents.toml", ENTRY);
    setup.policy("rules/rows.cedar", RULE);
    setup
}

fn write(setup: &Setup, name: &str, content: &[u8]) -> PathBuf {
    let path = setup.folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn person(n: u32) -> String {
    format!("prenom{n}.nom@boite{}.example", n % 3)
}

/// The owner's file: in windows-1252, with a title above, a row without and one with half an address, and one person twice.
fn file(setup: &Setup) -> PathBuf {
    let mut text = String::from("Liste des agents d\u{e9}l\u{e9}gu\u{e9}s;;\nPr\u{e9}nom;Matricule;Courriel\n");
    for n in 0..40 {
        text.push_str(&format!("Prenom{n};{};{}\n", 47000 + n, person(n)));
    }
    text.push_str("Zo\u{e9};;\nLuc;47100;luc@\nAnne;47101;PRENOM3.nom+paie@boite0.example\n");
    write(setup, "agents.csv", &encoding_rs::WINDOWS_1252.encode(&text).0)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ok(setup: &Setup, arguments: &[&str]) -> Vec<Value> {
    let output = setup.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn audit(setup: &Setup) -> Vec<(String, String)> {
    let mut entries: Vec<_> = ok(setup, &["audit", "list", "--json"])
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["object"].as_str().unwrap().to_owned()))
        .collect();
    entries.reverse();
    entries
}

fn rows(from: u32, to: u32, id: &str) -> Vec<u8> {
    let rows: String = (from..to).map(|n| format!("{}\tPRENOM {n}\r\n", person(n).to_uppercase())).collect();
    format!(
        "From: <{CLERK}>\r\nSubject: fichier\r\nMessage-ID: <{id}@x.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nci-joint\r\n--b\r\nContent-Type: text/csv\r\n\
         Content-Disposition: attachment; filename=a.csv\r\n\r\n{rows}\r\n--b--\r\n"
    )
    .into_bytes()
}

#[test]
fn what_is_imported_counts_at_once_and_after_a_restart() {
    let hop = Hop::friendly();
    let setup = house(&hop, r#"["policy-admin", "data-protection-officer"]"#);
    let gateway = setup.serve();
    let file = file(&setup);
    let mut client = Client::greet(gateway.address);
    // Nobody is on the list yet.
    client.mail(CLERK, &["x@partner.example"], &rows(0, 14, "before"));
    assert!(setup.copies().is_empty());

    let imported =
        &ok(&setup, &["lists", "import", "agents", file.to_str().unwrap(), "--date", "2026-11-30", "--json"])[0];
    let expected =
        [("rows", 43), ("members", 40), ("duplicates", 1), ("without_address", 1), ("invalid", 1), ("canaries", 0)];
    for (key, number) in expected {
        assert_eq!(imported[key], number, "{key}: {imported}");
    }
    assert_eq!(
        (&imported["list"], &imported["export"], &imported["bad_lines"]),
        (&"agents".into(), &Value::Null, &vec![44].into())
    );
    assert!(imported["bytes"].as_u64() > Some(480) && imported["version"].is_string(), "{imported}");
    assert!(!imported.to_string().contains('@'), "{imported}");

    // To a partner, to one whom the register names, to ourselves; ten rows are none.
    let everyone = ["x@partner.example", "y@paie.example", "z@justice.gouv.example"];
    client.mail(CLERK, &everyone, &rows(0, 14, "after"));
    client.mail(CLERK, &["x@partner.example"], &rows(0, 10, "ten"));
    let held: Vec<String> = setup.copies().into_iter().map(|copy| copy.recipient).collect();
    assert_eq!(held, ["x@partner.example"]);

    // Another export stands beside; a label is taken by its next import.
    let old = write(
        &setup,
        "old.ldif",
        format!("dn: cn=a\nmail: {}\n\ndn: cn=b\nmail: {}\n", person(3), person(99)).as_bytes(),
    );
    for _ in 0..2 {
        ok(&setup, &["lists", "import", "agents", old.to_str().unwrap(), "--export", "paie 2025", "--json"]);
    }
    let shown = || ok(&setup, &["lists", "show", "agents", "--json"]).remove(0);
    let standings = || {
        let matched = ok(&setup, &["lists", "match", "Prenom3.NOM@boite0.example", "--reason", "plainte 7", "--json"]);
        matched[0]["lists"].clone()
    };
    let both = serde_json::json!([
        {"name": "agents", "export": null, "position": 3},
        {"name": "agents", "export": "paie 2025", "position": 0},
    ]);
    assert_eq!(standings(), both);
    let before = shown();
    assert_eq!(
        (&before["members"], &before["in_force"], &before["owner"]),
        (&40.into(), &"décret 1".into(), &"budget".into())
    );
    assert_eq!(before["exports"].as_array().unwrap().len(), 2, "{before}");
    let nobody = setup.run(&["lists", "match", "nobody@boite0.example", "--reason", "plainte 7"]);
    assert_eq!(nobody.status.code(), Some(1));

    drop(gateway);
    let gateway = setup.serve();
    assert_eq!((shown(), standings()), (before, both));
    Client::greet(gateway.address).mail(CLERK, &["x@partner.example"], &rows(2, 20, "again"));
    assert_eq!(setup.copies().len(), 2);

    let audit = audit(&setup);
    let imports: Vec<_> = audit.iter().filter(|(action, _)| action == "list-import").collect();
    assert!(imports.len() == 3 && imports.iter().all(|(_, object)| object == "agents"), "{audit:?}");
    assert!(
        audit.iter().filter(|(action, _)| action == "list-match").all(|(_, object)| !object.contains('@')),
        "{audit:?}"
    );
    // The members are hashes, and the key is apart.
    for entry in std::fs::read_dir(setup.folder.path().join("var/lists")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window.eq_ignore_ascii_case(b"prenom")));
    }
    assert!(setup.folder.path().join("var/lists.key").exists());
}

const STOCK: [&str; 8] = [
    "zoe.roux@boite1.example",
    "lea.petit@boite2.example",
    "paul.durand@boite0.example",
    "ines.simon@boite1.example",
    "karim.leroy@boite2.example",
    "luc.moreau@boite0.example",
    "eva.garcia@boite1.example",
    "tom.fournier@boite2.example",
];

#[test]
fn an_export_has_canaries_that_only_the_officer_sees() {
    let hop = Hop::friendly();
    let setup = house(&hop, r#"["policy-admin", "data-protection-officer"]"#);
    std::fs::create_dir_all(setup.folder.path().join("var")).unwrap();
    write(&setup, "var/canaries.txt", STOCK.join("\n").as_bytes());
    let gateway = setup.serve();
    let file = file(&setup);
    let (file, out) = (file.to_str().unwrap(), setup.folder.path().join("out.csv"));
    let export = |out: &Path, more: &[&str]| {
        let mut arguments =
            vec!["lists", "export", "agents", file, "--for", "paie, marché 12", "-o", out.to_str().unwrap(), "--json"];
        arguments.extend(more);
        setup.run(&arguments)
    };
    let first = export(&out, &["--canaries", "3"]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let told = format!("{}{}", String::from_utf8_lossy(&first.stdout), said(&first));
    assert!(!told.contains('@'), "{told}");
    let imported: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((&imported["canaries"], &imported["members"], &imported["rows"]), (&3.into(), &43.into(), &46.into()));
    let (label, written) = (imported["export"].as_str().unwrap(), std::fs::read(&out).unwrap());
    let text = encoding_rs::WINDOWS_1252.decode(&written).0.into_owned();
    let planted: Vec<&str> = STOCK.into_iter().filter(|canary| text.contains(canary)).collect();
    assert_eq!(planted.len(), 3, "{text}");
    assert!(std::fs::read_dir(setup.folder.path()).unwrap().all(|e| !e.unwrap().path().ends_with("out.csv.part")));

    // How many, and with a reason which.
    let counts = ok(&setup, &["lists", "canaries", "agents", "--json"]);
    assert_eq!(
        (&counts[0]["canaries"], &counts[0]["addresses"], &counts[0]["for"]),
        (&3.into(), &Value::Null, &"paie, marché 12".into())
    );
    let revealed = ok(&setup, &["lists", "canaries", "agents", "--reason", "dossier 12", "--json"]);
    let addresses: Vec<&str> =
        revealed[0]["addresses"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!(addresses, planted);
    // Who asks by chance learns no canary; a member is found on the export.
    let matched = setup.run(&["lists", "match", planted[0], "--reason", "x7"]);
    assert_eq!(matched.status.code(), Some(1), "{matched:?}");
    assert!(setup.run(&["lists", "match", &person(5), "--reason", "x7"]).status.success());

    // The label is the export's; another export has other canaries; no more than the stock has.
    let again = setup.run(&["lists", "import", "agents", file, "--export", label]);
    assert!(again.status.code() == Some(1) && said(&again).contains("canaries"), "{}", said(&again));
    assert!(said(&export(&out, &[])).contains("exists"));
    let second = setup.folder.path().join("second.csv");
    assert!(export(&second, &["--canaries", "5"]).status.success());
    let text = std::fs::read_to_string(&second)
        .unwrap_or_else(|_| encoding_rs::WINDOWS_1252.decode(&std::fs::read(&second).unwrap()).0.into_owned());
    assert!(planted.iter().all(|canary| !text.contains(canary)));
    let third = export(&setup.folder.path().join("third.csv"), &["--canaries", "1"]);
    assert!(third.status.code() == Some(1) && said(&third).contains("0 mailboxes left"), "{}", said(&third));
    assert!(!setup.folder.path().join("third.csv").exists() && !setup.folder.path().join("third.csv.part").exists());

    // Nothing of them in log and audit; a leak is a fault that names none.
    let audit = audit(&setup);
    // The entry comes before the deed: the export that did not come to be has one too.
    assert_eq!(audit.iter().filter(|(action, _)| action == "list-export").count(), 3, "{audit:?}");
    assert!(audit.contains(&("look".to_owned(), "agents".to_owned())), "{audit:?}");
    setup.policy("units/people.csv", &format!("mail,given,surname\n{},Zo,Ro\n", planted[0]));
    let checked = setup.run(&["check"]);
    assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
    assert!(
        said(&checked).contains("units/people.csv") && said(&checked).contains("a canary of the list `agents`"),
        "{}",
        said(&checked)
    );
    for canary in STOCK {
        assert!(!said(&checked).contains(canary) && !gateway.log().contains(canary), "{canary}");
    }
}

#[test]
fn each_role_does_its_own_and_a_file_that_is_no_list_changes_nothing() {
    let hop = Hop::friendly();
    let admin = house(&hop, r#""policy-admin""#);
    let gateway = admin.serve();
    let file = file(&admin);
    let path = file.to_str().unwrap();
    let code = |arguments: &[&str]| {
        let output = admin.run(arguments);
        (output.status.code(), said(&output))
    };
    let (unknown, why) = code(&["lists", "import", "agent", path]);
    assert!(unknown == Some(1) && why.contains("did you mean `agents`?"), "{why}");
    ok(&admin, &["lists", "import", "agents", path, "--key", "Matricule", "--json"]);
    let shown = ok(&admin, &["lists", "show", "--json"]);
    for (content, says) in [(&b"\x00\x01\x02\x00\x03"[..], "text"), (b"a;b\nc;d\n", "--column"), (b"", "empty")] {
        let broken = write(&admin, "broken", content);
        let (code, why) = code(&["lists", "import", "agents", broken.to_str().unwrap()]);
        assert!(code == Some(2) && why.contains(says), "{code:?} {why}");
    }
    assert_eq!(ok(&admin, &["lists", "show", "--json"]), shown);
    for denied in
        [&["lists", "match", "a@b.example", "--reason", "x7"][..], &["lists", "canaries", "agents", "--reason", "x7"]]
    {
        let (code, why) = code(denied);
        assert!(code == Some(1) && why.contains("policy-admin"), "{denied:?}: {why}");
    }
    assert_eq!(code(&["lists", "canaries", "agents"]).0, Some(0));
    drop(gateway);

    let reviewer = house(&hop, r#""reviewer""#);
    let _gateway = reviewer.serve();
    let (out, reason) = (reviewer.folder.path().join("o"), ["--reason", "x7"]);
    for denied in [
        vec!["lists", "import", "agents", path],
        vec!["lists", "export", "agents", path, "--for", "x", "-o", out.to_str().unwrap()],
        vec!["lists", "canaries", "agents"],
        [&["lists", "canaries", "agents"][..], &reason].concat(),
    ] {
        let output = reviewer.run(&denied);
        assert!(output.status.code() == Some(1) && said(&output).contains("may not"), "{denied:?}: {}", said(&output));
    }
    assert!(!out.exists());
    assert_eq!(ok(&reviewer, &["lists", "show", "--json"]).len(), 1);
}
