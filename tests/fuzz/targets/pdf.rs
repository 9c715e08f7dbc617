// SPDX-License-Identifier: EUPL-1.2
//! A page of a PDF: its content, the character map of its font, and the points of its picture, in a frame that always
//! leads to them. The first two octets say where the one ends and the next begins.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::document::{Budget, open};

const FILTERS: [&str; 6] = ["", "/FlateDecode", "/DCTDecode", "/CCITTFaxDecode", "/JBIG2Decode", "/LZWDecode"];

fuzz_target!(|data: &[u8]| {
    let [first, second, filter, rest @ ..] = data else { return };
    let (content, rest) = rest.split_at(rest.len() * usize::from(*first) / 255);
    let (map, points) = rest.split_at(rest.len() * usize::from(*second) / 255);
    let filter = FILTERS[usize::from(filter % 6)];
    let filter = if filter.is_empty() { String::new() } else { format!("/Filter {filter}") };
    let mut file = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
        3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</P 6 0 R>>/Font<<\
        /F<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 5 0 R/DescendantFonts[<</Subtype/CIDFontType2>>]>>\
        /G<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 5 0 R>>>>>>>>endobj\n"
        .to_vec();
    let image = format!("/Subtype/Image/Width 64/Height 64/BitsPerComponent 8/ColorSpace/DeviceGray{filter}");
    for (number, entries, stream) in [(4, "", content), (5, "", map), (6, image.as_str(), points)] {
        file.extend(format!("{number} 0 obj<<{entries}/Length {}>>stream\n", stream.len()).bytes());
        file.extend(stream);
        file.extend(b"\nendstream endobj\n");
    }
    file.extend(b"trailer<</Root 1 0 R>>\n");
    let mut budget = Budget { bytes: 8 << 20, text: 1 << 20, ..Budget::default() };
    let extract = open("a.pdf", &file, &mut budget, &[]);
    assert_ne!(extract.fault, Some(octroi::document::DocumentError::Crashed));
});
