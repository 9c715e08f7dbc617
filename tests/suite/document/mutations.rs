// SPDX-License-Identifier: EUPL-1.2
//! Flipped, cut and spliced documents: our own readers never panic. Libraries are mutated through the worker instead.

use std::io::Read;

use octroi::document::{Budget, open};

use super::{make, matrix};

/// A small generator with a fixed seed: the same mutations every time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    pub fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut mutant = bytes.to_vec();
        match self.below(4) {
            0 => mutant.truncate(self.below(bytes.len())),
            1 => {
                let cut = self.below(bytes.len());
                mutant.truncate(cut);
                mutant.extend_from_slice(&other[self.below(other.len())..]);
            }
            _ => {
                for _ in 0..=self.below(12) {
                    let at = self.below(mutant.len());
                    mutant[at] = [0, 0xFF, 0x7F, 0x80, self.below(256) as u8][self.below(5)];
                }
            }
        }
        mutant
    }
}

/// One document of each format, and those that others wrote.
pub fn seeds() -> Vec<Vec<u8>> {
    let made = [
        "letter.docx",
        "letter.odt",
        "letter.doc",
        "letter.rtf",
        "letter.pdf",
        "table.xlsx",
        "table.ods",
        "table.xls",
        "slides.pptx",
        "slides.odp",
        "slides.ppt.gz",
        "files.cab",
        "files.7z",
        "files.iso.gz",
        "scan.pdf",
        "fax.pdf",
        "scan.png",
        "scan.tif",
    ];
    let pdf = make::pdf_bytes(&["BT /F1 12 Tf 50 700 Td (in page) Tj ET /W Do"]);
    let made = made.iter().map(|file| match file.strip_suffix(".gz") {
        Some(_) => unzipped(&matrix::made(file)),
        None => matrix::made(file),
    });
    ours().into_iter().chain([pdf, make::sevenz(None)]).chain(made).collect()
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip");
    plain
}

/// Formats whose readers are our own. PDF, 7z and legacy Office are read by libraries that may abort, and are left to
/// the worker.
fn ours() -> Vec<Vec<u8>> {
    let mail = b"From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n";
    let rar5 = b"Rar!\x1A\x07\x01\x00\x00\x00\x00\x00\x0b\x02\x02\x05\x00\x05\x00\x00\x00\x01\x05a.txthello";
    let tnef = b"\x78\x9F\x3E\x22\x01\x00\x02\x10\x80\x01\x00\x06\x00\x00\x00a.txt\0\0\0\x02\x0F\x80\x06\x00\x05\x00\x00\x00hello\0\0\x01\x03\x90\x06\x00\x10\x00\x00\x00\x01\x00\x00\x00\x1E\x00\x37\x00\x01\x00\x00\x00\x04\x00\x00\x00";
    let mut ole = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).expect("create");
    for (name, content) in [
        ("/__properties_version1.0", &[0; 64][..]),
        ("/__substg1.0_0037001E", b"subject"),
        ("/__substg1.0_1000001E", b"body"),
    ] {
        std::io::Write::write_all(&mut ole.create_stream(name).expect("stream"), content).expect("write");
    }
    let member: &[(&str, &[u8])] = &[("a.txt", b"in archive")];
    vec![
        make::docx(),
        make::xlsx(),
        make::pptx(),
        make::odt(),
        make::ods(),
        make::rtf(),
        make::zip(member),
        make::tar(member),
        make::gz(&make::tar(member)),
        mail.to_vec(),
        rar5.to_vec(),
        tnef.to_vec(),
        ole.into_inner().into_inner(),
        make::signed(b"Content-Type: text/plain\r\n\r\nin signature"),
        b"From a@b x\nSubject: s\nFrom: a@b\n\nin mailbox\n".to_vec(),
        make::iwork(),
        make::xlsb(),
        b"-----BEGIN PGP MESSAGE-----\n\nyxRiBWEudHh0AAAAAGluIGxpdGVyYWw=\n-----END PGP MESSAGE-----\n".to_vec(),
        [&b"\x1f\x9d\x90"[..], &[0x53, 0x8a, 0x0c, 0x99, 0x52, 0xa4, 0x02, 0x0e, 0x20]].concat(),
        matrix::made("letter.fodt"),
        b"BEGIN:VCARD\r\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=utf-8:a=C3=\r\n=A9\r\nPHOTO;ENCODING=b:AAAA\r\nEND:VCARD\r\n".to_vec(),
        matrix::made("files.cab"),
        unzipped(&matrix::made("plain.iso.gz")),
        matrix::made("scan.png"),
    ]
}

#[test]
fn our_readers_survive() {
    let ours = ours();
    let mut dice = Dice(0x0C_7201);
    for round in 0..1_500 {
        let seed = &ours[round % ours.len()];
        let other = &ours[dice.below(ours.len())];
        let mutant = dice.mutate(seed, other);
        let mut budget = Budget { bytes: 8 << 20, text: 1 << 20, ..Budget::default() };
        let extract = open("mutant", &mutant, &mut budget, &["password".into()]);
        assert_eq!(extract.size, mutant.len() as u64);
    }
}
