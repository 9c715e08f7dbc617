// SPDX-License-Identifier: EUPL-1.2
//! Messages as hostile and as odd as they come, read as a tree of parts.

use base64::Engine;
use memchr::memmem;
use octroi::mime::{AMBIGUOUS, Body, Message, ParseBudget, Part, Stop, TIME, cut, parse, parse_until};

#[test]
fn an_encoding_is_known_whatever_stands_around_its_word() {
    for field in ["(x) base64", "base64 (y)", "base64;", "\"base64\"", "x-base64", "BASE64"] {
        let message = read(&format!("Content-Transfer-Encoding: {field}\n\nU0VDUkVU\n"));
        assert_eq!((texts(&message).as_str(), message.exceeded), ("SECRET", None), "{field}");
    }
    let message = read("Content-Transfer-Encoding: (c) quoted-printable\n\nS=45CRET\n");
    assert_eq!(texts(&message), "SECRET");
    assert_eq!(read("Content-Transfer-Encoding: yenc\n\nx\n").exceeded, Some(AMBIGUOUS));
    let both = "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nU0VDUkVU\n";
    assert_eq!(read(both).exceeded, Some(AMBIGUOUS));
    for fine in ["7bit", "8bit", "binary", "8-bit", "utf-8", ""] {
        assert_eq!(read(&format!("Content-Transfer-Encoding: {fine}\n\nx\n")).exceeded, None, "{fine}");
    }
}

#[test]
fn messages_within_messages_are_counted_before_they_are_read() {
    let message = read(&format!("{}x", "Content-Type: message/rfc822\n\n".repeat(60_000)));
    assert_eq!((message.exceeded, message.parts.len()), (Some("depth"), 1));
    let three = "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=a\nContent-Type: text/plain\n\nx\n";
    assert_eq!(read(three).exceeded, Some(AMBIGUOUS));
}

#[test]
fn a_uuencoded_block_hides_nothing_around_it() {
    let message = read("Content-Type: text/x-note; name=a.txt\n\nbegin 644 b.txt\n#0V%T\n`\nend\nSECRET\n");
    assert_eq!(names(&message), ["a.txt", "b.txt"]);
    assert!(matches!(&message.parts[0].body, Body::Attachment(bytes) if memmem::find(bytes, b"SECRET").is_some()));
}

#[test]
fn reading_ends_at_the_part_at_which_it_is_told_to() {
    let parts = "--a\r\n\r\nx\r\n".repeat(100);
    let raw = format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{parts}--a--\r\n");
    let asked = std::cell::Cell::new(0);
    let tenth = || {
        asked.set(asked.get() + 1);
        asked.get() == 10
    };
    let message = parse_until(raw.as_bytes(), &ParseBudget::default(), &Stop::when(&tenth));
    // Asked for the message, for the multipart, and for each part; once told, it asks no more.
    assert_eq!((message.exceeded, message.parts.len(), asked.get()), (Some(TIME), 8, 10));
    let at_once = parse_until(raw.as_bytes(), &ParseBudget::default(), &Stop::when(&|| true));
    assert_eq!((at_once.exceeded, at_once.parts.len()), (Some(TIME), 0));
}

#[test]
fn what_costs_more_than_it_weighs_is_told_before_it_is_read() {
    let fields = format!("Content-Type: multipart/mixed; boundary=a\n\n--a\n{}\nx\n--a--\n", "a:\n".repeat(300_000));
    assert_eq!(read(&fields).exceeded, Some("header"));
    let nested = format!("Content-Type: message/rfc822\n\n{}\nx\n", "a:\n".repeat(300_000));
    assert_eq!(read(&nested).exceeded, Some("header"));
    let seeking = "--a\nContent-Type: multipart/mixed; boundary=never\n\nx\n".repeat(20_000);
    let seeking = read(&format!("Content-Type: multipart/mixed; boundary=a\n\n{seeking}"));
    assert_eq!((seeking.exceeded, seeking.parts.len()), (Some("depth"), 1));
    // Comments of a script for a database are no boundaries, its lines no fields.
    let script = format!("Subject: x\n\n{}", "insert into t values (1);\n-- x\n".repeat(40_000));
    assert_eq!(read(&script).exceeded, None);
}

#[test]
fn what_is_unread_is_said_before_what_is_ambiguous() {
    let message = read("Content-Transfer-Encoding: yenc\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n");
    assert_eq!(message.exceeded, Some(AMBIGUOUS));
    let small = ParseBudget { parts: 1, ..ParseBudget::default() };
    let raw = b"Content-Transfer-Encoding: yenc\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n";
    assert_eq!(parse(raw, &small).exceeded, Some("parts"));
}

#[test]
fn a_header_ends_where_the_next_hop_ends_it() {
    for raw in [
        "Subject: x\nSECRET\n\nbody\n",
        "Subject: x\n \nSECRET\n\nbody\n",
        "Subject: x\nContent-Transfer-Encoding: base64\n \nU0VDUkVU\n",
        "SECRET\n\nbody\n",
    ] {
        let message = read(raw);
        assert!(texts(&message).contains("SECRET"), "{raw}: {message:#?}");
        assert!(message.defects.iter().any(|defect| defect.kind == "broken-header"), "{raw}");
    }
    assert!(read("From a@b x\nSubject: x\n\nbody\n").defects.is_empty());
}

#[test]
fn an_attachment_is_its_octets_and_a_body_its_letters() {
    let wide: Vec<u8> = "\u{feff}DIFFUSION réservée".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let raw = [&b"Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\n"[..], &wide].concat();
    let message = parse(&raw, &ParseBudget::default());
    assert!(matches!(&message.parts[0].body, Body::Attachment(bytes) if bytes[..] == wide[..]));
    for (charset, octets) in [("CP-850", &b"\x90t\x82"[..]), ("us-ascii", b"\xC9t\xE9"), ("utf-16", "Été".as_bytes())]
    {
        let raw = [format!("Content-Type: text/plain; charset={charset}\r\n\r\n").as_bytes(), octets].concat();
        assert_eq!(texts(&parse(&raw, &ParseBudget::default())).trim(), "Été", "{charset}");
    }
}

#[test]
fn what_is_signed_in_clear_is_read_as_the_mail_itself() {
    let inner = b"Content-Type: text/plain; charset=utf-8\r\n\r\nSECRET\r\n";
    let object = super::document::make::signed(inner);
    let encoded = base64::engine::general_purpose::STANDARD.encode(object);
    let mail = |declared: &str| {
        read(&format!("Content-Type: {declared}; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n{encoded}\n"))
    };
    for declared in ["application/pkcs7-mime; smime-type=enveloped-data", "application/octet-stream"] {
        let message = mail(declared);
        assert_eq!(texts(&message).trim(), "SECRET", "{message:#?}");
        let body = message.parts.iter().position(|part| matches!(part.body, Body::Text { .. })).expect("a body");
        assert_eq!((message.parts[body].depth, message.place(body).as_str()), (0, "body"));
    }
}

#[test]
fn encodings_that_stand_oddly_are_undone() {
    assert_eq!(texts(&read("Content-Transfer-Encoding:     \n base64\n\nU0VDUkVU\n")), "SECRET");
    let inner = base64::engine::general_purpose::STANDARD.encode("--a\r\n\r\nSECRET\r\n--a--\r\n");
    let outer = format!("Content-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: base64\n\n{inner}\n");
    assert!(texts(&read(&outer)).contains("SECRET"));
    let flowed = "Content-Type: text/plain; format=flowed; delsp=yes\n\nSEC \nRET\n";
    assert_eq!(texts(&read(flowed)).trim(), "SECRET");
    let yenc = "Content-Type: text/plain\n\n=ybegin line=128 size=3 name=a.txt\nm\u{b}\n=yend\n";
    assert_eq!(names(&read(yenc)), ["a.txt"]);
    let elsewhere = read(
        "Content-Type: message/external-body; access-type=URL; URL=\"https://we.tl/x\"\n\nContent-Type: text/plain\n\n",
    );
    assert!(texts(&elsewhere).contains("https://we.tl/x"));
}

fn read(text: &str) -> Message {
    parse(text.replace('\n', "\r\n").as_bytes(), &ParseBudget::default())
}

fn names(message: &Message) -> Vec<&str> {
    message.parts.iter().filter_map(|p| p.name.as_deref()).collect()
}

/// Texts between tags under other names than `text/html`: the reader of HTML gets them.
#[test]
fn what_is_shown_without_its_tags_is_known_by_type_or_name() {
    for declared in ["text/html", "TEXT/watch-html", "text/x-amp-html", "text/enriched", "text/richtext"] {
        let message = read(&format!("Content-Type: {declared}\n\n<b>SEC</b>RET\n"));
        assert!(matches!(message.parts[0].body, Body::Text { html: true, .. }), "{declared}");
    }
    let plain = read("Content-Type: text/markdown\n\n<b>SEC</b>RET\n");
    assert!(matches!(plain.parts[0].body, Body::Text { html: false, .. }));
    let enriched = read("Content-Type: text/enriched\n\na <<b\nc\n\nd\n");
    assert_eq!(texts(&enriched), "a &lt;b\nc<br>\nd");
    for (head, extension) in [
        ("application/xhtml+xml", "html"),
        ("application/octet-stream; name=Note.HTM", "html"),
        ("text/plain; name=note.txt", "txt"),
        ("text/plain; name=note", "txt"),
    ] {
        for start in ["<p>SEC<b>RET</b>", "<?xml version='1.0'?><p>SEC<b>RET</b></p>"] {
            let disposition = "Content-Disposition: attachment";
            let message = read(&format!("Content-Type: {head}\n{disposition}\n\n{start}\n"));
            let xml = start.starts_with("<?") && extension == "txt";
            assert_eq!(message.parts[0].extension, if xml { "xml" } else { extension }, "{head} {start}");
        }
    }
}

fn texts(message: &Message) -> String {
    let text = |p: &Part| match &p.body {
        Body::Text { text, .. } => Some(text.trim().to_owned()),
        _ => None,
    };
    message.parts.iter().filter_map(text).collect::<Vec<_>>().join("|")
}

#[test]
fn a_plain_message_is_one_text() {
    let message = read("Subject: =?utf-8?Q?R=C3=A9union?=\n\tdu jeudi\nFrom: a@b.fr\n\nBonjour\n");
    assert_eq!(message.header("subject"), Some("Réunion du jeudi"));
    assert_eq!(texts(&message), "Bonjour");
    assert_eq!((message.parts[0].path.as_str(), message.place(0).as_str()), ("1", "body"));
    assert_eq!(message.defects, []);
}

#[test]
fn a_boundary_folded_after_its_equals_sign_hides_nothing() {
    for fold in ["boundary=\n \"a\"", "boundary\n =\"a\"", "boundary=\n\t\"a\""] {
        let message = read(&format!(
            "Content-Type: multipart/mixed; {fold}\n\n--a\n\nhello\n--a\nContent-Type: application/zip;\n name=\n \"x.zip\"\n\nPK\n--a--\n"
        ));
        assert_eq!((texts(&message).as_str(), names(&message)), ("hello", vec!["x.zip"]), "{fold}");
    }
}

#[test]
fn a_multipart_without_parts_is_read_by_its_first_line_or_reported() {
    let message = read(
        "Content-Type: multipart/mixed; boundary=x\n\n--other\n\nhello\n--other\nContent-Type: application/pdf; name=a.pdf\n\n%PDF-\n--other--\n",
    );
    assert_eq!(names(&message), ["a.pdf"]);
    assert!(message.defects.iter().any(|d| d.kind == "missing-boundary"));
    let message = read("Content-Type: multipart/mixed\n\nnothing here\n");
    assert!(message.defects.iter().any(|d| d.kind == "unparsable-multipart"));
    assert_eq!(texts(&message), "nothing here");
}

#[test]
fn base64_without_its_closing_boundary_is_decoded() {
    let message = read(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nU0VDUkVU\n",
    );
    assert_eq!(texts(&message), "SECRET");
}

#[test]
fn what_stands_outside_the_parts_is_read() {
    let long = "DIFFUSION RESTREINTE ".repeat(8);
    let message =
        read(&format!("Content-Type: multipart/mixed; boundary=x\n\n{long}\n--x\n\nhello\n--x--\n{long}fin\n"));
    assert!(texts(&message).contains("hello") && texts(&message).matches("RESTREINTE").count() == 16);
    assert!(message.defects.iter().any(|d| d.kind == "hidden-parts"));
    // Java's and Outlook's boundaries begin with dashes of their own.
    let message =
        read("Content-Type: multipart/mixed; boundary=\"----=_Part_1\"\n\n------=_Part_1\n\nhello\n------=_Part_1--\n");
    assert!(message.defects.is_empty() && texts(&message) == "hello", "{message:?}");
}

#[test]
fn parts_behind_the_closing_delimiter_are_decoded() {
    let secret = "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nU0VDUkVU\n";
    for behind in [format!("--x\n{secret}--x--\n"), format!("\n--x\n{secret}"), secret.to_owned()] {
        let message = read(&format!("Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x--\n{behind}"));
        assert!(texts(&message).ends_with("|SECRET"), "{message:#?}");
        assert!(message.defects.iter().any(|d| d.kind == "hidden-parts"));
    }
    let closings = format!("Content-Type: multipart/mixed; boundary=x\n\n{}", "--x\n\na\n--x--\n".repeat(500));
    assert_eq!(read(&closings).exceeded, None);
}

#[test]
fn a_delimiter_stands_at_the_start_of_a_line() {
    let message = read(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nDIFFUSION --x\nRESTREINTE ---x--\n--x\nContent-Type: text/csv; name=a.csv\n\nb;--x\n--x--\n",
    );
    assert_eq!((texts(&message).as_str(), names(&message)), ("DIFFUSION --x\r\nRESTREINTE ---x--", vec!["a.csv"]));
    assert!(matches!(&message.parts[2].body, Body::Attachment(bytes) if bytes.as_ref() == b"b;--x"));
    let quoted = read(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nD=C9FENSE --x fin\n--x--\n",
    );
    assert_eq!(texts(&quoted), "DÉFENSE --x fin");
    assert_eq!((message.defects.len(), quoted.exceeded), (0, None));
}

#[test]
fn folds_as_mail_programs_write_them_are_no_defect() {
    let parts = "--a\nContent-Type: text/plain;\n\tcharset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\na=\n b\n--a--\n";
    let message = read(&format!("Content-Type: multipart/mixed;\n\tboundary=\"a\"\n\n{parts}"));
    assert_eq!((texts(&message).as_str(), message.defects.as_slice()), ("a b", [].as_slice()));
    let message = read(&format!("Content-Type: multipart/mixed; boundary=\n\t\"a\"\n\n{parts}"));
    assert_eq!(message.defects[0].kind, "folded-parameter");
}

#[test]
fn a_wrong_charset_is_decoded_as_what_it_is() {
    let raw = b"Content-Type: text/plain; charset=utf-8\r\n\r\nSECRET D\xc9FENSE\r\n";
    assert_eq!(texts(&parse(raw, &ParseBudget::default())), "SECRET DÉFENSE");
    for charset in ["us-ascii", "iso-8859-1", "utf-8"] {
        let message = read(&format!("Content-Type: text/plain; charset={charset}\n\nTRÈS SECRET\n"));
        assert_eq!(texts(&message), "TRÈS SECRET", "{charset}");
    }
    for charset in ["utf-16", "UTF-16LE", "utf-16be"] {
        let message = read(&format!("Content-Type: text/plain; charset={charset}\n\nSTRENG GEHEIM\n"));
        assert_eq!(texts(&message), "STRENG GEHEIM", "{charset}");
    }
    let wide: Vec<u8> = "GEHEIM\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = base64::engine::general_purpose::STANDARD.encode(wide);
    let message =
        read(&format!("Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n{wide}\n"));
    assert_eq!(texts(&message), "GEHEIM");
    let honest = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xc2 l'aide, \xc9mile\r\n";
    assert_eq!(texts(&parse(honest, &ParseBudget::default())), "Â l'aide, Émile");
}

#[test]
fn a_file_declared_as_text_keeps_its_octets() {
    let zip = [b"PK\x03\x04\x14\0\0\0\x08\0".as_slice(), &[0x80, 0xe9, 0xff, 0x00, 0x13], b"word/a"].concat();
    let encoded = Engine::encode(&base64::engine::general_purpose::STANDARD, &zip);
    let message = read(&format!(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nvoir\n--a\nContent-Type: text/plain; charset=utf-8; name=notes.txt\nContent-Transfer-Encoding: base64\n\n{encoded}\n--a--\n"
    ));
    let bytes = message.parts.iter().find_map(|p| match &p.body {
        Body::Attachment(bytes) => Some(bytes.to_vec()),
        _ => None,
    });
    assert_eq!(bytes, Some(zip));
}

#[test]
fn nested_messages_are_opened_encoded_or_not_or_misdeclared() {
    let inner = "From: a@b.fr\nTo: c@d.fr\nSubject: inner\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nsecret\n--i\nContent-Type: application/pdf; name=annexe.pdf\n\n%PDF-\n--i--\n";
    let encoded = Engine::encode(&base64::engine::general_purpose::STANDARD, inner.replace('\n', "\r\n"));
    let rows = [
        format!("Content-Type: message/rfc822; name=dossier.eml\n\n{inner}"),
        format!("Content-Type: message/rfc822; name=dossier.eml\nContent-Transfer-Encoding: base64\n\n{encoded}"),
        format!(
            "Content-Type: application/octet-stream; name=dossier.eml\nContent-Transfer-Encoding: base64\n\n{encoded}"
        ),
    ];
    for row in rows {
        let message = read(&format!("Content-Type: multipart/mixed; boundary=o\n\n--o\n\nvoir\n--o\n{row}\n--o--\n"));
        assert_eq!(names(&message), ["dossier.eml", "annexe.pdf"], "{message:#?}");
        assert_eq!(texts(&message), "voir|secret");
        let pdf = message.parts.iter().position(|p| p.name.as_deref() == Some("annexe.pdf")).unwrap();
        assert_eq!(message.place(pdf), "attachment:dossier.eml/annexe.pdf");
        let nested = message.parts.iter().find_map(|p| match &p.body {
            Body::Message(headers) => headers.iter().find(|h| h.name == "Subject").map(|h| h.value.as_str()),
            _ => None,
        });
        assert_eq!(nested, Some("inner"));
    }
}

#[test]
fn two_content_types_are_read_both_ways() {
    let message = read(
        "Content-Type: multipart/mixed; boundary=a\nContent-Type: text/plain\n\n--a\nContent-Type: application/pdf; name=x.pdf\n\n%PDF-\n--a--\n",
    );
    assert!(names(&message).contains(&"x.pdf"));
    assert!(message.defects.iter().any(|d| d.kind == "duplicate-header"));
}

#[test]
fn budgets_end_the_reading_and_say_so() {
    let parts = format!("Content-Type: multipart/mixed; boundary=a\n\n{}--a--\n", "--a\n\nx\n".repeat(100_000));
    let message = read(&parts);
    assert_eq!((message.exceeded, message.parts.len() <= 5_000), (Some("parts"), true));
    let mut deep = String::new();
    for i in 0..1_000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n"));
    }
    assert_eq!(read(&deep).exceeded, Some("depth"));
    let header = format!("Subject: {}\n\nx", "a".repeat(2 << 20));
    assert_eq!(read(&header).exceeded, Some("header"));
    let small = ParseBudget { decoded: 10, ..ParseBudget::default() };
    assert_eq!(parse(b"\r\nmore than ten bytes", &small).exceeded, Some("decoded"));
}

#[test]
fn no_input_panics() {
    let seed = b"Subject: =?utf-8?b?w6k=?=\r\nContent-Type: multipart/mixed; boundary=\r\n a\r\n\r\npre\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nFrom: x\r\n\r\nbegin 644 a\r\n#0V%T\r\n--a\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--a--\r\nend".as_slice();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..20_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..1 + next() % 6 {
            let at = next() % bytes.len();
            match next() % 3 {
                0 => bytes[at] = next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\r\n-=: "[next() % 6]),
            }
        }
        let message = parse(&bytes, &ParseBudget::default());
        for index in 0..message.parts.len() {
            let _ = message.place(index);
            let _ = cut(&bytes, &message, &[index], |_| Vec::new());
        }
    }
}
