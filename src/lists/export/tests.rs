// SPDX-License-Identifier: EUPL-1.2
//! Exports of whole files: nothing of the source is lost, and no canary can be told by its form.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;

use encoding_rs::{UTF_16LE, WINDOWS_1252};
use proptest::prelude::*;

use super::*;
use crate::lists::ListKey;
use crate::lists::rows::xlsx::sample;
use crate::lists::rows::{Row, import, members, open};

const GIVEN: [&str; 12] = ["Anne", "Zoé", "Léa", "Paul", "Inès", "Karim", "Luc", "Eva", "Noé", "Rose", "Tom", "Ugo"];
const NAMES: [&str; 14] = [
    "Martin", "Petit", "Roux", "Durand", "Lefèvre", "Moreau", "Simon", "Laurent", "Michel", "Garcia", "David",
    "Bertrand", "Noël", "Vidal",
];
const TOWNS: [&str; 3] = ["Lille", "Namur", "Rabat"];

fn canaries() -> Vec<Mailbox> {
    ["hugo.perrin@mail.example", "nora.benali@web.example", "y.colin@mail.example", "jade.faure@web.example"]
        .map(|text| Mailbox::parse(text).unwrap())
        .to_vec()
}

/// People with names, an address from them, a number, a town, a private second address that few have.
fn people(count: usize) -> Vec<Vec<String>> {
    let plain = |text: &str| text.replace(['é', 'è', 'ë'], "e").to_lowercase();
    let mut rows = vec!["Nom;Prénom;Courriel;Matricule;Ville;Privé".split(';').map(String::from).collect::<Vec<_>>()];
    for n in 0..count {
        let (given, name) = (GIVEN[n * 7 % 12], NAMES[n * 5 % 14]);
        let domain = ["mail.example", "web.example"][n % 2];
        let second = if n % 9 == 0 { format!("x{n}@free.example") } else { String::new() };
        let number = format!("A-{:06}", n * 7919 % 1_000_003);
        rows.push(vec![
            name.to_uppercase(),
            given.into(),
            format!("{}.{}{n}@{domain}", plain(given), plain(name)),
            number,
            TOWNS[n % 3].into(),
            second,
        ]);
    }
    rows
}

fn csv(rows: &[Vec<String>], delimiter: &str, quote: &str, end: &str) -> String {
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().map(|cell| format!("{quote}{cell}{quote}")).collect();
            cells.join(delimiter) + end
        })
        .collect()
}

fn run(source: &[u8], seed: u8) -> (Exported, Vec<u8>) {
    let mut out = Cursor::new(Vec::new());
    let options = Options { column: Some("courriel".into()), keys: Vec::new() };
    let exported = export(&mut Cursor::new(source), &mut out, &options, &canaries(), &[seed; 32]).unwrap();
    (exported, out.into_inner())
}

/// The rows of a file, and the positions of the canaries among them as an import counts them.
fn rows_of(file: &[u8]) -> (Vec<Vec<String>>, Vec<u32>) {
    let options = Options { column: Some("courriel".into()), keys: Vec::new() };
    let known: HashSet<_> = canaries().iter().map(Mailbox::identity).collect();
    let mut places = Vec::new();
    let imported = import(&mut Cursor::new(file), &options, &ListKey::new([1; 32]), &mut |member| {
        if known.contains(member.identity) {
            places.push(member.position);
        }
    })
    .unwrap();
    let mut rows = Vec::new();
    members(
        open(&mut Cursor::new(file), &imported.format).unwrap().as_mut(),
        &imported.columns,
        &mut Row::default(),
        &mut |row, _| {
            rows.push(row.cells().map(String::from).collect());
        },
    )
    .unwrap();
    (rows, places)
}

/// Checks an export: the source's rows are all there in their order, the canaries where they are said to be.
fn check(source: &[u8], seed: u8) -> (Vec<Vec<String>>, Vec<u32>, Vec<u8>) {
    let (exported, file) = run(source, seed);
    let (before, none) = rows_of(source);
    let (rows, places) = rows_of(&file);
    assert!(none.is_empty());
    assert_eq!(exported.rows as usize, rows.len());
    assert_eq!(exported.planted.len(), 4);
    assert_eq!(exported.planted.iter().map(|planted| planted.position).collect::<Vec<_>>(), places);
    let kept: Vec<Vec<String>> =
        (0..).zip(&rows).filter(|(at, _)| !places.contains(at)).map(|(_, row)| row.clone()).collect();
    let trimmed = |rows: &[Vec<String>]| {
        rows.iter().map(|row| row.join("|").trim_end_matches('|').to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(trimmed(&kept), trimmed(&before));
    (rows, places, file)
}

#[test]
fn canaries_look_like_people() {
    let source = csv(&people(400), ";", "", "\r\n");
    let (rows, places, file) = check(source.as_bytes(), 1);
    let others: HashSet<&str> =
        (0..).zip(&rows).filter(|(at, _)| !places.contains(at)).map(|(_, row)| row[3].as_str()).collect();
    for place in &places {
        let row = &rows[*place as usize];
        assert!(TOWNS.contains(&row[4].as_str()), "{row:?}");
        assert!(row[3].starts_with("A-") && row[3].len() == 8 && !others.contains(row[3].as_str()), "{row:?}");
        assert_eq!(row[5], "", "{row:?}");
        assert_eq!(row[0], row[0].to_uppercase());
        let mailbox = Mailbox::parse(&row[2]).unwrap();
        if mailbox.local() == "hugo.perrin" {
            assert_eq!((row[0].as_str(), row[1].as_str()), ("PERRIN", "Hugo"));
        }
    }
    assert!(String::from_utf8(file).unwrap().ends_with("\r\n"));
    let other: Vec<u32> = check(source.as_bytes(), 2).1;
    assert_ne!(places, other);
}

#[test]
fn letters_quotes_and_ends_are_kept() {
    let rows = people(120);
    let wide =
        |text: &str| [&[0xff, 0xfe][..], &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat();
    let semicolons = csv(&rows, ";", "", "\n");
    for source in [
        semicolons.clone().into_bytes(),
        semicolons.trim_end().as_bytes().to_vec(),
        [b"\xef\xbb\xbf", csv(&rows, ",", "\"", "\r\n").as_bytes()].concat(),
        csv(&rows, "\t", "", "\r\n").into_bytes(),
        WINDOWS_1252.encode(&semicolons).0.into_owned(),
        wide(&semicolons),
        format!("sep=;\n{semicolons}").into_bytes(),
        sample::workbook(&rows),
    ] {
        for seed in 0..2 {
            let (_, _, file) = check(&source, seed);
            if source.starts_with(b"PK") {
                continue;
            }
            let text = |bytes: &[u8]| {
                if bytes.starts_with(&[0xff, 0xfe]) {
                    UTF_16LE.decode(bytes).0.into_owned().into_bytes()
                } else {
                    bytes.to_vec()
                }
            };
            let (source, file) = (text(&source), text(&file));
            assert_eq!(forms(&source).keys().collect::<HashSet<_>>(), forms(&file).keys().collect::<HashSet<_>>());
            assert_eq!(source.last(), file.last());
        }
    }
}

/// The rows of a text by their form: letters and digits are one each.
fn forms(bytes: &[u8]) -> HashMap<String, usize> {
    let mut forms = HashMap::new();
    for line in bytes.split_inclusive(|b| *b == b'\n').skip(1) {
        let mut form = String::new();
        for byte in line {
            let kind = match byte {
                b'0'..=b'9' => '9',
                b'A'..=b'Z' | b'a'..=b'z' | 0x80.. | b'.' => 'a',
                other => char::from(*other),
            };
            if !(matches!(kind, 'a' | '9') && form.ends_with(['a', '9'])) {
                form.push(if kind == '9' { 'a' } else { kind });
            }
        }
        *forms.entry(form).or_default() += 1;
    }
    // How the file ends is looked at apart.
    forms.retain(|form, _| form.ends_with('\n'));
    forms
}

#[test]
fn sorted_columns_stay_sorted() {
    for column in 0..4 {
        let mut rows = people(300);
        rows[1..].sort_by(|a, b| a[column].cmp(&b[column]));
        let source = csv(&rows, ";", "", "\n");
        for seed in 0..5 {
            let (rows, places, _) = check(source.as_bytes(), seed);
            assert!(rows.windows(2).all(|two| two[0][column] <= two[1][column]), "{column}: {places:?}");
        }
    }
    // A column that counts goes on counting.
    let mut rows = people(60);
    rows[0].insert(0, "N°".into());
    (1..).zip(&mut rows[1..]).for_each(|(n, row): (u32, _)| row.insert(0, n.to_string()));
    for source in
        [csv(&rows, ";", "\"", "\n").into_bytes(), csv(&rows, ",", "", "\n").into_bytes(), sample::workbook(&rows)]
    {
        let (exported, file) = run(&source, 3);
        let (rows, _) = rows_of(&file);
        assert_eq!(exported.planted.len(), 4);
        assert!((1..).zip(&rows).all(|(n, row): (u32, _)| row[0] == n.to_string()), "{rows:?}");
    }
}

#[test]
fn directories_get_entries() {
    let people = people(80);
    let ldif: String = "version: 1\n\n".to_owned() + &people[1..].iter().map(|row| {
        format!("dn: uid={},ou=people,dc=town\nobjectClass: top\nobjectClass: person\nuid: {}\ncn:: {}\ncourriel: {}\nl: {}\n\n",
            row[3], row[3], base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{} É.", row[1])), row[2], row[4])
    }).collect::<String>();
    let (_, places, file) = check(ldif.as_bytes(), 5);
    let (.., marked) = check(format!("\u{feff}{ldif}").as_bytes(), 5);
    assert_eq!(marked, [b"\xef\xbb\xbf", &file[..]].concat());
    assert_eq!(places.len(), 4);
    let text = String::from_utf8(file).unwrap();
    let entries: Vec<&str> = text.split("\n\n").filter(|entry| entry.starts_with("dn:")).collect();
    assert_eq!(entries.len(), 84);
    let names: HashSet<&str> = entries.iter().filter_map(|entry| entry.lines().next()).collect();
    assert_eq!(names.len(), 84, "every entry has a name of its own");
    for entry in entries {
        let keys: Vec<&str> = entry.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(keys, ["dn", "objectClass", "objectClass", "uid", "cn", "courriel", "l"], "{entry}");
        let uid = entry.lines().find_map(|line| line.strip_prefix("uid: ")).unwrap();
        assert!(entry.starts_with(&format!("dn: uid={uid},ou=people")), "{entry}");
    }
}

#[test]
fn a_workbook_keeps_what_else_it_has() {
    let source = sample::workbook(&people(200));
    let (_, places, file) = check(&source, 9);
    let text = |file: &[u8], name: &str| {
        let mut text = String::new();
        Read::read_to_string(&mut rows::xlsx::part(&mut Cursor::new(file), name).unwrap().unwrap(), &mut text).unwrap();
        text
    };
    let sheet = text(&file, "xl/worksheets/sheet1.xml");
    assert!(
        sheet.contains("<dimension ref=\"A1:F205\"/>") && sheet.contains("<autoFilter ref=\"A1:F205\"/>"),
        "{}",
        &sheet[sheet.len() - 200..]
    );
    let numbers: Vec<u32> =
        sheet.split("<row r=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=205).collect::<Vec<u32>>());
    // Strings are numbered as they come: a new one does not stand at the end.
    let mut highest = -1_i64;
    for rest in sheet.split("t=\"s\"><v>").skip(1) {
        let index: i64 = rest.split('<').next().unwrap().parse().unwrap();
        assert!(index <= highest + 1, "{index} after {highest}");
        highest = highest.max(index);
    }
    let strings = text(&file, "xl/sharedStrings.xml");
    assert!(strings.contains(&format!("uniqueCount=\"{}\"", highest + 1)), "{}", &strings[..200]);
    assert_eq!(strings.matches("<si>").count() as i64, highest + 1);
    for place in places {
        // Below the names, from 1.
        let row = sheet.split("<row ").nth(place as usize + 2).unwrap();
        assert!(
            row.starts_with(&format!("r=\"{}\" spans=\"1:6\"><c r=\"A{}\" t=\"s\">", place + 2, place + 2)),
            "{row}"
        );
    }
}

#[test]
fn links_to_mailboxes_give_no_canary_away() {
    let cells = |n: u32| {
        format!(
            "<row r=\"{n}\"><c r=\"A{n}\" t=\"inlineStr\"><is><t>p{n}@web.example</t></is></c><c r=\"C{n}\" s=\"1\"/></row>"
        )
    };
    let rows: String = (1..=40).map(cells).collect();
    let links: String = (1..=40).map(|n| format!("<hyperlink ref=\"A{n}\" r:id=\"r{n}\"/>")).collect();
    let targets: String =
        (1..=40).map(|n| format!("<Relationship Id=\"r{n}\" Target=\"mailto:p{n}@web.example\"/>")).collect();
    for (kept, expected) in [
        ("", ""),
        ("<hyperlink ref=\"C40\" r:id=\"x\"/>", "<hyperlinks><hyperlink ref=\"C44\" r:id=\"x\"/></hyperlinks>"),
    ] {
        let book = sample::package(&[
            ("xl/workbook.xml", "<workbook><sheets><sheet name=\"x\" r:id=\"r\"/></sheets></workbook>"),
            (
                "xl/_rels/workbook.xml.rels",
                "<Relationships><Relationship Id=\"r\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
            ),
            (
                "xl/worksheets/sheet1.xml",
                &format!(
                    "<worksheet><sheetData>{rows}</sheetData><hyperlinks>{links}{kept}</hyperlinks><end/></worksheet>"
                ),
            ),
            (
                "xl/worksheets/_rels/sheet1.xml.rels",
                &format!(
                    "<Relationships>{targets}<Relationship Id=\"x\" Target=\"https://x.example/\"/></Relationships>"
                ),
            ),
        ]);
        let mut out = Cursor::new(Vec::new());
        let exported = export(&mut Cursor::new(book), &mut out, &Options::default(), &canaries(), &[4; 32]).unwrap();
        let mut read = |name: &str| {
            let mut text = String::new();
            rows::xlsx::part(&mut out, name).unwrap().unwrap().read_to_string(&mut text).unwrap();
            text
        };
        let sheet = read("xl/worksheets/sheet1.xml");
        // The last row's link moves with it: by as many as do not stand behind it.
        let last = sheet.rfind("p40@").unwrap();
        let moved =
            exported.planted.iter().filter(|planted| sheet.find(&planted.mailbox.to_string()).unwrap() < last).count();
        let expected = expected.replace("C44", &format!("C{}", 40 + moved));
        assert!(
            sheet.ends_with(&format!("</sheetData>{expected}<end/></worksheet>")),
            "{}",
            &sheet[sheet.len() - 200..]
        );
        assert!(!read("xl/worksheets/_rels/sheet1.xml.rels").contains("mailto:"));
        for planted in exported.planted {
            assert!(sheet.contains(&format!(
                "<c r=\"A{}\" t=\"inlineStr\"><is><t>{}</t>",
                planted.position + 1,
                planted.mailbox
            )));
        }
    }
}

#[test]
fn a_file_without_a_last_line_end_gets_none() {
    let source = csv(&people(20), ";", "", "\r\n");
    let source = source.trim_end().as_bytes();
    let mut at_end = 0;
    for seed in 0..40 {
        let (_, places, file) = check(source, seed);
        at_end += usize::from(places.contains(&23));
        assert!(!file.ends_with(b"\n"), "{places:?}");
        assert_eq!(file.iter().filter(|b| **b == b'\n').count(), 24, "{places:?}");
    }
    assert!(at_end > 0);
}

#[test]
fn too_few_rows_are_refused() {
    let source = csv(&people(15), ";", "", "\n");
    let options = Options { column: Some("courriel".into()), keys: Vec::new() };
    let error =
        export(&mut Cursor::new(source), &mut Cursor::new(Vec::new()), &options, &canaries(), &[0; 32]).unwrap_err();
    assert_eq!(error.to_string(), "the list has 15 rows: plant 3 canaries at most (--canaries)");
}

#[test]
fn places_are_everywhere() {
    let source = csv(&people(100), ";", "", "\n");
    let mut quarters = [0; 4];
    for seed in 0..100 {
        let (exported, _) = run(source.as_bytes(), seed);
        exported.planted.iter().for_each(|planted| quarters[(planted.position as usize / 26).min(3)] += 1);
    }
    assert!(quarters.iter().all(|count| (60..140).contains(count)), "{quarters:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_cells_nothing_is_lost(
        cells in prop::collection::vec(("[ -~éß]{0,12}", "[a-z]{0,8}"), 16..40),
        delimiter in prop::sample::select(&[",", ";", "\t"][..]),
        seed in any::<u8>(),
        is_book in any::<bool>(),
    ) {
        let mut rows = vec![vec!["Texte".to_owned(), "Courriel".to_owned(), "Mot".to_owned()]];
        rows.extend((0..).zip(&cells).map(|(n, (text, word)): (u32, _)| vec![text.trim().replace('"', "\"\""), format!("p{n}@web.example"), word.clone()]));
        let source = if is_book { sample::workbook(&rows) } else { csv(&rows, delimiter, "\"", "\r\n").into_bytes() };
        check(&source, seed);
    }

    #[test]
    fn no_file_is_a_surprise(bytes in prop::collection::vec(any::<u8>(), 0..300), seed in any::<u8>()) {
        let text = [csv(&people(20), ";", "", "\n").as_bytes(), &bytes[..]].concat();
        let options = Options { column: Some("3".into()), keys: Vec::new() };
        for source in [&text, &bytes] {
            let _ = export(&mut Cursor::new(source), &mut Cursor::new(Vec::new()), &options, &canaries(), &[seed; 32]);
        }
    }

    #[test]
    fn a_broken_workbook_is_no_surprise(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut book = sample::workbook(&people(20));
        let at = at.index(book.len());
        book[at] = with;
        let options = Options { column: Some("3".into()), keys: Vec::new() };
        let _ = export(&mut Cursor::new(&book), &mut Cursor::new(Vec::new()), &options, &canaries(), &[0; 32]);
    }
}
