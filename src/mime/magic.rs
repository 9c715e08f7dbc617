// SPDX-License-Identifier: EUPL-1.2
//! Fixed bytes at fixed places and what they mean: the one table of the program. Sources: the formats' own
//! specifications, and file(1)'s reading of those that never had one.

use super::kind::{FileType, is};

/// Where, which bytes, what.
const MAGIC: &[(usize, &[u8], FileType)] = &[
    (0, b"%PDF-", is("pdf", "application/pdf")),
    (0, b"{\\rt", is("rtf", "application/rtf")),
    (0, b"-----BEGIN PGP", is("pgp", "application/pgp")),
    (0, b"\x78\x9f\x3e\x22", is("tnef", "application/ms-tnef")),
    // Archives that are read.
    (0, b"7z\xbc\xaf\x27\x1c", is("7z", "application/x-7z-compressed")),
    (0, b"Rar!\x1a\x07", is("rar", "application/vnd.rar")),
    (0, b"\x1f\x8b\x08", is("gz", "application/gzip")),
    (0, b"\x1f\x9d", is("z", "application/x-compress")),
    (0, b"\xfd7zXZ\0", is("xz", "application/x-xz")),
    (0, b"\x28\xb5\x2f\xfd", is("zst", "application/zstd")),
    (0, b"MSCF\0\0\0\0", is("cab", "application/vnd.ms-cab-compressed")),
    (257, b"ustar", is("tar", "application/x-tar")),
    (0x8001, b"CD001", is("iso", "application/x-iso9660-image")),
    // Containers that nobody here opens.
    (0, b"\x60\xea", is("arj", "application/x-arj")),
    (7, b"**ACE**", is("ace", "application/x-ace")),
    (0, b"SIT!", is("sit", "application/x-stuffit")),
    (0, b"StuffIt (c)", is("sit", "application/x-stuffit")),
    (0, b"StuffIt!", is("sit", "application/x-stuffit")),
    (0, b"LZIP", is("lz", "application/lzip")),
    (0, b"\x04\x22\x4d\x18", is("lz4", "application/x-lz4")),
    (0, b"\x89LZO\0", is("lzo", "application/x-lzop")),
    (0, b"ZOO ", is("zoo", "application/x-zoo")),
    (0, b"ALZ\x01", is("alz", "application/x-alz")),
    (0, b"EGGA", is("egg", "application/x-egg")),
    (0, b"7kSt", is("zpaq", "application/x-zpaq")),
    (0, b"!<arch>\n", is("ar", "application/x-archive")),
    (0, b"070701", is("cpio", "application/x-cpio")),
    (0, b"070707", is("cpio", "application/x-cpio")),
    (0, b"\xed\xab\xee\xdb", is("rpm", "application/x-rpm")),
    (0, b"xar!", is("xar", "application/x-xar")),
    (0, b"MSWIM\0\0\0", is("wim", "application/x-ms-wim")),
    (0, b"hsqs", is("squashfs", "application/x-squashfs")),
    (0, b"conectix", is("vhd", "application/x-vhd")),
    (0, b"vhdxfile", is("vhdx", "application/x-vhdx")),
    (0, b"KDMV", is("vmdk", "application/x-vmdk")),
    (0, b"QFI\xfb", is("qcow", "application/x-qemu-disk")),
    (0x40, b"\x7f\x10\xda\xbe", is("vdi", "application/x-virtualbox-vdi")),
    (0, b"TAPE\0\0", is("bkf", "application/x-ntbackup")),
    (0, b"LUKS\xba\xbe", is("luks", "application/x-luks")),
    (0, b"\x03\xd9\xa2\x9a", is("kdbx", "application/x-keepass2")),
    (0, b"!BDN", is("pst", "application/vnd.ms-outlook-pst")),
    (0, b"\xcf\xad\x12\xfe", is("dbx", "application/x-outlook-express")),
    (0, b"\x1a\0\0\x04\0\0", is("nsf", "application/vnd.lotus-notes")),
    (0, b"(This file must be converted with BinHex", is("hqx", "application/mac-binhex40")),
    // Closed with a password.
    (0, b"Salted__", is("openssl", "application/x-openssl-encrypted")),
    (0, b"age-encryption.org/v1", is("age", "application/x-age-encryption")),
    (0, b"-----BEGIN AGE ENCRYPTED FILE", is("age", "application/x-age-encryption")),
    (0, b"$ANSIBLE_VAULT", is("vault", "application/x-ansible-vault")),
    // Documents without a reader.
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", is("one", "application/onenote")),
    (0, b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c", is("onetoc2", "application/onenote")),
    (4, b"Standard Jet DB", is("mdb", "application/x-msaccess")),
    (4, b"Standard ACE DB", is("accdb", "application/x-msaccess")),
    (0, b"SQLite format 3\0", is("sqlite", "application/vnd.sqlite3")),
    (0, b"AT&TFORM", is("djvu", "image/vnd.djvu")),
    (0, b"ITSF", is("chm", "application/vnd.ms-htmlhelp")),
    (0, b"?_\x03\0", is("hlp", "application/winhlp")),
    (60, b"BOOKMOBI", is("mobi", "application/x-mobipocket-ebook")),
    (0, b"\xffWPC", is("wpd", "application/vnd.wordperfect")),
    (0, b"HWP Document File", is("hwp", "application/x-hwp")),
    (0, b"\xdb\xa5\x2d\0", is("doc2", "application/msword")),
    (0, b"\x31\xbe\0\0", is("wri", "application/x-mswrite")),
    (0, b"\x09\0\x04\0", is("xls4", "application/vnd.ms-excel")),
    (0, b"\x09\x02\x06\0", is("xls4", "application/vnd.ms-excel")),
    (0, b"\x09\x04\x06\0", is("xls4", "application/vnd.ms-excel")),
    (0, b"\0\0\x02\0\x06\x04\x06\0", is("wk1", "application/vnd.lotus-1-2-3")),
    (0, b"\0\0\x1a\0", is("123", "application/vnd.lotus-1-2-3")),
    (0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", is("indd", "application/x-indesign")),
    (4, b"MMXPR", is("qxd", "application/x-quark-xpress")),
    (4, b"IIXPR", is("qxd", "application/x-quark-xpress")),
    (0, b"AC10", is("dwg", "image/vnd.dwg")),
    (0, b"\0\0\x27\x0a\0\0\0\0", is("shp", "application/x-esri-shape")),
    (0, b"ActiveMime", is("mso", "application/x-mso")),
    (0, b"bplist0", is("bplist", "application/x-bplist")),
    (0, b"PAR1", is("parquet", "application/vnd.apache.parquet")),
    (0, b"\x89HDF\r\n\x1a\n", is("hdf5", "application/x-hdf5")),
    (0, b"\xf7\x02\x01\x83", is("dvi", "application/x-dvi")),
    (0, b"\x1b%-12345X", is("pcl", "application/vnd.hp-pcl")),
    (0, b"\x1bE\x1b", is("pcl", "application/vnd.hp-pcl")),
    (0, b"\xc5\xd0\xd3\xc6", is("eps", "application/postscript")),
    (0, b"L\0\0\0\x01\x14\x02\0", is("lnk", "application/x-ms-shortcut")),
    (0, b"\x7fELF", is("elf", "application/x-elf")),
    (0, b"\xca\xfe\xba\xbe", is("class", "application/java-vm")),
    (0, b"\xcf\xfa\xed\xfe", is("macho", "application/x-mach-binary")),
    (0, b"\0asm", is("wasm", "application/wasm")),
    // Pictures, sound, film, fonts and what systems leave beside them: no documents.
    (0, b"\x89PNG\r\n\x1a\n", is("png", "image/png")),
    (0, b"\xff\xd8\xff", is("jpeg", "image/jpeg")),
    (0, b"GIF8", is("gif", "image/gif")),
    (0, b"II*\0", is("tiff", "image/tiff")),
    (0, b"MM\0*", is("tiff", "image/tiff")),
    (0, b"IIU\0", is("raw", "image/x-raw")),
    (0, b"IIRO", is("raw", "image/x-raw")),
    (0, b"FUJIFILMCCD-RAW", is("raw", "image/x-raw")),
    (0, b"\0\0\0\x0cjP  ", is("jp2", "image/jp2")),
    (0, b"\xff\x4f\xff\x51", is("jp2", "image/jp2")),
    (0, b"\0\0\0\x0cJXL ", is("jxl", "image/jxl")),
    (0, b"\xff\x0a", is("jxl", "image/jxl")),
    (0, b"8BPS\0", is("psd", "image/vnd.adobe.photoshop")),
    (0, b"gimp xcf", is("xcf", "image/x-xcf")),
    (0, b"\0\0\x01\0", is("ico", "image/x-icon")),
    (0, b"\0\0\x02\0", is("ico", "image/x-icon")),
    (0, b"II\xbc\x01", is("jxr", "image/jxr")),
    (0, b"VCLMTF", is("svm", "image/x-starview-metafile")),
    (522, b"\0\x11\x02\xff\x0c\0", is("pict", "image/x-pict")),
    (0, b"\x0a\x05\x01\x08", is("pcx", "image/x-pcx")),
    (0, b"glTF", is("glb", "model/gltf-binary")),
    (0, b"\xd7\xcd\xc6\x9a", is("wmf", "image/wmf")),
    (0, b"\x01\0\x09\0\0\x03", is("wmf", "image/wmf")),
    (40, b" EMF", is("emf", "image/emf")),
    (0, b"\x76\x2f\x31\x01", is("exr", "image/x-exr")),
    (0, b"ID3", is("mp3", "audio/mpeg")),
    (0, b"OggS", is("ogg", "audio/ogg")),
    (0, b"fLaC", is("flac", "audio/flac")),
    (0, b"MThd", is("midi", "audio/midi")),
    (0, b"#!AMR", is("amr", "audio/amr")),
    (0, b".snd\0", is("au", "audio/basic")),
    (0, b"caff\0", is("caf", "audio/x-caf")),
    (0, b"FLV\x01", is("flv", "video/x-flv")),
    (0, b"\x1aE\xdf\xa3", is("mkv", "video/x-matroska")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", is("asf", "video/x-ms-asf")),
    (0, b"\0\0\x01\xba", is("mpeg", "video/mpeg")),
    (0, b"\0\0\x01\xb3", is("mpeg", "video/mpeg")),
    (0, b"\0\x01\0\0\0", is("ttf", "font/ttf")),
    (0, b"true\0", is("ttf", "font/ttf")),
    (0, b"OTTO", is("otf", "font/otf")),
    (0, b"ttcf", is("ttc", "font/collection")),
    (0, b"wOFF", is("woff", "font/woff")),
    (0, b"wOF2", is("woff2", "font/woff2")),
    (0, b"\x80\x01", is("pfb", "application/x-font-type1")),
    (34, b"LP\0", is("eot", "application/vnd.ms-fontobject")),
    (36, b"acsp", is("icc", "application/vnd.iccprofile")),
    (0, b"\0\0\0\x01Bud1", is("dsstore", "application/x-dsstore")),
    (0, b"\0\x05\x16\x07", is("appledouble", "multipart/appledouble")),
];

/// The type that fixed bytes tell.
pub(super) fn find(bytes: &[u8]) -> Option<FileType> {
    let at = |from: usize, magic: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(magic));
    // Few bytes are little: text may begin so, and is told by what follows.
    let short = |magic: &[u8]| magic.len() <= 4 && magic.iter().all(|b| (b' '..=b'~').contains(b));
    let is_text = || !super::charset::is_binary(bytes.get(..64).unwrap_or(bytes));
    let found = MAGIC.iter().find(|(from, magic, _)| at(*from, magic));
    if let Some((from, magic, kind)) = found
        && !(short(magic) && (*from > 0 || !matches!(kind.extension, "rtf" | "gif")) && is_text())
    {
        return Some(*kind);
    }
    by_shape(bytes)
}

/// Types told by more than a run of bytes.
fn by_shape(bytes: &[u8]) -> Option<FileType> {
    let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    if bytes.starts_with(b"MZ") && bytes.iter().take(64).any(|b| *b < 9) {
        return Some(is("exe", "application/vnd.microsoft.portable-executable"));
    }
    if bytes.starts_with(b"BZh") && matches!(bytes.get(3), Some(b'1'..=b'9')) {
        return Some(is("bz2", "application/x-bzip2"));
    }
    // The size of the information header, and planes.
    if bytes.starts_with(b"BM") && matches!(at(14, 18), [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]) {
        return Some(is("bmp", "image/bmp"));
    }
    if bytes.starts_with(b"RIFF") {
        return Some(match at(8, 12) {
            b"WEBP" => is("webp", "image/webp"),
            b"WAVE" => is("wav", "audio/wav"),
            b"AVI " => is("avi", "video/x-msvideo"),
            b"RMID" => is("midi", "audio/midi"),
            b"ACON" => is("ani", "image/x-ani"),
            _ => return None,
        });
    }
    if bytes.starts_with(b"FORM") && matches!(at(8, 12), b"AIFF" | b"AIFC") {
        return Some(is("aiff", "audio/aiff"));
    }
    if at(4, 8) == b"ftyp" {
        return Some(match at(8, 12) {
            b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc" => is("heic", "image/heic"),
            b"avif" | b"avis" => is("avif", "image/avif"),
            b"crx " => is("raw", "image/x-raw"),
            _ => is("mp4", "video/mp4"),
        });
    }
    if matches!(at(4, 8), b"moov" | b"mdat" | b"wide" | b"free") && bytes.first() == Some(&0) {
        return Some(is("mp4", "video/quicktime"));
    }
    if matches!(bytes, [b'F' | b'C' | b'Z', b'W', b'S', 3..=50, ..]) {
        return Some(is("swf", "application/x-shockwave-flash"));
    }
    // Frames of MPEG audio and of ADTS: the synchronisation, then a second one where the first frame ends is not
    // asked; a layer and a rate that exist must do.
    if let [0xFF, second, third, ..] = bytes
        && (0xE0..0xFE).contains(second)
        && (second & 0x06 != 0 && third & 0xF0 != 0xF0 && third & 0x0C != 0x0C || second & 0xF6 == 0xF0)
        && bytes.len() > 1_000
    {
        return Some(is("mp3", "audio/mpeg"));
    }
    if bytes.len() >= 188 * 3 && [0, 188, 376].iter().all(|from| bytes.get(*from) == Some(&0x47)) {
        return Some(is("m2ts", "video/mp2t"));
    }
    // `-lh5-` and its relatives; the first octet is the header's length.
    if matches!(at(2, 7), [b'-', b'l' | b'p', b'h' | b'z' | b'm', _, b'-']) {
        return Some(is("lzh", "application/x-lzh"));
    }
    // The properties of LZMA as every writer sets them, a dictionary of whole powers, a size or none.
    if let [0x5D, 0, 0, dictionary, high, size @ ..] = bytes
        && (*high == 0 && (dictionary.is_power_of_two() || *dictionary == 0)
            || dictionary == &0 && high.is_power_of_two())
        && (size.starts_with(&[0xFF; 8]) || matches!(size.get(5..8), Some([0, 0, 0])))
    {
        return Some(is("lzma", "application/x-lzma"));
    }
    // Apple's disk images end with a block of their own.
    if bytes.len() > 512 && bytes.get(bytes.len() - 512..).is_some_and(|end| end.starts_with(b"koly\0\0\0")) {
        return Some(is("dmg", "application/x-apple-diskimage"));
    }
    // dBASE: version, a date, and fields of 32 octets each up to a carriage return.
    if let [0x03 | 0x30 | 0x31 | 0x83 | 0x8B | 0xF5, year, 1..=12, 1..=31, ..] = bytes
        && *year < 200
        && bytes.get(8..10).is_some_and(|n| n[0] % 32 == 1 || n[0] % 32 == 8)
        && bytes.len() > 65
    {
        return Some(is("dbf", "application/x-dbf"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_begin_like_a_format_stay_words() {
        for text in [
            "OTTO est parti.",
            "ZOO de Paris",
            "SIT! dit-il",
            "PAR1 est un lot",
            "hsqs x",
            "xar!",
            "ITSF note",
            "caff\u{e9}",
        ] {
            assert_eq!(find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn shapes_are_known() {
        let rows: &[(&[u8], &str)] = &[
            (b"\0\0\0\x18ftypheic", "heic"),
            (b"\x20\0-lh5-\0\0", "lzh"),
            (b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0", "lzma"),
            (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
            (b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "bmp"),
        ];
        for (bytes, kind) in rows {
            assert_eq!(find(bytes).map(|found| found.extension), Some(*kind));
        }
    }
}
