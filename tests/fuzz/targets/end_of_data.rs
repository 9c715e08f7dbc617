// SPDX-License-Identifier: EUPL-1.2
//! Content after DATA: the same end and the same octets wherever it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::smtp::data::{BareNewline, DataProgress, EndOfData};

fuzz_target!(|data: &[u8]| {
    let Some((cut, octets)) = data.split_first() else { return };
    for mode in [BareNewline::Refuse, BareNewline::Pass] {
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        let at_once = EndOfData::new(1 << 16, mode).feed(octets, &mut whole);
        let (mut reader, mut taken, mut progress) = (EndOfData::new(1 << 16, mode), 0, None);
        for piece in octets.chunks(usize::from(*cut) + 1) {
            let (n, now) = reader.feed(piece, &mut pieces);
            taken += n;
            progress = Some(now);
            if n < piece.len() || now != DataProgress::More {
                break;
            }
        }
        if let Some(progress) = progress {
            assert_eq!((taken, progress), at_once);
            assert_eq!(pieces, whole);
        }
    }
});
