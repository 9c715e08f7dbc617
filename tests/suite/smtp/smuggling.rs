// SPDX-License-Identifier: EUPL-1.2
//! The end of data, against every sequence known to be read differently by different servers.

use octroi::smtp::client::{stuff, stuffed};
use octroi::smtp::data::{BareNewline, DataProgress, EndOfData, Ending};
use proptest::prelude::*;

/// What the reader made of some octets: the message, how it ended, and how much was consumed.
type Read = (Vec<u8>, Option<Ending>, usize);

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, mode: BareNewline, limit: u64) -> Read {
    let (mut reader, mut out, mut consumed) = (EndOfData::new(limit, mode), Vec::new(), 0);
    for piece in pieces {
        let (used, progress) = reader.feed(piece, &mut out);
        consumed += used;
        match progress {
            DataProgress::More => assert_eq!(used, piece.len(), "input is left though the data goes on"),
            DataProgress::End(ending) => return (out, Some(ending), consumed),
        }
    }
    (out, None, consumed)
}

const WHOLE: Option<Ending> = Some(Ending::Whole { bare_newline: false });
const WITH_BARE: Option<Ending> = Some(Ending::Whole { bare_newline: true });
const REFUSED: Option<Ending> = Some(Ending::BareNewline);
/// The end that always comes, so that a sequence before it shows whether it was taken for an end.
const END: &[u8] = b"\r\n.\r\n";

/// Octets before the true end, and what becomes of them: refusing bare newlines, passing them.
#[rustfmt::skip]
const TABLE: &[(&[u8], Option<Ending>, Option<Ending>)] = &[
    (b"",                         WHOLE,   WHOLE),
    (b"text",                     WHOLE,   WHOLE),
    (b"..",                       WHOLE,   WHOLE),
    (b".text",                    WHOLE,   WHOLE),
    (b"a\r\n..\r\nb",             WHOLE,   WHOLE),
    (b"a\r\n.b\r\n..c",           WHOLE,   WHOLE),
    (b"a.\r\nb .\r\n",            WHOLE,   WHOLE),
    (b"nul \0 and \xff\x80 stay", WHOLE,   WHOLE),
    (b"\0",                       WHOLE,   WHOLE),
    (b"a\nb",                     REFUSED, WITH_BARE),
    (b"a\rb",                     REFUSED, WITH_BARE),
    (b"a\r\rb",                   REFUSED, WITH_BARE),
    (b"a\n\nb",                   REFUSED, WITH_BARE),
    (b"a\r\r\nb",                 REFUSED, WITH_BARE),
    (b"a\n\r\nb",                 REFUSED, WITH_BARE),
    (b"a dot.\nends it",          REFUSED, WITH_BARE),
    (b"\n",                       REFUSED, WITH_BARE),
    (b"\r",                       REFUSED, WITH_BARE),
    // Beside a dot.
    (b"a\n.\nb",                  REFUSED, REFUSED),
    (b"a\n.\r\nb",                REFUSED, REFUSED),
    (b"a\r\n.\nb",                REFUSED, REFUSED),
    (b"a\r\n.\rb",                REFUSED, REFUSED),
    (b"a\r\n.\r\r\nb",            REFUSED, REFUSED),
    (b"a\r.\rb",                  REFUSED, REFUSED),
    (b"a\r.\r\nb",                REFUSED, REFUSED),
    (b"a\r.\nb",                  REFUSED, REFUSED),
    (b"a\n.\rb",                  REFUSED, REFUSED),
    (b"a\n..\r\nb",               REFUSED, REFUSED),
    (b"a\r\n.\r.\r\nb",           REFUSED, REFUSED),
    (b"a\r\n\n.\r\nb",            REFUSED, REFUSED),
    (b"a\r\n\r.\r\nb",            REFUSED, REFUSED),
    (b"\n.\nMAIL FROM:<x@y>",     REFUSED, REFUSED),
    (b".\nb",                     REFUSED, REFUSED),
    (b".\rb",                     REFUSED, REFUSED),
    (b"a\r\n.\0\r\nb",            REFUSED, REFUSED),
    (b"a\r\n\0.\r\nb",            REFUSED, REFUSED),
    (b"a\r\n..\0\r\nb",           REFUSED, REFUSED),
    (b"a\n\0.\r\nb",              REFUSED, REFUSED),
    (b"a\r\nb\0.\r\nb",           WHOLE,   WHOLE),
];

#[test]
fn only_one_sequence_ends_the_data() {
    for (octets, refusing, passing) in TABLE {
        let wire = [octets, END, b"QUIT\r\n"].concat();
        for (mode, expected) in [(BareNewline::Refuse, refusing), (BareNewline::Pass, passing)] {
            let whole = read([wire.as_slice()].into_iter(), mode, 1000);
            assert_eq!(whole.1, *expected, "{:?}, {mode:?}", octets.escape_ascii().to_string());
            assert_eq!(whole.2, octets.len() + END.len(), "{:?}, {mode:?}", octets.escape_ascii().to_string());
            if matches!(expected, Some(Ending::BareNewline)) {
                assert!(whole.0.is_empty());
            }
            for at in 0..=wire.len() {
                let (left, right) = wire.split_at(at);
                assert_eq!(read([left, right].into_iter(), mode, 1000), whole, "cut at {at}");
            }
            assert_eq!(read(wire.chunks(1), mode, 1000), whole, "one at a time");
        }
    }
}

#[test]
fn the_first_line_may_be_the_end() {
    let (out, ending, consumed) = read([&b".\r\nQUIT\r\n"[..]].into_iter(), BareNewline::Refuse, 1000);
    assert_eq!((out.len(), ending, consumed), (0, WHOLE, 3));
    assert_eq!(read([&b".\r\n"[..]].into_iter(), BareNewline::Refuse, 0).1, WHOLE);
}

#[test]
fn doubled_dots_become_one() {
    let wire = b"..\r\n.a\r\n...\r\nb..\r\n.\r\n";
    assert_eq!(read([&wire[..]].into_iter(), BareNewline::Refuse, 1000).0, b".\r\na\r\n..\r\nb..\r\n");
}

#[test]
fn what_passes_is_kept_as_it_is() {
    let wire = b"a\nb\rc\r\r\nd\r\n.\r\n";
    assert_eq!(read([&wire[..]].into_iter(), BareNewline::Pass, 1000).0, b"a\nb\rc\r\r\nd\r\n");
}

#[test]
fn too_big_is_swallowed_to_the_end() {
    for (octets, limit, expected) in [
        (&b"12345678\r\n"[..], 10, WHOLE),
        (b"12345678\r\n", 9, Some(Ending::TooBig)),
        // The doubled dot is not the author's and does not count.
        (b"..\r\n", 3, WHOLE),
        (b"..\r\n", 2, Some(Ending::TooBig)),
        // Both at fault: the same answer wherever it is cut.
        (b"12345\n6789\r\n", 3, REFUSED),
        (b"\n123456789\r\n", 3, REFUSED),
    ] {
        let wire = [octets, b".\r\nQUIT\r\n"].concat();
        for cut in 1..=wire.len() {
            let (out, ending, consumed) = read(wire.chunks(cut), BareNewline::Refuse, limit);
            assert_eq!((ending, consumed), (expected, octets.len() + 3), "{octets:?} in pieces of {cut}");
            assert!(ending == WHOLE || out.capacity() == 0, "the memory is given back");
        }
    }
}

/// Octets that make trouble far more often than chance would.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0u8)], 0..40)
}

/// Lines without bare newlines.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::collection::vec(prop_oneof![Just(b'.'), Just(b'a'), Just(0xE9u8)], 0..5);
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.iter().flat_map(|l| [l, &b"\r\n"[..]].concat()).collect())
}

proptest! {
    #[test]
    fn unstuffing_undoes_stuffing(content in lines(), cut in 1usize..9) {
        let mut wire = Vec::new();
        stuff(&content, &mut wire);
        let (body, end) = stuffed(&content);
        prop_assert_eq!([&body[..], end].concat(), wire.clone());
        let (out, ending, consumed) = read(wire.chunks(cut), BareNewline::Refuse, 10_000);
        prop_assert_eq!((out, ending, consumed), (content, WHOLE, wire.len()));
    }

    #[test]
    fn a_cut_changes_nothing(octets in octets(), cut in 1usize..9, limit in 0u64..30, pass: bool) {
        let mode = if pass { BareNewline::Pass } else { BareNewline::Refuse };
        let wire = [&octets, END].concat();
        prop_assert_eq!(read(wire.chunks(cut), mode, limit), read([&wire[..]].into_iter(), mode, limit));
    }

    /// Read by the letter: the first CR LF . CR LF is the end, and nothing else.
    #[test]
    fn the_end_is_where_the_letter_says(octets in octets()) {
        let wire = [&octets, END].concat();
        let lines = [&b"\r\n"[..], &wire].concat();
        let first = lines.windows(5).position(|w| w == END).unwrap() + 3;
        prop_assert_eq!(read([&wire[..]].into_iter(), BareNewline::Refuse, 1000).2, first);
    }
}
