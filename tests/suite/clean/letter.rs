// SPDX-License-Identifier: EUPL-1.2
//! A letter on the wire, in the shapes in which mail programs write it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::annex::{Annex, PNG};

/// The mail programs of an administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Outlook,
    Thunderbird,
    Gmail,
    AppleMail,
    IPhone,
    Notes,
    Application,
}

impl Program {
    pub const ALL: [Program; 7] = [
        Program::Outlook,
        Program::Thunderbird,
        Program::Gmail,
        Program::AppleMail,
        Program::IPhone,
        Program::Notes,
        Program::Application,
    ];
}

/// What a person has written, before a mail program has it.
pub struct Letter {
    pub program: Program,
    /// Display name and address.
    pub from: (String, String),
    pub to: Vec<(String, String)>,
    pub cc: Vec<(String, String)>,
    pub subject: String,
    pub body: String,
    pub signature: String,
    /// The mail answered: who wrote it, when, and what.
    pub answered: Option<Answered>,
    pub annexes: Vec<Annex>,
    pub number: u64,
}

pub struct Answered {
    pub name: String,
    pub address: String,
    pub date: String,
    pub subject: String,
    pub body: String,
}

impl Letter {
    pub fn wire(&self) -> Vec<u8> {
        let mut out = self.header();
        let text = self.text();
        let inner = match self.program {
            Program::Outlook | Program::Gmail | Program::AppleMail | Program::Notes => self.alternative(&text),
            Program::Thunderbird => part("text/plain; charset=UTF-8; format=flowed", "8bit", &text),
            Program::IPhone => part("text/plain; charset=utf-8", "quoted-printable", &quoted_printable(&text)),
            Program::Application => part("text/plain; charset=\"utf-8\"", "base64", &base64_lines(text.as_bytes())),
        };
        let inner = match self.program {
            Program::Outlook if self.number.is_multiple_of(3) => self.related(&inner),
            _ => inner,
        };
        if self.annexes.is_empty() {
            out.push_str(&self.signed(inner));
            return crlf(&out);
        }
        let boundary = format!("----=_Part_{}", self.number);
        let mut whole = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n--{boundary}\n{inner}\n");
        for annex in &self.annexes {
            let content = base64_lines(&annex.content);
            whole.push_str(&format!(
                "--{boundary}\nContent-Type: {}; name=\"{}\"\nContent-Disposition: attachment; filename=\"{}\"\nContent-Transfer-Encoding: base64\n\n{content}\n",
                annex.kind, annex.name, annex.name
            ));
        }
        whole.push_str(&format!("--{boundary}--\n"));
        out.push_str(&self.signed(whole));
        crlf(&out)
    }

    /// Around the whole, where the sender signs (RFC 8551 §3.5.3, RFC 3156 §5): the signature, or the public key beside it.
    fn signed(&self, inner: String) -> String {
        let boundary = format!("------------ms{:012}", self.number);
        let (kind, signature) = match self.number % 20 {
            3 => (
                "application/pkcs7-signature; micalg=sha-256",
                format!(
                    "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"smime.p7s\"\n\n{}",
                    base64_lines(
                        &[&b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80"[..], &[7; 1200]].concat()
                    ),
                ),
            ),
            11 => (
                "application/pgp-signature; micalg=pgp-sha256",
                format!(
                    "Content-Type: application/pgp-signature; name=\"OpenPGP_signature.asc\"\nContent-Description: OpenPGP digital signature\nContent-Disposition: attachment; filename=\"OpenPGP_signature.asc\"\n\n-----BEGIN PGP SIGNATURE-----\n\n{}-----END PGP SIGNATURE-----\n",
                    base64_lines(&[9; 120]),
                ),
            ),
            12 => {
                let key = format!(
                    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}-----END PGP PUBLIC KEY BLOCK-----\n",
                    base64_lines(&[8; 400])
                );
                return format!(
                    "Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n--{boundary}\n{inner}\n--{boundary}\nContent-Type: application/pgp-keys; name=\"OpenPGP_0x1234.asc\"\nContent-Disposition: attachment; filename=\"OpenPGP_0x1234.asc\"\n\n{key}\n--{boundary}--\n"
                );
            }
            _ => return inner,
        };
        format!(
            "Content-Type: multipart/signed; protocol={kind}; boundary=\"{boundary}\"\n\n--{boundary}\n{inner}\n--{boundary}\n{signature}\n--{boundary}--\n"
        )
    }

    fn header(&self) -> String {
        let people = |people: &[(String, String)]| -> String {
            people.iter().map(|(name, at)| format!("{} <{at}>", word(name))).collect::<Vec<_>>().join(",\n ")
        };
        let id = format!("{:016x}@justice.gouv.example", self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut out = format!("From: {} <{}>\nTo: {}\n", word(&self.from.0), self.from.1, people(&self.to));
        if !self.cc.is_empty() {
            out.push_str(&format!("Cc: {}\n", people(&self.cc)));
        }
        out.push_str(&format!(
            "Subject: {}\nDate: Tue, 24 Nov 2026 09:12:00 +0100\nMessage-ID: <{id}>\nMIME-Version: 1.0\n",
            word(&self.subject)
        ));
        if self.answered.is_some() {
            out.push_str("In-Reply-To: <citizen.1@mail.example>\nReferences: <citizen.1@mail.example>\n");
        }
        out.push_str(match self.program {
            Program::Outlook => "Thread-Topic: courrier\nThread-Index: AdmC1x0Jb2Yy5cWvQ3q9xk0Zb1l2ag==\nAccept-Language: fr-FR, en-US\nContent-Language: fr-FR\nX-MS-Has-Attach:\nX-Mailer: Microsoft Outlook 16.0\n",
            Program::Thunderbird => "User-Agent: Mozilla Thunderbird\nContent-Language: fr\n",
            Program::Gmail => "X-Gm-Message-State: AOJu0Yz\n",
            Program::AppleMail => "X-Mailer: Apple Mail (2.3774.300.61.1.2)\n",
            Program::IPhone => "X-Mailer: iPhone Mail (20G75)\n",
            Program::Notes => "X-Mailer: IBM Notes Release 9.0.1\nX-Notes-Item: Memo; name=Form\n",
            Program::Application => "X-Mailer: PHPMailer 6.9.1 (https://github.com/PHPMailer/PHPMailer)\n",
        });
        out
    }

    /// The whole plain text: body, signature, and the mail answered as the program quotes it.
    fn text(&self) -> String {
        let mut out = format!("{}\n\n", self.body);
        match self.program {
            Program::Thunderbird => out.push_str(&format!("-- \n{}\n", self.signature)),
            Program::IPhone => out.push_str("Envoyé de mon iPhone\n"),
            _ => out.push_str(&format!("{}\n", self.signature)),
        }
        let Some(answered) = &self.answered else { return out };
        let Answered { name, address, date, subject, body } = answered;
        let quoted: String = body.lines().map(|line| format!("> {line}\n")).collect();
        out.push_str(&match self.program {
            Program::Outlook => format!(
                "\nDe : {name} <{address}>\nEnvoyé : {date}\nÀ : {}\nObjet : {subject}\n\n{body}\n",
                self.from.0
            ),
            Program::Notes => format!(
                "\n\n\nDe :     {name} <{address}>\nA :      {}\nDate :   {date}\nObjet :  {subject}\n\n{body}\n",
                self.from.1
            ),
            Program::Gmail => format!("\nLe {date}, {name} <{address}> a écrit :\n\n{quoted}"),
            Program::Thunderbird => format!("\nLe {date}, {name} a écrit :\n{quoted}"),
            Program::AppleMail | Program::IPhone => {
                format!("\n> Le {date}, {name} <{address}> a écrit :\n> \n{quoted}")
            }
            Program::Application => format!("\n----- Votre message -----\n{body}\n"),
        });
        out
    }

    fn alternative(&self, text: &str) -> String {
        let boundary = format!("_000_{:x}_", self.number);
        let paragraphs = |text: &str| -> String {
            let one = |p: &str| format!("<p class=\"MsoNormal\">{}</p>\n", html(p).replace('\n', "<br>"));
            text.split("\n\n").filter(|p| !p.trim().is_empty()).map(one).collect()
        };
        let page = match self.program {
            Program::Gmail => format!("<div dir=\"ltr\">{}</div>\n", paragraphs(text)),
            _ => format!(
                "<html xmlns:o=\"urn:schemas-microsoft-com:office:office\">\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\n<style><!-- p.MsoNormal {{margin:0cm;}} --></style>\n</head>\n<body lang=\"FR\">\n{}</body>\n</html>\n",
                paragraphs(text)
            ),
        };
        format!(
            "Content-Type: multipart/alternative; boundary=\"{boundary}\"\n\n--{boundary}\n{}\n--{boundary}\n{}\n--{boundary}--\n",
            part("text/plain; charset=\"utf-8\"", "quoted-printable", &quoted_printable(text)),
            part("text/html; charset=\"utf-8\"", "quoted-printable", &quoted_printable(&page)),
        )
    }

    /// With the logo of the signature.
    fn related(&self, inner: &str) -> String {
        let boundary = format!("_004_{:x}_", self.number);
        format!(
            "Content-Type: multipart/related; boundary=\"{boundary}\"\n\n--{boundary}\n{inner}\n--{boundary}\nContent-Type: image/png; name=\"image001.png\"\nContent-Disposition: inline; filename=\"image001.png\"\nContent-ID: <image001.png@01DC5D1E>\nContent-Transfer-Encoding: base64\n\n{}\n--{boundary}--\n",
            base64_lines(PNG)
        )
    }
}

fn part(kind: &str, encoding: &str, content: &str) -> String {
    format!("Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{content}")
}

fn crlf(text: &str) -> Vec<u8> {
    text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A header's words (RFC 2047), folded where they are long.
fn word(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (first, more) = rest.split_at(rest.floor_char_boundary(42.min(rest.len())));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(first)));
        rest = more;
    }
    words.join("\n ")
}

fn base64_lines(content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    text.as_bytes().chunks(76).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

/// RFC 2045 §6.7.
fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut column = 0;
        let last = line.len().saturating_sub(1);
        for (at, byte) in line.bytes().enumerate() {
            let plain = (33..=126).contains(&byte) && byte != b'=' || byte == b' ' && at != last;
            let piece = if plain { char::from(byte).to_string() } else { format!("={byte:02X}") };
            if column + piece.len() > 75 {
                out.push_str("=\n");
                column = 0;
            }
            column += piece.len();
            out.push_str(&piece);
        }
        out.push('\n');
    }
    out
}
