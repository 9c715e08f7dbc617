// SPDX-License-Identifier: EUPL-1.2
//! The sheet of a PDF page as it is shown, transformations on it, and pictures by their place (ISO 32000-1 §8.3).

use hayro_syntax::object::Stream;
use hayro_syntax::page::{Resources, Rotation};

/// A transformation (§8.3.3): `x' = a x + c y + e`.
pub(super) type Matrix = [f32; 6];

pub(super) const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `inner`, then `outer`.
pub(super) fn joined(inner: &Matrix, outer: &Matrix) -> Matrix {
    let [a, b, c, d, e, f] = *inner;
    let [p, q, r, s, t, u] = *outer;
    [a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u]
}

pub(super) fn at(matrix: &Matrix, x: f32, y: f32) -> (f32, f32) {
    (matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5])
}

/// The page as it is shown: turned upright, its lower left corner at the origin.
pub(super) struct Sheet {
    pub width: f32,
    pub height: f32,
    pub matrix: Matrix,
}

impl Sheet {
    pub fn new(sides: [f64; 4], rotation: Rotation) -> Sheet {
        let [x0, y0, x1, y1] = sides.map(|side| side as f32);
        let (width, height) = ((x1 - x0).abs().max(1.0), (y1 - y0).abs().max(1.0));
        let (matrix, is_turned) = match rotation {
            Rotation::None => ([1.0, 0.0, 0.0, 1.0, -x0, -y0], false),
            Rotation::Horizontal => ([0.0, -1.0, 1.0, 0.0, -y0, x1], true),
            Rotation::Flipped => ([-1.0, 0.0, 0.0, -1.0, x1, y1], false),
            Rotation::FlippedHorizontal => ([0.0, 1.0, -1.0, 0.0, y1, -x0], true),
        };
        if is_turned { Sheet { width: height, height: width, matrix } } else { Sheet { width, height, matrix } }
    }
}

/// A picture, and the transformation that takes the unit square to the place it covers.
pub(super) struct Placed<'a> {
    pub source: PictureSource<'a>,
    pub matrix: Matrix,
    pub resources: Option<Resources<'a>>,
}

pub(super) enum PictureSource<'a> {
    Object(Stream<'a>),
    /// `BI … EI` as it stands in the content.
    Inline(Vec<u8>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_page_is_read_upright() {
        let sides = [10.0, 20.0, 110.0, 220.0];
        for (rotation, expected) in [
            (Rotation::None, (0.0, 0.0)),
            (Rotation::Horizontal, (0.0, 100.0)),
            (Rotation::Flipped, (100.0, 200.0)),
            (Rotation::FlippedHorizontal, (200.0, 0.0)),
        ] {
            assert_eq!(at(&Sheet::new(sides, rotation).matrix, 10.0, 20.0), expected);
        }
    }
}
