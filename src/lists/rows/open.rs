// SPDX-License-Identifier: EUPL-1.2
//! What kind of file a list is in, told from its content, never from its name.

use std::io::{Read, Seek, SeekFrom};

use encoding_rs::Encoding;

use super::{Delimited, Dialect, Ldif, Letters, Rows, RowsError, Wide, xlsx};

/// Bytes that format, letters and dialect are told from.
const HEAD: usize = 256 << 10;

/// How a file is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    Delimited {
        letters: Letters,
        dialect: Dialect,
    },
    Ldif(Letters),
    /// One sheet of a workbook: the part that holds it.
    Xlsx {
        sheet: String,
    },
}

impl Format {
    /// In words for people: `CSV (;), utf-8`.
    pub fn shown(&self) -> String {
        match self {
            Format::Delimited { letters, dialect } => {
                let kind = if dialect.delimiter == b'\t' {
                    "TSV".to_owned()
                } else {
                    format!("CSV ({})", char::from(dialect.delimiter))
                };
                format!("{kind}, {}", letters.name())
            }
            Format::Ldif(_) => "LDIF".into(),
            Format::Xlsx { .. } => "xlsx".into(),
        }
    }
}

/// The ways a file may be read, the likeliest first; several only for workbooks of several sheets.
///
/// # Errors
/// Where it is no list.
pub fn detect<S: Read + Seek>(source: &mut S) -> Result<Vec<Format>, RowsError> {
    source.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    source.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(RowsError::Empty);
    }
    if head.starts_with(b"PK\x03\x04") {
        return Ok(xlsx::sheets(source)?.into_iter().map(|sheet| Format::Xlsx { sheet }).collect());
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(RowsError::Format("it is an old or encrypted workbook: save it as xlsx without a password"));
    }
    let letters = Letters::guess(&head);
    let whole = head.len() < HEAD;
    let head = if letters.is_wide() {
        letters.encoding.decode_with_bom_removal(&head).0.into_owned().into_bytes()
    } else {
        head
    };
    let control = head.iter().take(4096).filter(|b| matches!(b, 0 | 2..=8 | 14..=25)).count();
    if control * 20 > head.len().min(4096) {
        return Err(RowsError::Format("it is no text"));
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    if is_ldif(text) {
        return Ok(vec![Format::Ldif(letters)]);
    }
    Ok(vec![Format::Delimited { letters, dialect: Dialect::guess(text, whole) }])
}

/// RFC 2849: comments aside, the first line is `version:` or `dn:`.
fn is_ldif(text: &[u8]) -> bool {
    let mut lines = text.split(|b| *b == b'\n').map(|line| line.trim_ascii_end());
    let first = lines.find(|line| !line.is_empty() && !matches!(line[0], b'#' | b' ')).unwrap_or_default();
    let starts = |word: &str| first.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    starts("dn:") || starts("version:") && text.windows(4).take(HEAD).any(|w| w == b"\ndn:")
}

/// The rows of a file, from its beginning.
///
/// # Errors
/// Where the file cannot be read.
pub fn open<'s, S: Read + Seek>(source: &'s mut S, format: &Format) -> Result<Box<dyn Rows + 's>, RowsError> {
    source.seek(SeekFrom::Start(0))?;
    Ok(match format {
        Format::Delimited { letters, dialect } if letters.is_wide() => {
            Box::new(Delimited::new(wide(source, letters.encoding), *dialect, letters.legacy()))
        }
        Format::Delimited { letters, dialect } => Box::new(Delimited::new(source, *dialect, letters.legacy())),
        Format::Ldif(letters) if letters.is_wide() => Box::new(Ldif::new(wide(source, letters.encoding))),
        Format::Ldif(_) => Box::new(Ldif::new(source)),
        Format::Xlsx { sheet } => Box::new(xlsx::Sheet::open(source, sheet)?),
    })
}

fn wide<S: Read>(source: S, encoding: &'static Encoding) -> Wide<S> {
    Wide::new(source, encoding)
}
