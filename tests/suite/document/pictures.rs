// SPDX-License-Identifier: EUPL-1.2
//! Pages that are pictures: read with tesseract where it is installed, said to be unread where not.

use std::time::Duration;

use octroi::document::{DocumentError, Extract};
use octroi::worker::{Tesseract, WorkerSettings, Workers};

use super::make;
use super::matrix::made;
use super::workers::open;

fn workers(pictures: Duration) -> Workers {
    let executable = env!("CARGO_BIN_EXE_octroi").into();
    Workers::new(WorkerSettings { count: 2, pictures, ..WorkerSettings::new(executable) })
}

async fn read(workers: &Workers, bytes: Vec<u8>) -> std::sync::Arc<Extract> {
    open(workers, "scan", bytes, Vec::new()).await.expect("a worker")
}

fn said(extract: &Extract) -> Vec<&str> {
    let mut said = Vec::new();
    extract.walk("", &mut |_, extract| {
        said.extend(extract.properties.iter().filter(|(name, _)| name == "ocr").map(|(_, value)| value.as_str()));
    });
    said
}

#[tokio::test]
async fn scans_are_read() {
    if !Tesseract::is_installed() {
        crate::skip::skip("no tesseract; install tesseract-ocr, tesseract-ocr-fra, -nld and -ara");
        return;
    }
    // Debug builds beside other tests are slow: what is tested is that pages are read, not how fast.
    let workers = workers(Duration::from_secs(60));
    let archived = make::zip(&[("annexes/scan.png", &made("scan.png"))]);
    let pasted = make::zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", b"<w:document/>"),
        ("word/media/image1.png", &made("scan.png")),
    ]);
    for (file, bytes) in [
        ("a letter that is a picture", pasted),
        ("scan.png", made("scan.png")),
        ("scan.jpg", made("scan.jpg")),
        ("scan.tif", made("scan.tif")),
        ("scan.pdf", made("scan.pdf")),
        ("fax.pdf", made("fax.pdf")),
        ("a short page that stands on its head", on_its_head(&made("scan.pdf"))),
        ("a zip", archived),
    ] {
        let extract = read(&workers, bytes).await;
        let mut page = String::new();
        extract.walk("", &mut |_, extract| page += make::at(extract, "#page1"));
        assert!(page.contains("DIFFUSION RESTREINTE"), "{file}: {extract:?}");
        assert_eq!((said(&extract), extract.fault), (vec!["read"], None), "{file}");
        assert!(extract.pictures.is_empty(), "{file}: no picture is kept");
    }
}

/// The only page of a file, shown upside down.
fn on_its_head(file: &[u8]) -> Vec<u8> {
    let at = file.windows(11).position(|bytes| bytes == b"/MediaBox [").expect("a page");
    [&file[..at], b"/Rotate 180 ", &file[at..]].concat()
}

#[tokio::test]
async fn pages_left_for_lack_of_time_are_said_to_be_unread() {
    let bytes = made("scan.pdf");
    for (time, word) in [(Duration::ZERO, "off"), (Duration::from_nanos(1), "unread")] {
        if word == "unread" && !Tesseract::is_installed() {
            continue;
        }
        let extract = read(&workers(time), bytes.clone()).await;
        assert_eq!((said(&extract), extract.fault), (vec![word], Some(DocumentError::Unread)));
        assert!(extract.properties.contains(&("image-only".into(), "true".into())));
    }
}

#[test]
fn an_album_is_read_in_part_and_says_so() {
    let names: Vec<String> = (0..12).map(|number| format!("{number}.png")).collect();
    let scan = made("scan.png");
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), scan.as_slice())).collect();
    let extract = make::read(&make::zip(&members));
    assert_eq!(extract.children.iter().map(|child| child.pictures.len()).sum::<usize>(), 10);
    assert_eq!((said(&extract), extract.faults().len()), (vec!["unread", "unread"], 0));
}

#[tokio::test]
async fn a_damaged_picture_is_no_fault() {
    let mut bytes = made("scan.png");
    bytes.truncate(2_000);
    let extract = read(&workers(Duration::from_secs(60)), bytes).await;
    assert_eq!(extract.fault, None);
    let word = if Tesseract::is_installed() { ["read", "unread"].as_slice() } else { &["missing"] };
    assert!(said(&extract).iter().all(|said| word.contains(said)), "{:?}", said(&extract));
}

/// The process that becomes tesseract may read what is installed and nothing else.
#[test]
fn a_reader_of_pictures_sees_no_files_and_no_network() {
    let ran = |program: &str, arguments: &[&str]| {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_octroi"))
            .args(["worker", "picture", program])
            .args(arguments)
            .output()
            .expect("it starts");
        (ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    let secret = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(secret.path(), "secret").expect("write");
    let path = secret.path().to_str().expect("utf-8");
    assert_eq!(ran("/usr/bin/echo", &["alive"]), (true, "alive\n".to_owned()));
    assert_eq!(ran("/usr/bin/cat", &[path]), (false, String::new()));
    assert!(!ran("/usr/bin/truncate", &["-s", "1", path]).0, "it writes nothing");
    // A socket is refused as such, before any address is looked at.
    let socket = "use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die; print 'made'";
    assert_eq!(ran("/usr/bin/perl", &["-e", socket]), (false, String::new()));
}
