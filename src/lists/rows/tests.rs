// SPDX-License-Identifier: EUPL-1.2
//! Whole files, read as an operator gives them.

use std::io::Cursor;

use encoding_rs::{WINDOWS_1252, WINDOWS_1256};
use proptest::prelude::*;

use super::xlsx::sample;
use super::*;
use crate::lists::ListKey;

/// Address, position and keys of a member.
type Known = (String, u32, Vec<(u16, String)>);
type Read = (Imported, Vec<Known>);

fn read(bytes: impl AsRef<[u8]>, column: Option<&str>, keys: &[&str]) -> Result<Read, RowsError> {
    let options = Options { column: column.map(String::from), keys: keys.iter().map(ToString::to_string).collect() };
    let mut members = Vec::new();
    let imported = import(&mut Cursor::new(bytes.as_ref()), &options, &ListKey::new([7; 32]), &mut |member| {
        members.push((member.identity.to_string(), member.position, member.keys.to_vec()));
    })?;
    Ok((imported, members))
}

fn names(members: &[Known]) -> Vec<(&str, u32)> {
    members.iter().map(|(name, position, _)| (name.as_str(), *position)).collect()
}

const PEOPLE: &str = "Nom;Prénom;Adresse;Matricule\r\nMartin;Zoé;Zoe.Martin@town.example;A-0001\r\n\
                      Petit;Léa;;A-0002\r\nDurand;Bo;not an address;A-0003\r\n;;;\r\n\
                      Martin;Z.;zoe.martin+x@TOWN.example;A-0004\r\nRoux;Ed;ed@gmail.com;A-0005\r\n";

#[test]
fn a_list_is_counted_and_kept_in_its_order() {
    let (imported, members) = read(PEOPLE, Some("adresse"), &["matricule"]).unwrap();
    assert_eq!(names(&members), [("zoe.martin@town.example", 0), ("ed@gmail.com", 4)]);
    assert_eq!(members[1].2, [(0, "a0005".to_owned())]);
    let counts = (imported.rows, imported.members, imported.duplicates, imported.without_address, imported.invalid);
    assert_eq!(counts, (5, 2, 1, 1, 1));
    assert_eq!(imported.bad_lines, [4]);
    assert_eq!((imported.columns.address, imported.columns.preamble), (2, 1));
    let json = serde_json::to_string(&imported.report("agents", None)).unwrap();
    assert!(json.starts_with("{\"list\":\"agents\",\"export\":null,\"rows\":5,\"members\":2,\"duplicates\":1,\"without_address\":1,\"invalid\":1,\"canaries\":0,\"bytes\":0,\"seconds\":0.0,\"digest\":\"\""), "{json}");
    assert!(!json.contains("not an"), "{json}");
}

#[test]
fn letters_and_delimiters_change_nothing() {
    let expected = read(PEOPLE, Some("Adresse"), &[]).unwrap().1;
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let high = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let arabic = PEOPLE.replace("Prénom", "الاسم الشخصي").replace("Zoé", "محمد").replace("Léa", "ليلى");
    for bytes in [
        PEOPLE.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", PEOPLE.as_bytes()].concat(),
        PEOPLE.replace(';', "\t").into_bytes(),
        PEOPLE.replace(';', "|").into_bytes(),
        PEOPLE.replace("\r\n", "\n").into_bytes(),
        PEOPLE.replace("\r\n", "\r").into_bytes(),
        format!("sep=;\r\n{PEOPLE}").into_bytes(),
        format!("Liste des agents\r\n\r\n{PEOPLE}").into_bytes(),
        WINDOWS_1252.encode(PEOPLE).0.into_owned(),
        WINDOWS_1256.encode(&arabic).0.into_owned(),
        wide(PEOPLE),
        wide(&format!("\u{feff}{PEOPLE}")),
        high(PEOPLE),
    ] {
        let (imported, members) =
            read(&bytes, Some("adresse"), &[]).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        assert_eq!(members, expected, "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(imported.columns.names[2], "Adresse");
        assert_eq!(read(&bytes, Some("ADRESSE"), &["Matricule"]).unwrap().0.members, 2);
    }
}

#[test]
fn the_column_is_the_only_one_or_the_named_one() {
    let two = "mail,private\na@town.example,a@web.example\nb@town.example,b@web.example\n";
    let error = read(two, None, &[]).unwrap_err().to_string();
    assert!(error.starts_with("`mail` and `private` have addresses"), "{error}");
    assert_eq!(read(two, Some("2"), &[]).unwrap().1[0].0, "a@web.example");
    assert_eq!(read(two, Some("Private"), &[]).unwrap().1[1].0, "b@web.example");
    let error = read(two, Some("privat"), &[]).unwrap_err().to_string();
    assert_eq!(error, "there is no column `privat` (did you mean `private`?)");
    let error = read(two, Some("mail"), &["staff"]).unwrap_err().to_string();
    assert_eq!(error, "there is no column `staff`");
    // Few have given a second one: the first is meant, and the second is named.
    let mut few = String::from("mail,private\n");
    (0..20).for_each(|n| few.push_str(&format!("a{n}@town.example,{}\n", if n == 3 { "b@web.example" } else { "" })));
    let (imported, _) = read(&few, None, &[]).unwrap();
    assert_eq!((imported.columns.address, imported.columns.others), (0, vec![1]));
    assert!(matches!(read("a,b\nc,d\n", None, &[]), Err(RowsError::NoColumn)));
    // Nine of ten.
    let nine = |bad: usize| {
        (0..20).map(|n| if n >= 20 - bad { "x\n".into() } else { format!("a{n}@x.example\n") }).collect::<String>()
    };
    assert_eq!(read(nine(2), None, &[]).unwrap().0.invalid, 2);
    assert!(matches!(read(nine(3), None, &[]), Err(RowsError::NoColumn)));
    // A file of addresses and nothing else.
    assert_eq!(
        names(&read("b@x.example\na@x.example\n", None, &[]).unwrap().1),
        [("b@x.example", 0), ("a@x.example", 1)]
    );
}

#[test]
fn ldif_and_workbooks_are_lists_too() {
    let ldif = "version: 1\n\ndn: uid=z\nuid: A-0001\nmail: zoe@town.example\n\ndn: uid=y\nuid: A-0002\n\n\
                dn: uid=x\nuid: A-0003\nmail: bo@town.example\nmail: b.o@town.example\n";
    let (imported, members) = read(ldif, None, &["uid"]).unwrap();
    assert_eq!(names(&members), [("zoe@town.example", 0), ("bo@town.example", 2), ("b.o@town.example", 2)]);
    assert_eq!((imported.rows, imported.without_address), (3, 1));
    let rows: Vec<Vec<String>> = PEOPLE.lines().map(|line| line.split(';').map(String::from).collect()).collect();
    let book = sample::workbook(&rows);
    let (imported, members) = read(&book, Some("Adresse"), &["Matricule"]).unwrap();
    assert_eq!(members, read(PEOPLE, Some("Adresse"), &["Matricule"]).unwrap().1);
    assert_eq!((imported.rows, imported.bad_lines), (5, vec![4]));
}

#[test]
fn what_is_no_list_is_said_in_words() {
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as xlsx"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0", "no text"),
        (b"PK\x03\x04nonsense", "package is broken"),
        (b"a;b\n", "--column"),
        (b"\n\n\n", "--column"),
    ] {
        let error = read(bytes, None, &[]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let zip = sample::package(&[("a.txt", "x")]);
    assert!(read(&zip, None, &[]).unwrap_err().to_string().contains("no workbook"));
}

#[test]
fn bombs_do_not_explode() {
    let rows = "<row></row>".repeat(2_000_000);
    let xml = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let rels = "<Relationships><Relationship Id=\"r\" Target=\"worksheets/sheet1.xml\"/></Relationships>";
    let book = sample::package(&[
        ("xl/workbook.xml", "<workbook><sheets><sheet name=\"x\" r:id=\"r\"/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", rels),
        ("xl/worksheets/sheet1.xml", &xml),
    ]);
    assert!(book.len() < 1 << 20);
    let error = read(&book, None, &[]).unwrap_err().to_string();
    assert!(error.contains("beyond all bounds"), "{error}");
}

proptest! {
    #[test]
    fn no_file_is_a_surprise(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, None, &[]);
        let _ = read(&bytes, Some("1"), &["2"]);
        let _ = read([b"dn: x\nmail: a@x.example\n", &bytes[..]].concat(), None, &[]);
        let _ = read([b"PK\x03\x04", &bytes[..]].concat(), None, &[]);
    }

    #[test]
    fn a_broken_workbook_is_no_surprise(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let rows: Vec<Vec<String>> = (0..20).map(|n| vec![format!("n{n}"), format!("a{n}@x.example")]).collect();
        let mut book = sample::workbook(&rows);
        let at = at.index(book.len());
        book[at] = with;
        let _ = read(&book, None, &[]);
    }

    #[test]
    fn every_format_gives_the_same_members(
        people in prop::collection::vec(("[A-Za-zéüß ,;'\"]{0,12}", "[a-z]{1,6}"), 1..40),
        address_first in any::<bool>(),
    ) {
        let rows: Vec<Vec<String>> = std::iter::once(vec!["name".to_owned(), "mail".to_owned()])
            .chain(people.iter().map(|(name, local)| vec![name.trim().to_owned(), format!("{local}@town.example")]))
            .map(|mut row| {
                if address_first {
                    row.reverse();
                }
                row
            })
            .collect();
        let quoted = |d: &str| rows.iter().map(|row| {
            let cells: Vec<String> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            cells.join(d) + "\r\n"
        }).collect::<String>();
        let expected: Vec<Known> = {
            let mut seen = std::collections::HashSet::new();
            people.iter().zip(0..).filter(|((_, local), _)| seen.insert(local.clone()))
                .map(|((_, local), n)| (format!("{local}@town.example"), n, vec![])).collect()
        };
        for bytes in [quoted(",").into_bytes(), quoted(";").into_bytes(), quoted("\t").into_bytes(), sample::workbook(&rows)] {
            prop_assert_eq!(&read(&bytes, Some("mail"), &[]).unwrap().1, &expected);
        }
    }
}
