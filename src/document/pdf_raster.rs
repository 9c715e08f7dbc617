// SPDX-License-Identifier: EUPL-1.2
//! Pages of a PDF that are pictures: puts their pictures together as they are shown (turned, in strips, masked, by
//! palettes), one grey picture a page.

use hayro_syntax::Filter;
use hayro_syntax::content::UntypedIter;
use hayro_syntax::object::stream::ImageDecodeParams;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro_syntax::page::Resources;

use super::DocumentError;
use super::pdf_sheet::{Matrix, PictureSource, Placed, Sheet, at};
use super::pdf_stream;

/// Points of one picture of a page: more than a scanned A3 sheet at 600 dpi has.
const POINTS: u64 = 70_000_000;

/// Points of the page that is handed out: an A4 sheet at 300 dpi, which readers of pictures like best.
const SHEET: f32 = 9_000_000.0;

/// Points to a unit of the page below which nobody reads a letter: 36 to the inch, where a letter of print has four.
const COARSE: f32 = 0.5;

/// The share of a page that its pictures cover, at most one.
pub(super) fn coverage(sheet: &Sheet, pictures: &[Placed<'_>]) -> f32 {
    let covered: f32 = pictures.iter().map(|picture| area(&bounds(&picture.matrix, sheet))).sum();
    (covered / (sheet.width * sheet.height)).min(1.0)
}

/// The page as a file that a reader of pictures takes; nothing where its pictures are too coarse for letters, a fault
/// where none of them can be decoded. `left`: points that may still be read and painted.
pub(super) fn page(
    sheet: &Sheet,
    pictures: &[Placed<'_>],
    limit: usize,
    left: &mut u64,
) -> Result<Option<Vec<u8>>, DocumentError> {
    if let [only] = pictures
        && let PictureSource::Object(stream) = &only.source
        && stream.filters().as_slice() == [Filter::DctDecode]
        && is_upright(&only.matrix)
    {
        let side = |key: &str| side(stream.dict(), key, key).unwrap_or(0);
        let is_page = super::picture::is_page(side("Width"), side("Height"));
        return Ok(is_page.then(|| stream.raw_data().into_owned()));
    }
    let (mut canvas, mut coarse): (Option<Canvas>, bool) = (None, false);
    for picture in pictures {
        let place = bounds(&picture.matrix, sheet);
        if area(&place) <= 0.0 {
            continue;
        }
        let Some(grey) = decode(picture, limit, *left) else { continue };
        *left = left.saturating_sub(grey.points.len() as u64);
        if is_coarse(&grey, &picture.matrix) {
            coarse = true;
            continue;
        }
        if canvas.is_none() {
            canvas = Some(Canvas::new(sheet, density(&grey, &picture.matrix)));
        }
        if let Some(canvas) = &mut canvas {
            *left = left.saturating_sub((area(&place) * canvas.density * canvas.density) as u64);
            canvas.draw(&grey, picture, &place);
        }
        if *left == 0 {
            break;
        }
    }
    match canvas {
        Some(canvas) => Ok(canvas.finish()),
        None if coarse => Ok(None),
        None => Err(DocumentError::Unread),
    }
}

/// Whether a picture is spread so wide that it is a background and no writing.
fn is_coarse(grey: &Grey, matrix: &Matrix) -> bool {
    let [across, down] = densities(grey, matrix);
    across.min(down) < COARSE
}

fn is_upright(matrix: &Matrix) -> bool {
    let [a, b, c, d, ..] = *matrix;
    a > 0.0 && d > 0.0 && b.abs() < a * 0.01 && c.abs() < d * 0.01
}

/// Points of a picture to a unit of the page.
fn density(grey: &Grey, matrix: &Matrix) -> f32 {
    let [across, down] = densities(grey, matrix);
    across.max(down)
}

fn densities(grey: &Grey, matrix: &Matrix) -> [f32; 2] {
    let across = grey.width as f32 / matrix[0].hypot(matrix[1]).max(f32::EPSILON);
    let down = grey.height as f32 / matrix[2].hypot(matrix[3]).max(f32::EPSILON);
    [across, down]
}

/// Left, lower, right and upper side of what a picture covers of the sheet.
fn bounds(matrix: &Matrix, sheet: &Sheet) -> [f32; 4] {
    let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(x, y)| at(matrix, x, y));
    let least = |of: fn(&(f32, f32)) -> f32| corners.iter().map(of).fold(f32::MAX, f32::min);
    let most = |of: fn(&(f32, f32)) -> f32| corners.iter().map(of).fold(f32::MIN, f32::max);
    [
        least(|corner| corner.0).max(0.0),
        least(|corner| corner.1).max(0.0),
        most(|corner| corner.0).min(sheet.width),
        most(|corner| corner.1).min(sheet.height),
    ]
}

fn area([left, lower, right, upper]: &[f32; 4]) -> f32 {
    (right - left).max(0.0) * (upper - lower).max(0.0)
}

struct Canvas {
    width: usize,
    height: usize,
    /// Points to a unit of the page.
    density: f32,
    points: Vec<u8>,
}

impl Canvas {
    fn new(sheet: &Sheet, density: f32) -> Canvas {
        let density = density.min((SHEET / (sheet.width * sheet.height)).sqrt()).max(f32::EPSILON);
        let side = |length: f32| ((length * density).ceil() as usize).clamp(1, SHEET as usize);
        let (width, height) = (side(sheet.width), side(sheet.height));
        // A strip of a page, however long, is no more than a page.
        let height = height.min((SHEET as usize * 2 / width).max(1));
        Canvas { width, height, density, points: vec![255; width * height] }
    }

    fn draw(&mut self, grey: &Grey, picture: &Placed<'_>, [left, lower, right, upper]: &[f32; 4]) {
        let [a, b, c, d, e, f] = picture.matrix;
        let determinant = a * d - b * c;
        if determinant.abs() <= f32::EPSILON || !determinant.is_finite() {
            return;
        }
        let pixel = |length: f32| (length * self.density).max(0.0) as usize;
        let (from, to) = (pixel(*left), (pixel(*right) + 1).min(self.width));
        let height = self.height as f32 / self.density;
        let (top, bottom) = (pixel(height - upper), (pixel(height - lower) + 1).min(self.height));
        let is_fine = density(grey, &picture.matrix) > self.density * 1.5;
        let offsets: &[(f32, f32)] =
            if is_fine { &[(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] } else { &[(0.5, 0.5)] };
        for row in top..bottom {
            for column in from..to {
                let (mut sum, mut count) = (0_u32, 0);
                for (right, down) in offsets {
                    let x = (column as f32 + right) / self.density - e;
                    let y = height - (row as f32 + down) / self.density - f;
                    // The unit square has its first row of points at the top.
                    let across = (d * x - c * y) / determinant * grey.width as f32;
                    let up = (a * y - b * x) / determinant;
                    let down = (1.0 - up) * grey.height as f32;
                    if across < 0.0 || down < 0.0 {
                        continue;
                    }
                    if let Some(point) = grey.point(across as usize, down as usize) {
                        sum += u32::from(point);
                        count += 1;
                    }
                }
                if count > 0
                    && let Some(point) = self.points.get_mut(row * self.width + column)
                {
                    *point = (sum / count) as u8;
                }
            }
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        if !super::picture::is_page(self.width as u64, self.height as u64) {
            return None;
        }
        let head = format!("P5\n{} {}\n255\n", self.width, self.height);
        Some([head.into_bytes(), self.points].concat())
    }
}

/// A picture in shades of grey; a mask leaves what it does not paint as it was.
struct Grey {
    width: usize,
    height: usize,
    is_mask: bool,
    points: Vec<u8>,
}

impl Grey {
    fn point(&self, across: usize, down: usize) -> Option<u8> {
        if across >= self.width || down >= self.height {
            return None;
        }
        let point = self.points.get(down * self.width + across).copied()?;
        (!self.is_mask || point == 0).then_some(point)
    }
}

fn decode(picture: &Placed<'_>, limit: usize, left: u64) -> Option<Grey> {
    match &picture.source {
        PictureSource::Object(stream) => decode_stream(stream, picture.resources.as_ref(), limit, left),
        PictureSource::Inline(content) => {
            let mut operators = UntypedIter::new(content);
            let found = operators.next()?.operands().find_map(|operand| match operand {
                Object::Stream(stream) => Some(stream.clone()),
                _ => None,
            })?;
            decode_stream(&found, None, limit, left)
        }
    }
}

fn side(dictionary: &Dict<'_>, key: &str, short: &str) -> Option<u64> {
    dictionary.get::<u32>(key).or_else(|| dictionary.get::<u32>(short)).map(u64::from)
}

fn decode_stream(stream: &Stream<'_>, resources: Option<&Resources<'_>>, limit: usize, left: u64) -> Option<Grey> {
    let dictionary = stream.dict();
    let (width, height) = (side(dictionary, "Width", "W")?, side(dictionary, "Height", "H")?);
    if width == 0 || height == 0 || width.checked_mul(height)? > POINTS.min(left) {
        return None;
    }
    pdf_stream::admit(stream, limit).ok()?;
    let flag = |key: &str| dictionary.get::<bool>(key).unwrap_or(false);
    let is_mask = flag("ImageMask") || flag("IM");
    let space = match dictionary.get::<Object<'_>>("ColorSpace").or_else(|| dictionary.get::<Object<'_>>("CS")) {
        Some(space) if !is_mask => Space::read(&space, resources, 4),
        _ => Space::default(),
    };
    let bits = dictionary.get::<u8>("BitsPerComponent").or_else(|| dictionary.get::<u8>("BPC"));
    let bits = if is_mask { Some(1) } else { bits };
    let decoded = stream
        .decoded_image(&ImageDecodeParams {
            is_indexed: space.palette.is_some(),
            bpc: bits,
            num_components: space.components,
            target_dimension: None,
            width: width as u32,
            height: height as u32,
        })
        .ok()?;
    let data = decoded.data;
    let (width, height, bits) = match &decoded.image_data {
        Some(image) => (u64::from(image.width), u64::from(image.height), image.bits_per_component),
        None => (width, height, bits.unwrap_or(8)),
    };
    let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
    let bits = usize::from(bits.clamp(1, 16));
    // How many parts a point has tells the length of the data, where it is whole.
    let parts = match decoded.image_data {
        Some(_) => (data.len() * 8 / bits).checked_div(width.checked_mul(height)?)?.max(1),
        None => usize::from(space.components.unwrap_or(1).max(1)),
    };
    let row = (width * parts * bits).div_ceil(8);
    let decode = dictionary.get::<Array<'_>>("Decode").or_else(|| dictionary.get::<Array<'_>>("D"));
    let mut decode = decode.iter().flat_map(Array::iter::<f32>);
    let is_inverted = matches!((decode.next(), decode.next()), (Some(first), Some(second)) if first > second);
    let mut points = Vec::with_capacity(width.checked_mul(height)?.min(POINTS as usize));
    for line in data.chunks(row.max(1)).take(height) {
        for column in 0..width {
            let part = |part: usize| {
                let value = sample(line, column * parts + part, bits);
                if is_inverted && space.palette.is_none() { 255 - value } else { value }
            };
            points.push(match (&space.palette, parts) {
                (Some(palette), _) => palette.get(usize::from(raw(line, column * parts, bits))).copied().unwrap_or(255),
                (None, 1 | 2) if space.is_ink => 255 - part(0),
                (None, 1 | 2) => part(0),
                (None, 3) => luma(part(0), part(1), part(2)),
                // Inks: what is left white by all of them is bright.
                (None, parts) => 255 - (0..parts.min(4)).fold(0, |sum: u8, ink| sum.saturating_add(part(ink))),
            });
        }
    }
    Some(Grey { width, height, is_mask, points })
}

fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 77 + u32::from(green) * 151 + u32::from(blue) * 28) >> 8) as u8
}

/// One sample as it is stored, at most eight bits of it.
fn raw(line: &[u8], index: usize, bits: usize) -> u8 {
    match bits {
        8 => line.get(index).copied().unwrap_or(255),
        16 => line.get(index * 2).copied().unwrap_or(255),
        _ => {
            let bit = index * bits;
            let byte = u16::from(line.get(bit / 8).copied().unwrap_or(255));
            let next = u16::from(line.get(bit / 8 + 1).copied().unwrap_or(255));
            let window = byte << 8 | next;
            (window >> (16 - bit % 8 - bits.min(8)) & ((1 << bits.min(8)) - 1)) as u8
        }
    }
}

/// The same, from 0 to 255.
fn sample(line: &[u8], index: usize, bits: usize) -> u8 {
    let value = u32::from(raw(line, index, bits));
    if bits >= 8 { value as u8 } else { (value * 255 / ((1 << bits) - 1)) as u8 }
}

/// A colour space (§8.6), as far as brightness goes.
#[derive(Default)]
struct Space {
    components: Option<u8>,
    /// Shades of grey by index.
    palette: Option<Vec<u8>>,
    /// More is darker.
    is_ink: bool,
}

impl Space {
    fn of(components: u8) -> Space {
        Space { components: Some(components), ..Space::default() }
    }

    fn read(space: &Object<'_>, resources: Option<&Resources<'_>>, depth: usize) -> Space {
        match space {
            _ if depth == 0 => Space::default(),
            Object::Name(name) => match name.as_ref() {
                b"DeviceGray" | b"G" | b"CalGray" => Space::of(1),
                b"DeviceRGB" | b"RGB" | b"CalRGB" => Space::of(3),
                b"DeviceCMYK" | b"CMYK" => Space::of(4),
                name => match resources.and_then(|found| found.color_spaces.get::<Object<'_>>(name)) {
                    Some(named) => Space::read(&named, None, depth - 1),
                    None => Space::default(),
                },
            },
            Object::Array(parts) => {
                let parts: Vec<Object<'_>> = parts.iter::<Object<'_>>().take(8).collect();
                let kind = parts.first().and_then(|kind| kind.clone().into_name());
                match kind.as_ref().map(Name::as_ref) {
                    Some(b"Indexed" | b"I") => Space::indexed(&parts, resources, depth),
                    Some(b"ICCBased") => {
                        let profile = parts.get(1).and_then(|profile| profile.clone().into_stream());
                        let count = profile.and_then(|profile| profile.dict().get::<u8>("N"));
                        Space { components: count, ..Space::default() }
                    }
                    Some(b"CalRGB" | b"Lab") => Space::of(3),
                    Some(b"CalGray") => Space::of(1),
                    Some(b"Separation") => Space { is_ink: true, ..Space::of(1) },
                    Some(b"DeviceN") => {
                        let inks = parts.get(1).and_then(|inks| inks.clone().into_array());
                        let count = inks.map_or(1, |inks| inks.iter::<Object<'_>>().take(32).count());
                        Space { is_ink: true, ..Space::of(count.max(1) as u8) }
                    }
                    _ => parts.first().map_or_else(Space::default, |inner| Space::read(inner, resources, depth - 1)),
                }
            }
            _ => Space::default(),
        }
    }

    /// §8.6.6.3.
    fn indexed(parts: &[Object<'_>], resources: Option<&Resources<'_>>, depth: usize) -> Space {
        let base = parts.get(1).map_or_else(Space::default, |base| Space::read(base, resources, depth - 1));
        let table = match parts.get(3) {
            Some(Object::String(table)) => table.as_bytes().to_vec(),
            Some(Object::Stream(table)) => pdf_stream::unpack(table, 64 << 10).unwrap_or_default(),
            _ => Vec::new(),
        };
        let count = usize::from(base.components.unwrap_or(3).max(1));
        let shade = |colour: &[u8]| match colour {
            [grey] => *grey,
            [red, green, blue] => luma(*red, *green, *blue),
            inks => 255 - inks.iter().take(4).fold(0, |sum: u8, ink| sum.saturating_add(*ink)),
        };
        Space { components: Some(1), palette: Some(table.chunks(count).map(shade).collect()), is_ink: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_few_bits() {
        assert_eq!([0, 1, 2, 3].map(|index| raw(&[0b1101_0010], index, 2)), [3, 1, 0, 2]);
        assert_eq!([0, 1].map(|index| raw(&[0x4F], index, 4)), [4, 15]);
        assert_eq!([0, 1, 7].map(|index| sample(&[0b0100_0001], index, 1)), [0, 255, 255]);
        assert_eq!(sample(&[1, 2], 0, 16), 1);
    }

    #[test]
    fn a_page_is_put_together_from_turned_strips() {
        // Two strips of a page of 400 by 400, black above and white below, each upside down.
        let sheet = Sheet::new([0.0, 0.0, 400.0, 400.0], hayro_syntax::page::Rotation::None);
        let mut canvas = Canvas::new(&sheet, 1.0);
        for (shade, lower) in [(0, 200.0), (200, 0.0)] {
            let points = (0..400 * 200).map(|at| if at < 400 { 90 } else { shade }).collect();
            let grey = Grey { width: 400, height: 200, is_mask: false, points };
            let matrix = [-400.0, 0.0, 0.0, -200.0, 400.0, lower + 200.0];
            let placed = Placed { source: PictureSource::Inline(Vec::new()), matrix, resources: None };
            let place = bounds(&placed.matrix, &sheet);
            canvas.draw(&grey, &placed, &place);
        }
        let file = canvas.finish().expect("a page");
        let points = file.strip_prefix(b"P5\n400 400\n255\n").expect("a head");
        let rows = [0, 150, 199, 250, 399].map(|row| points[row * 400 + 7]);
        assert_eq!(rows, [0, 0, 90, 200, 90]);
    }

    #[test]
    fn a_background_is_no_writing_and_a_coarse_fax_is() {
        let grey = |width, height| Grey { width, height, is_mask: false, points: Vec::new() };
        let sheet = [595.0, 0.0, 0.0, 842.0, 0.0, 0.0];
        assert!(is_coarse(&grey(100, 705), &sheet), "fourteen points to the inch");
        assert!(!is_coarse(&grey(850, 550), &sheet), "a fax at 100 by 50");
        assert!(!is_coarse(&grey(595, 842), &[0.0, 595.0, -842.0, 0.0, 0.0, 0.0]), "turned");
    }
}
