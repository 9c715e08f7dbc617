// SPDX-License-Identifier: EUPL-1.2
//! What has no reader here is said (decision D34): `unread` where it can carry text, `opaque` where it is a container
//! or nobody knows it. Runs of letters in it are searched all the same.

use super::opening::Opening;
use super::{DocumentError, letters};

/// Kinds by content that are no documents: pictures, sound, film, fonts, what systems leave beside files.
const SILENT: &[&str] = &[
    "png",
    "jpeg",
    "gif",
    "tiff",
    "bmp",
    "webp",
    "ico",
    "ani",
    "psd",
    "xcf",
    "jp2",
    "jxl",
    "heic",
    "avif",
    "emf",
    "wmf",
    "exr",
    "raw",
    "mp3",
    "mp4",
    "ogg",
    "flac",
    "midi",
    "amr",
    "au",
    "caf",
    "wav",
    "aiff",
    "mkv",
    "avi",
    "asf",
    "flv",
    "swf",
    "mpeg",
    "m2ts",
    "ttf",
    "otf",
    "ttc",
    "woff",
    "woff2",
    "pfb",
    "eot",
    "icc",
    "dsstore",
    "jxr",
    "svm",
    "pict",
    "pcx",
    "glb",
    "class",
    "appledouble",
];

/// Kinds by content that hold other files, or are closed.
const CONTAINERS: &[&str] = &[
    "arj", "ace", "sit", "lzh", "lz", "lz4", "lzo", "lzma", "zoo", "alz", "egg", "zpaq", "ar", "cpio", "rpm", "xar",
    "wim", "dmg", "squashfs", "vhd", "vhdx", "vmdk", "qcow", "vdi", "bkf", "luks", "kdbx", "pst", "dbx", "nsf", "hqx",
];

/// Kinds by content that only a key opens.
const CLOSED: &[&str] = &["openssl", "age", "vault"];

/// Names of documents without a reader, and without fixed bytes. Of unknown bytes under any other name nobody can say
/// what they are.
const NAMED: &[&str] = &[
    "pub", "vsd", "vss", "vst", "mpp", "mpt", "one", "mdb", "accdb", "pages", "numbers", "key", "wps", "wpd", "wk1",
    "wk3", "wk4", "123", "lwp", "sam", "qxd", "indd", "fm", "dwg", "dgn", "skp", "rvt", "dbf", "mif", "sas7bdat",
    "sav", "dta", "rdata", "rds", "hlp", "chm", "azw", "azw3", "lit", "prn", "pcl",
];

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let kind = opening.kind;
    if opening.bytes.is_empty() || SILENT.contains(&kind) {
        return Ok(());
    }
    if CLOSED.contains(&kind) {
        opening.extract.encrypted = Some(kind.to_owned());
        return Err(DocumentError::Encrypted);
    }
    opening.say("#letters", letters::words(opening.bytes))?;
    let extension = opening.extract.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let is_named = extension.is_some_and(|extension| NAMED.contains(&extension.as_str()));
    let opaque = CONTAINERS.contains(&kind) || kind.is_empty() && !is_named;
    Err(if opaque { DocumentError::Opaque } else { DocumentError::Unread })
}

/// Parts of office packages that hold no text of the author's, by the names that every program gives them: settings of
/// printers, macros compiled, controls, fonts made unreadable, signatures, previews.
pub(super) fn is_machinery(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let file = lower.rsplit('/').next().unwrap_or(&lower);
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    let word = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(extension, "odttf" | "fntdata" | "obfuscated" | "sigs" | "plist" | "rels")
        || extension == "bin"
            && matches!(
                word,
                "printersettings" | "vbaproject" | "activex" | "customproperty" | "binaryindex" | "attachedtoolbars"
            )
        || file.starts_with("thumbnail")
        || file.starts_with("preview.")
}
