// SPDX-License-Identifier: EUPL-1.2
//! Containers: open, closed, opened with a password, damaged, disguised.

use octroi::document::DocumentError;
use zip::write::SimpleFileOptions;

use super::make::{self, all, at, read, read_with};

#[test]
fn archives_are_read_through() {
    let member: &[(&str, &[u8])] = &[("dir/a.txt", b"in archive")];
    let tar = make::tar(member);
    let nested = make::zip(&[("b.zip", &make::zip(member))]);
    let twice = [make::gz(b"first "), make::gz(b"in archive")].concat();
    let zst = zstd::encode_all(&tar[..], 1).expect("zstd");
    for (kind, bytes) in [
        ("zip", make::zip(member)),
        ("tar", tar.clone()),
        ("gz", make::gz(&tar)),
        ("7z", make::sevenz(None)),
        ("zip", nested),
        ("gz", twice),
        ("zst", zst),
    ] {
        let extract = read(&bytes);
        assert_eq!((extract.kind.as_str(), extract.fault), (kind, None));
        assert!(all(&extract).contains("in archive"), "{extract:#?}");
    }
}

#[test]
fn passwords_open_what_they_open() {
    let aes = SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "right");
    let old = zip::unstable::write::FileOptionsExt::with_deprecated_encryption(SimpleFileOptions::default(), b"right")
        .expect("zipcrypto");
    let member: &[(&str, &[u8])] = &[("a.txt", b"in archive")];
    let mut pdf = make::pdf(&["BT /F1 9 Tf (in archive) Tj ET"]);
    pdf.trailer.set(
        "ID",
        vec![lopdf::Object::string_literal("0123456789abcdef"), lopdf::Object::string_literal("0123456789abcdef")],
    );
    let version = lopdf::EncryptionVersion::V2 {
        document: &pdf,
        owner_password: "owner",
        user_password: "right",
        key_length: 128,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).expect("state");
    pdf.encrypt(&state).expect("encrypt");
    let mut pdf_bytes = Vec::new();
    pdf.save_to(&mut pdf_bytes).expect("save");
    let rows = [
        ("zip", make::zip_with(member, aes)),
        ("zip", make::zip_with(member, old)),
        ("7z", make::sevenz(Some("right"))),
        ("pdf", pdf_bytes),
    ];
    for (container, bytes) in rows {
        for closed in [read(&bytes), read_with(&bytes, "wrong")] {
            assert_eq!(closed.fault, Some(DocumentError::Encrypted), "{container}");
            assert_eq!(closed.encrypted.as_deref(), Some(container));
            assert!(!all(&closed).contains("in archive"));
        }
        let opened = read_with(&bytes, "right");
        assert_eq!(opened.fault, None, "{container}");
        assert!(all(&opened).contains("in archive"), "{container}");
        assert_eq!(opened.encrypted.as_deref(), Some(container));
    }
}

#[test]
fn closed_members_are_listed_by_name() {
    let aes = SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "secret");
    let extract = read(&make::zip_with(&[("dossier/note.docx", b"x")], aes));
    let child = extract.children.first().expect("a child");
    assert_eq!(
        (child.name.as_str(), child.fault, child.encrypted.as_deref()),
        ("dossier/note.docx", Some(DocumentError::Encrypted), Some("zip"))
    );
    assert_eq!(
        extract.faults(),
        [(String::new(), DocumentError::Encrypted), ("dossier/note.docx".into(), DocumentError::Encrypted)]
    );
}

#[test]
fn encrypted_office_documents_are_said_to_be() {
    let mut ole = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).expect("create");
    ole.create_stream("/EncryptedPackage").expect("stream");
    ole.create_stream("/EncryptionInfo").expect("stream");
    let extract = read(&ole.into_inner().into_inner());
    assert_eq!((extract.encrypted.as_deref(), extract.fault), (Some("ooxml"), Some(DocumentError::Encrypted)));
    let manifest = make::zip(&[("mimetype", b"x"), ("META-INF/manifest.xml", b"<encryption-data/>")]);
    assert_eq!(read(&manifest).kind, "zip", "the name of a member alone makes no ODF");
}

#[test]
fn a_zip_cut_short_still_gives_its_first_members() {
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let whole = make::zip_with(&[("a.txt", b"in the first"), ("b.txt", &[b'x'; 5000])], stored);
    let extract = read(&whole[..whole.len() / 2]);
    assert_eq!(extract.fault, Some(DocumentError::Broken));
    assert!(all(&extract).contains("in the first"), "{extract:#?}");
}

#[test]
fn a_picture_with_an_archive_behind_it_is_both() {
    let mut bytes = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec();
    bytes.extend(make::zip(&[("a.txt", b"in archive")]));
    let extract = read(&bytes);
    assert_eq!(extract.kind, "gif");
    assert!(extract.properties.contains(&("polyglot".into(), "zip".into())));
    assert!(all(&extract).contains("in archive"));
}

#[test]
fn messages_carry_files_carry_messages() {
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, make::docx());
    let mail = format!(
        "From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream; name=d.docx\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"
    );
    let extract = read(&make::zip(&[("m.eml", mail.as_bytes())]));
    let document = &extract.children[0].children[0];
    assert_eq!((document.name.as_str(), at(document, "#header")), ("d.docx", "in header\nin watermark"));
}
