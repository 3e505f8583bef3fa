//! The colours of the pictures, each for a light and a dark background.

use std::collections::BTreeSet;

/// A colour as `#rrggbb`, and what takes its place on a dark background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    light: &'static str,
    dark: &'static str,
}

/// The background.
pub const PAPER: Colour = Colour::pair("#ffffff", "#16181b");
/// Text and axes.
pub const INK: Colour = Colour::pair("#222222", "#e6e6e6");
/// Text that matters less.
pub const FAINT: Colour = Colour::pair("#555555", "#a8a8a8");
/// Lines behind the data, and areas that are only a ground.
pub const GRID: Colour = Colour::pair("#dddddd", "#3a3d42");
/// Text that says what is missing or wrong.
pub const WARNING: Colour = Colour::pair("#aa3333", "#ff8a80");

/// For data series: hues that stay apart for colour-blind readers (Okabe and Ito 2008), and a
/// violet.
pub const SERIES: [Colour; 8] = [
    Colour::fixed("#0072b2"),
    Colour::fixed("#e69f00"),
    Colour::fixed("#009e73"),
    Colour::fixed("#d55e00"),
    Colour::fixed("#cc79a7"),
    Colour::fixed("#56b4e9"),
    Colour::pair("#000000", "#ffffff"),
    Colour::pair("#6a3d9a", "#a97fd6"),
];

impl Colour {
    /// A colour for each theme, both as `#rrggbb`.
    pub const fn pair(light: &'static str, dark: &'static str) -> Colour {
        Colour { light, dark }
    }

    /// The same colour in both themes: for text on a ground that is the same in both, too.
    pub const fn fixed(colour: &'static str) -> Colour {
        Colour::pair(colour, colour)
    }

    /// The value of the property fill or stroke in the light theme.
    pub(super) fn light(self) -> &'static str {
        self.light
    }

    /// The class by which the dark theme finds what has this colour, `f222222` for a fill; none
    /// where nothing changes.
    pub(super) fn class(self, property: &str) -> Option<String> {
        let is_changed = self.light != self.dark;
        is_changed.then(|| format!("{}{}", &property[..1], self.light.trim_start_matches('#')))
    }
}

/// The properties that have colours.
const PROPERTIES: [&str; 2] = ["fill", "stroke"];

/// The style sheet that exchanges the colours where the reader prefers a dark background.
pub(super) fn dark_theme<'a>(colours: impl IntoIterator<Item = &'a Colour>) -> String {
    let rules = rules(colours, |colour| colour.dark);
    format!("@media (prefers-color-scheme:dark){{{rules}}}")
}

/// The style sheet of elements that have a class and no colour of their own.
pub(super) fn light_theme<'a>(colours: impl IntoIterator<Item = &'a Colour>) -> String {
    rules(colours, |colour| colour.light)
}

fn rules<'a>(
    colours: impl IntoIterator<Item = &'a Colour>,
    value: fn(&Colour) -> &'static str,
) -> String {
    let both = |colour| PROPERTIES.map(|property| (colour, property));
    let rule = |(colour, property): (&Colour, &str)| {
        let class = colour.class(property)?;
        Some(format!(".{class}{{{property}:{}}}", value(colour)))
    };
    let rules: BTreeSet<String> = colours
        .into_iter()
        .flat_map(both)
        .filter_map(rule)
        .collect();
    rules.into_iter().collect()
}

/// `drawn` without the colours that its elements have by their classes, too.
pub(super) fn by_class_alone(mut drawn: String, colours: &[Colour]) -> String {
    let (changing, fixed): (Vec<Colour>, Vec<Colour>) = colours
        .iter()
        .partition(|colour| colour.light != colour.dark);
    let is_fixed_too = |colour: &&Colour| fixed.iter().any(|it| it.light == colour.light);
    for colour in changing.iter().filter(|it| !is_fixed_too(it)) {
        // No text holds a quotation mark: it is escaped.
        for property in PROPERTIES {
            drawn = drawn.replace(&format!(" {property}=\"{}\"", colour.light), "");
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            match value <= 0.04045 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_in_both_themes() {
        for text in [INK, FAINT, WARNING] {
            assert!(contrast(text.light, PAPER.light) >= 4.5, "{text:?}");
            assert!(contrast(text.dark, PAPER.dark) >= 4.5, "{text:?}");
        }
    }

    #[test]
    fn a_series_stands_out_from_both_grounds() {
        for series in SERIES {
            assert!(contrast(series.light, PAPER.light) >= 2.0, "{series:?}");
            assert!(contrast(series.dark, PAPER.dark) >= 3.0, "{series:?}");
        }
    }
}
