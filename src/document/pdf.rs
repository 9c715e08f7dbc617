// SPDX-License-Identifier: EUPL-1.2
//! PDF (ISO 32000-1): page text with its margins, annotations, form fields, properties, embedded files, and pages that
//! are pictures.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, Rect};
use hayro_syntax::page::{Resources, Rotation};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use super::opening::Opening;
use super::paragraphs::Pages;
use super::pdf_lines::Zone;
use super::pdf_sheet::{Placed, Sheet};
use super::pdf_tally::Tally;
use super::pdf_text::{Canvas, FontShelf};
use super::{DocumentError, pdf_parts, pdf_raster, pdf_stream, pdf_tally, picture};

/// Pages read; nobody writes an official paper longer than this.
const PAGES: usize = 3_000;

/// What one stream may unpack to.
const STREAM: usize = 32 << 20;

/// What a stream of objects may unpack to, which the library does by itself.
const OBJECTS: usize = 64 << 20;

/// What one picture may unpack to.
const PICTURE: usize = 160 << 20;

/// Pages remembered for being pictures; far more than are read.
const PICTURED: usize = 200;

/// A page is a picture where pictures cover this much of it.
const COVERED: f32 = 0.5;

/// Points read and painted for all pages: some seconds, a part of what a worker has for a whole file.
const POINTS: u64 = 400_000_000;

/// Letters of a page's own text beside which a picture is its background.
const OWN_TEXT: usize = 200;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    // Junk before the header shifts every offset (annex H lets readers cope).
    let start = memchr::memmem::find(bytes.get(..1024).unwrap_or(bytes), b"%PDF-").unwrap_or(0);
    let bytes = bytes.get(start..).unwrap_or(bytes);
    pdf_stream::admit_objects(bytes, OBJECTS)?;
    let mut pages = Pages::new();
    // The libraries below may panic on hostile bytes. What was read before is kept.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let pdf = load(bytes, opening)?;
        let read = page_texts(&pdf, bytes, opening, &mut pages);
        pdf_parts::read(&pdf, bytes, opening, &mut pages).and(read)
    }));
    let written = pages.write(opening);
    outcome.unwrap_or(Err(DocumentError::Crashed)).and(written)
}

fn load(bytes: &[u8], opening: &mut Opening<'_>) -> Result<Pdf, DocumentError> {
    match Pdf::new(bytes.to_vec()) {
        Ok(pdf) => return Ok(pdf),
        Err(LoadPdfError::Invalid) => return Err(DocumentError::Broken),
        Err(LoadPdfError::Decryption(_)) => {}
    }
    opening.extract.encrypted = Some("pdf".into());
    for password in opening.passwords {
        match Pdf::new_with_password(bytes.to_vec(), password) {
            Ok(pdf) => {
                opening.property("password-found", "pdf");
                return Ok(pdf);
            }
            Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected)) => {}
            Err(_) => break,
        }
    }
    Err(DocumentError::Encrypted)
}

/// A page as it is found in the tree, or beside it.
struct Leaf<'a> {
    dictionary: Dict<'a>,
    resources: Resources<'a>,
    sheet: Sheet,
}

/// A page that is a picture, kept until all pages are read: those without any text come first.
struct Pictured<'a> {
    place: String,
    sheet: Sheet,
    pictures: Vec<Placed<'a>>,
    has_text: bool,
}

fn page_texts(pdf: &Pdf, bytes: &[u8], opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut shelf = FontShelf::new();
    let mut reader =
        Reader { shelf: &mut shelf, opening, pages, said: HashSet::new(), count: 0, seen: Seen::default() };
    let mut pictured = Vec::new();
    let mut outcome = Ok(());
    let mut reached = HashSet::new();
    for page in pdf.pages().iter() {
        reached.extend(page.raw().obj_id());
        let resources = page.resources().clone();
        let sheet = Sheet::new(sides(page.intersected_crop_box()), page.rotation());
        let done = reader.page(Leaf { dictionary: page.raw().clone(), resources, sheet }, &mut pictured);
        outcome = outcome.and(done);
        if reader.count > PAGES || reader.opening.budget.bytes == 0 {
            return outcome;
        }
    }
    for leaf in unreached(pdf, bytes, &reached) {
        outcome = outcome.and(reader.page(leaf, &mut pictured));
    }
    let (count, seen) = (reader.count, reader.seen);
    if seen.image && !seen.text {
        opening.property("image-only", "true");
    }
    if seen.tally.is_garbled() {
        outcome = outcome.and(Err(DocumentError::Unread));
    }
    hand_out(pictured, opening);
    if count == 0 { Err(DocumentError::Broken) } else { outcome }
}

fn sides(rect: Rect) -> [f64; 4] {
    [rect.x0, rect.y0, rect.x1, rect.y1]
}

/// Pages that the tree does not lead to. The names of types stand in the clear unless objects are packed.
fn unreached<'a>(pdf: &'a Pdf, bytes: &[u8], reached: &HashSet<ObjectIdentifier>) -> Vec<Leaf<'a>> {
    let is_packed = memchr::memmem::find(bytes, b"/ObjStm").is_some();
    let named = memchr::memmem::find_iter(bytes, b"/Page").count();
    if !is_packed && named == 0 {
        return Vec::new();
    }
    let pages = pdf.objects().into_iter().filter_map(Object::into_dict);
    let pages = pages.filter(|page| page.get::<Name<'_>>("Type").is_some_and(|name| name.as_ref() == b"Page"));
    let pages = pages.filter(|page| page.obj_id().is_none_or(|id| !reached.contains(&id)));
    let leaf = |page: Dict<'a>| Leaf {
        resources: Resources::new(page.get::<Dict<'_>>("Resources").unwrap_or_default()),
        sheet: Sheet::new(page.get::<Rect>("MediaBox").map_or([0.0, 0.0, 595.0, 842.0], sides), Rotation::None),
        dictionary: page,
    };
    pages.take(PAGES).map(leaf).collect()
}

#[derive(Default)]
struct Seen {
    image: bool,
    text: bool,
    tally: Tally,
}

struct Reader<'a, 'r, 'o> {
    shelf: &'r mut FontShelf<'a>,
    opening: &'r mut Opening<'o>,
    pages: &'r mut Pages,
    /// What headers and footers said on earlier pages.
    said: HashSet<(&'static str, String)>,
    count: usize,
    seen: Seen,
}

impl<'a> Reader<'a, '_, '_> {
    fn page(&mut self, leaf: Leaf<'a>, pictured: &mut Vec<Pictured<'a>>) -> Result<(), DocumentError> {
        self.count += 1;
        if self.count > PAGES {
            return Err(DocumentError::Budget);
        }
        let limit = STREAM.min(self.opening.budget.bytes as usize);
        let mut canvas = Canvas::new(self.shelf, limit, leaf.sheet.matrix);
        let outcome = canvas.page(&leaf.dictionary, &leaf.resources);
        self.opening.budget.spend(canvas.unpacked)?;
        let place = format!("#page{}", self.count);
        let (mut tally, pictures) = (canvas.tally, std::mem::take(&mut canvas.pictures));
        let lines = std::mem::take(&mut canvas.lines).finish(leaf.sheet.height);
        if pdf_tally::is_doubtful(lines.iter().map(|(_, line)| &**line)) {
            tally.doubt();
        }
        self.pages.line("#hidden", &canvas.replaced);
        self.seen.tally.add(&tally, &canvas.guessed);
        self.seen.image |= !pictures.is_empty();
        self.seen.text |= tally.letters() > 0;
        self.write(&place, lines);
        let covered = pdf_raster::coverage(&leaf.sheet, &pictures);
        let is_blank = tally.letters() == 0;
        if !pictures.is_empty() && (covered >= COVERED || is_blank) {
            if pictured.len() < PICTURED {
                let has_text = tally.letters() >= OWN_TEXT;
                pictured.push(Pictured { place, sheet: leaf.sheet, pictures, has_text });
            } else {
                self.opening.extract.note_unseen("unread");
            }
        }
        for annotation in leaf.dictionary.get::<Array<'_>>("Annots").iter().flat_map(Array::iter::<Dict<'_>>) {
            pdf_parts::annotate(&annotation, self.shelf, self.pages);
        }
        outcome
    }

    /// Lines of a page. What stands in the margins is said once for all pages that repeat it.
    fn write(&mut self, place: &str, lines: Vec<(Zone, String)>) {
        let mut body = String::new();
        for (zone, line) in lines {
            let margin = match zone {
                Zone::Body => {
                    go_on(&mut body, &line);
                    continue;
                }
                Zone::Head => "#header",
                Zone::Foot => "#footer",
            };
            if self.said.insert((margin, line.clone())) {
                self.pages.line(margin, &line);
            }
        }
        self.pages.line(place, &body);
    }
}

/// Adds a line to a text. A word that a hyphen broke at the end of the line before is whole again there.
fn go_on(text: &mut String, line: &str) {
    let broken = text.strip_suffix('\n').and_then(|text| text.strip_suffix(['-', '\u{AD}', '\u{2010}']));
    // Columns side by side go on each for itself.
    let is_one_column = |text: &str| !line.contains('\t') && !text.rsplit('\n').next().unwrap_or(text).contains('\t');
    let is_broken = broken.is_some_and(|text| text.ends_with(char::is_lowercase) && is_one_column(text))
        && line.starts_with(char::is_lowercase);
    let mut rest = line;
    if let Some(length) = broken.map(str::len).filter(|_| is_broken) {
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let (word, after) = line.split_at(end);
        text.truncate(length);
        text.push_str(word);
        text.push('\n');
        rest = after.trim_start();
        if rest.is_empty() {
            return;
        }
    }
    text.push_str(rest);
    text.push('\n');
}

/// Hands pages that are pictures to whoever reads pictures; those without text of their own first.
fn hand_out(mut pictured: Vec<Pictured<'_>>, opening: &mut Opening<'_>) {
    pictured.sort_by_key(|page| page.has_text);
    let mut points = POINTS;
    for page in pictured {
        if opening.budget.pictures == 0 && page.has_text {
            opening.budget.left_out = true;
            continue;
        }
        let limit = PICTURE.min(opening.budget.bytes as usize);
        let content = match opening.budget.pictures {
            0 => Err(DocumentError::Budget),
            _ => pdf_raster::page(&page.sheet, &page.pictures, limit, &mut points),
        };
        match content {
            Ok(Some(content)) => picture::hand_out(page.place, content, page.has_text, opening),
            Ok(None) => {}
            // A logo on an empty page is nothing to miss.
            Err(_) if page.has_text || pdf_raster::coverage(&page.sheet, &page.pictures) < COVERED => {}
            Err(_) => opening.extract.note_unseen("unread"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_broken_at_a_line_is_whole() {
        for (lines, expected) in [
            (&["la men-", "tion reste"][..], "la mention\nreste\n"),
            (&["diffu\u{AD}", "sion"], "diffusion\n"),
            (&["Seine-", "Maritime"], "Seine-\nMaritime\n"),
            (&["2026-", "114"], "2026-\n114\n"),
            (&["un -", "deux"], "un -\ndeux\n"),
        ] {
            let mut text = String::new();
            lines.iter().for_each(|line| go_on(&mut text, line));
            assert_eq!(text, expected);
        }
    }
}
