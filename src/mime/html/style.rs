// SPDX-License-Identifier: EUPL-1.2
//! What a style does to the text below it: hides it, turns it around, or puts it inline (CSS 2.2).

use super::tags::Tag;

/// How text is shown, as elements inherit it.
#[derive(Clone, Copy, PartialEq)]
pub struct Appearance {
    /// `display: none` and similar: nothing inside can undo it.
    pub gone: bool,
    /// `visibility: hidden`: undone by `visible` inside.
    pub invisible: bool,
    /// `font-size: 0`: undone by another size inside.
    pub tiny: bool,
    /// Some readers hide it: a rule for certain screens, or one whose selector we read in part only.
    pub perhaps: bool,
    /// `text-transform: uppercase`, small capitals.
    pub capitals: bool,
    ink: Paint,
    paper: Paint,
}

#[derive(Clone, Copy, PartialEq)]
enum Paint {
    Colour([u8; 3]),
    Clear,
    /// A picture, a gradient, a name we do not know.
    Unknown,
}

impl Appearance {
    /// Black on white, as mail programs begin.
    pub const PLAIN: Appearance = Appearance {
        gone: false,
        invisible: false,
        tiny: false,
        perhaps: false,
        capitals: false,
        ink: Paint::Colour([0; 3]),
        paper: Paint::Colour([255; 3]),
    };

    /// Whether nobody sees text of this look.
    pub fn hides(&self) -> bool {
        // A difference that screens and eyes do not show.
        const SAME: u8 = 8;
        let same = match (self.ink, self.paper) {
            (Paint::Colour(ink), Paint::Colour(paper)) => ink.iter().zip(paper).all(|(a, b)| a.abs_diff(b) <= SAME),
            (ink, _) => ink == Paint::Clear,
        };
        self.gone || self.invisible || self.tiny || same
    }
}

/// What an element's own style says beside its look.
#[derive(Default, Clone, Copy)]
pub struct Flow {
    /// A block made part of the line.
    pub inline: bool,
    /// Its letters are shown in reverse.
    pub reversed: bool,
}

/// The properties that [`apply`] looks at, and `direction`, which decides what `unicode-bidi` does.
#[rustfmt::skip]
pub const PROPERTIES: [&str; 25] = [
    "display", "visibility", "opacity", "font-size", "color", "-webkit-text-fill-color", "background-color",
    "background", "background-image", "overflow", "overflow-x", "overflow-y", "height", "max-height", "width",
    "max-width", "text-indent", "left", "top", "margin-left", "unicode-bidi", "direction", "text-transform", "font-variant",
    "font-variant-caps",
];

/// Applies declarations (lower case) to the look around an element.
pub fn apply(declarations: &str, look: &mut Appearance) -> Flow {
    let mut flow = Flow::default();
    let (mut clipped, mut flat) = (false, false);
    for declaration in declarations.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let value = value.split('!').next().unwrap_or("").trim();
        match property.trim() {
            "display" => {
                look.gone |= value == "none";
                flow.inline = value.starts_with("inline");
            }
            "text-transform" => look.capitals = value == "uppercase",
            "font-variant" | "font-variant-caps" => look.capitals = value.contains("small-caps"),
            "visibility" => look.invisible = matches!(value, "hidden" | "collapse"),
            "opacity" => look.gone |= number(value).is_some_and(|n| n < 0.05),
            "font-size" => look.tiny = is_tiny(value),
            "color" | "-webkit-text-fill-color" => look.ink = paint(value),
            "background-color" => look.paper = under(look.paper, paint(value)),
            "background" => look.paper = under(look.paper, shorthand(value)),
            "background-image" if value != "none" => look.paper = Paint::Unknown,
            "overflow" | "overflow-y" | "overflow-x" => clipped = value == "hidden",
            "height" | "max-height" | "width" | "max-width" => flat |= number(value) == Some(0.0),
            "text-indent" | "left" | "top" | "margin-left" => look.gone |= number(value).is_some_and(|n| n <= -900.0),
            "unicode-bidi" => flow.reversed |= value.ends_with("override") && declarations.contains("rtl"),
            _ => {}
        }
    }
    look.gone |= clipped && flat;
    flow
}

/// `color=` of `<font>`, `bgcolor=` of tables, `hidden`.
pub fn apply_attributes(tag: &Tag<'_>, look: &mut Appearance) {
    for (name, value) in tag.attributes() {
        match name.to_ascii_lowercase().as_str() {
            "color" if tag.name.eq_ignore_ascii_case("font") => look.ink = paint(&value.to_ascii_lowercase()),
            "bgcolor" => look.paper = under(look.paper, paint(&value.to_ascii_lowercase())),
            "background" => look.paper = Paint::Unknown,
            "hidden" => look.gone = true,
            _ => {}
        }
    }
}

/// What is clear lets the paper below through.
fn under(below: Paint, above: Paint) -> Paint {
    if above == Paint::Clear { below } else { above }
}

/// The leading number of a length.
fn number(value: &str) -> Option<f32> {
    let end = value.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(value.len());
    value[..end].parse().ok()
}

fn is_tiny(value: &str) -> bool {
    let limit = if value.ends_with("em") || value.ends_with("rem") {
        0.1
    } else if value.ends_with('%') {
        10.0
    } else {
        1.0
    };
    number(value).is_some_and(|n| n <= limit)
}

fn shorthand(value: &str) -> Paint {
    if value.contains("url(") || value.contains("gradient") {
        return Paint::Unknown;
    }
    if value.contains('(') {
        return paint(value);
    }
    value.split_ascii_whitespace().map(paint).find(|paint| *paint != Paint::Unknown).unwrap_or(Paint::Unknown)
}

/// CSS Color 4: hexadecimal, `rgb()`, and the names that text and paper have.
fn paint(value: &str) -> Paint {
    const NAMES: [(&str, [u8; 3]); 9] = [
        ("white", [255; 3]),
        ("black", [0; 3]),
        ("red", [255, 0, 0]),
        ("blue", [0, 0, 255]),
        ("navy", [0, 0, 128]),
        ("gray", [128; 3]),
        ("silver", [192; 3]),
        ("whitesmoke", [245; 3]),
        ("snow", [255, 250, 250]),
    ];
    let value = value.trim();
    if value == "transparent" {
        return Paint::Clear;
    }
    let digits = value.strip_prefix('#').unwrap_or(value);
    let hex = |at: usize, length: usize| digits.get(at..at + length).and_then(|d| u8::from_str_radix(d, 16).ok());
    let long = [hex(0, 2), hex(2, 2), hex(4, 2)];
    match (digits.len(), long) {
        (6, [Some(r), Some(g), Some(b)]) => return Paint::Colour([r, g, b]),
        (8, [Some(r), Some(g), Some(b)]) => {
            return if hex(6, 2) == Some(0) { Paint::Clear } else { Paint::Colour([r, g, b]) };
        }
        (3 | 4, _) if value.starts_with('#') => {
            if let [Some(r), Some(g), Some(b)] = [hex(0, 1), hex(1, 1), hex(2, 1)] {
                return if hex(3, 1) == Some(0) { Paint::Clear } else { Paint::Colour([r * 17, g * 17, b * 17]) };
            }
        }
        _ => {}
    }
    if let Some(inner) = value.strip_prefix("rgb").and_then(|rest| rest.trim_start_matches('a').strip_prefix('(')) {
        let parts: Vec<f32> =
            inner.trim_end_matches(')').split([',', ' ', '/']).filter_map(|p| number(p.trim())).take(4).collect();
        return match parts.as_slice() {
            [_, _, _, alpha] if *alpha < 0.05 => Paint::Clear,
            [r, g, b, ..] => Paint::Colour([*r as u8, *g as u8, *b as u8]),
            _ => Paint::Unknown,
        };
    }
    NAMES.iter().find(|(name, _)| *name == value).map_or(Paint::Unknown, |(_, colour)| Paint::Colour(*colour))
}
