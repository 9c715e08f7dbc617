// SPDX-License-Identifier: EUPL-1.2
//! Nothing is unread in silence (decision D34): what a kind without a reader says, and what readers find where others
//! hide it.

use octroi::document::DocumentError::{Encrypted, Opaque, Unread};

use super::make::{self, all, at, read};

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn what_has_no_reader_is_said_and_its_letters_are_found() {
    let onenote = [&b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d"[..], &[0; 40], &wide("in clear, wide"), &[0; 9]].concat();
    let access = [&b"\0\x01\0\0Standard ACE DB\0"[..], &[3; 40], b"in clear, narrow\0"].concat();
    let publisher = make::compound(&[("/Quill/QuillSub/CONTENTS", &wide("in clear, wide"))]);
    let outlook = [&b"!BDN\0\0\0\0"[..], &[9; 64]].concat();
    let lzh = b"\x20\0-lh5-\0\0\0\0 in clear, narrow\0\x01\x02".to_vec();
    let noise = [&[0u8, 1, 2, 3, 200, 201][..], &[7; 64], b"\0in clear, narrow\0"].concat();
    for (bytes, kind, fault) in [
        (onenote, "one", Unread),
        (access, "accdb", Unread),
        (publisher, "pub", Unread),
        (outlook, "pst", Opaque),
        (lzh, "lzh", Opaque),
        (noise, "", Opaque),
    ] {
        let extract = read(&bytes);
        assert_eq!((extract.kind.as_str(), extract.fault), (kind, Some(fault)));
        assert!(kind == "pst" || all(&extract).contains("in clear"), "{extract:#?}");
    }
}

#[test]
fn pictures_sound_film_and_fonts_say_nothing() {
    let wav = [&b"RIFF\x24\0\0\0WAVEfmt "[..], &[1; 64]].concat();
    let heic = [&b"\0\0\0\x18ftypheic"[..], &[0; 64]].concat();
    let font = [&b"\0\x01\0\0\0\x0c"[..], &[0; 64]].concat();
    for bytes in [wav, heic, font] {
        assert_eq!(read(&bytes).fault, None);
    }
    // What a program puts into its packages is no fault of the file's.
    let noise = [1u8, 2, 3, 4, 5, 6, 7, 0];
    let parts: &[(&str, &[u8])] = &[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", b"<w:p><w:t>a</w:t></w:p>"),
        ("word/printerSettings1.bin", &noise),
    ];
    assert!(read(&make::zip(parts)).faults().is_empty());
    let hidden: &[(&str, &[u8])] = &[parts[0], parts[1], ("word/media/a.bin", &noise)];
    assert_eq!(read(&make::zip(hidden)).faults(), [("word/media/a.bin".to_owned(), Opaque)]);
}

#[test]
fn signatures_are_opened_and_envelopes_are_not() {
    let mail = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naW4gc2lnbmF0dXJl\r\n";
    let extract = read(&make::signed(mail));
    assert_eq!((extract.kind.as_str(), extract.fault), ("p7m", None));
    assert_eq!(at(&extract.children[0], "/body"), "in signature");
    assert_eq!(at(&read(&make::signed(b"in signature, a file")).children[0], "#body"), "in signature, a file");
    let closed = read(&make::enveloped());
    assert_eq!((closed.encrypted.as_deref(), closed.fault), (Some("smime"), Some(Encrypted)));
}

#[test]
fn packages_are_read_as_their_programs_open_them() {
    let body = b"<w:p><w:r><w:t>in </w:t></w:r><w:r><w:t>body</w:t></w:r></w:p>";
    let types = b"<Types><Override PartName='/doc/main.xml' ContentType='application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'/></Types>";
    let backslash: &[(&str, &[u8])] = &[("[Content_Types].xml", b"<Types/>"), ("word\\document.xml", body)];
    let elsewhere: &[(&str, &[u8])] = &[("[Content_Types].xml", types), ("doc/main.xml", body)];
    for members in [backslash, elsewhere] {
        let extract = read(&make::zip(members));
        assert_eq!((extract.kind.as_str(), at(&extract, "#body")), ("docx", "in body"), "{extract:#?}");
    }
    let extract = read(&make::xlsb());
    assert_eq!((extract.kind.as_str(), at(&extract, "#sheet1")), ("xlsx", "in first\tin last"));
    assert!(all(&read(&make::iwork())).contains("in iwork"));
    assert!(read(&make::iwork()).faults().is_empty());
    let visio = b"<?xml version='1.0'?><Shapes><Text><cp IX='0'/>in vi<cp IX='1'/>sio</Text></Shapes>";
    assert_eq!(at(&read(visio), "#body"), "in visio");
    let page = b"<FixedPage xmlns='x'><Glyphs UnicodeString='CONFIDENTIEL'/></FixedPage>";
    assert_eq!(at(&read(page), "#body"), "CONFIDENTIEL");
}

#[test]
fn files_of_mail_are_read_as_mail() {
    let mail = "Subject: s\nFrom: a@b.example\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\naW4gbWFpbA==\n";
    let archive = "MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<p>in=\n mail</p>\n";
    let mbox = format!("From a@b x\n{mail}\nFrom c@d y\n{mail}");
    let emlx = format!("{}\n{mail}<?xml version='1.0'?><plist/>", mail.len());
    for (file, kind, count) in
        [(mail.to_owned(), "eml", 1), (archive.to_owned(), "mht", 1), (mbox, "mbox", 2), (emlx, "emlx", 1)]
    {
        let extract = read(file.as_bytes());
        assert_eq!((extract.kind.as_str(), extract.fault), (kind, None), "{file}");
        assert_eq!(all(&extract).matches("in mail").count(), count, "{extract:#?}");
    }
    let fragment = "From: a@b.example\nTo: c@d.example\nMIME-Version: 1.0\nContent-Type: message/partial; number=1; total=2; id=x\n\naW4g\n";
    assert!(read(fragment.as_bytes()).faults().iter().any(|(_, fault)| *fault == Opaque));
}

#[test]
fn what_is_encoded_inside_is_undone() {
    use base64::Engine;
    let twice = base64::engine::general_purpose::STANDARD.encode("une note in twice, de trois lignes");
    assert!(all(&read(twice.as_bytes())).contains("in twice"));
    let card = b"BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;FILENAME=a.txt:aW4gY2Fs\r\n ZW5kYXI=\r\nEND:VCALENDAR\r\n";
    let extract = read(card);
    assert_eq!((extract.children[0].name.as_str(), at(&extract.children[0], "#body")), ("a.txt", "in calendar"));
}
