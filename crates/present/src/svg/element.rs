//! What a picture is made of.

use std::fmt::{Display, Formatter, Result, Write};

use super::colour::Colour;
use crate::foreign_text::escape_markup;

/// Where a text lies to its point.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// The point is its beginning.
    Start,
    /// The point is its middle.
    Middle,
    /// The point is its end.
    End,
}

/// A shape, a text or a group of them. Coordinates are pixels from the upper left corner.
#[derive(Clone, Debug)]
pub struct Element {
    name: &'static str,
    attributes: String,
    classes: Vec<String>,
    /// What stands between its tags, escaped.
    content: String,
    colours: Vec<Colour>,
}

impl Element {
    /// One line of text, its baseline at `y`.
    pub fn text(x: f64, y: f64, text: &str) -> Element {
        let mut element = Element::new("text", &[("x", x), ("y", y)]);
        element.content = escape_markup(text);
        element
    }

    /// A rectangle; a negative width or height counts as 0.
    pub fn rect(x: f64, y: f64, width: f64, height: f64) -> Element {
        let (width, height) = (width.max(0.0), height.max(0.0));
        let sides = [("x", x), ("y", y), ("width", width), ("height", height)];
        Element::new("rect", &sides)
    }

    /// A straight line.
    pub fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Element {
        Element::new("line", &[("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)])
    }

    /// A line from point to point.
    pub fn polyline(points: impl IntoIterator<Item = (f64, f64)>) -> Element {
        let mut element = Element::new("polyline", &[]);
        element.points(points);
        element.attribute("fill", "none")
    }

    /// An area with a corner at each point.
    pub fn polygon(points: impl IntoIterator<Item = (f64, f64)>) -> Element {
        let mut element = Element::new("polygon", &[]);
        element.points(points);
        element
    }

    /// Slanting lines over a rectangle: a pattern, for what a colour alone must not say.
    pub fn hatch(x: f64, y: f64, width: f64, height: f64) -> Element {
        const STEP: f64 = 6.0;
        let (width, height) = (width.max(0.0), height.max(0.0));
        let lines = ((width + height) / STEP).ceil() as u32;
        (1..lines).fold(Element::group(), |group, index| {
            let along = f64::from(index) * STEP;
            group.with(Element::line(
                x + (along - height).max(0.0),
                y + along.min(height),
                x + along.min(width),
                y + (along - width).max(0.0),
            ))
        })
    }

    /// An empty group.
    pub fn group() -> Element {
        Element::new("g", &[])
    }

    /// Fills it, or colours the letters of a text.
    pub fn fill(self, colour: Colour) -> Element {
        self.colour("fill", colour)
    }

    /// Draws its outline, so many pixels wide.
    pub fn stroke(self, colour: Colour, width: f64) -> Element {
        self.colour("stroke", colour)
            .attribute("stroke-width", &number(width))
    }

    /// Rounds the corners of a rectangle.
    pub fn rounded(self, radius: f64) -> Element {
        self.attribute("rx", &number(radius))
    }

    /// Lets the ground shine through: 0 is nothing, 1 all of it.
    pub fn opacity(self, opacity: f64) -> Element {
        self.attribute("opacity", &number(opacity))
    }

    /// Draws its outline alone.
    pub fn outline(self, colour: Colour, width: f64) -> Element {
        self.attribute("fill", "none").stroke(colour, width)
    }

    /// Draws a line, or an outline, in dashes.
    pub fn dashed(self) -> Element {
        self.attribute("stroke-dasharray", "6 3")
    }

    /// Sets where a text lies to its point.
    pub fn anchor(self, anchor: Anchor) -> Element {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.attribute("text-anchor", anchor)
    }

    /// Sets a text as a heading: larger and bold.
    pub fn heading(self, size: f64) -> Element {
        self.attribute("font-size", &number(size))
            .attribute("font-weight", "600")
    }

    /// Sets the size of a text in pixels.
    pub fn size(self, size: f64) -> Element {
        self.attribute("font-size", &number(size))
    }

    /// Sets the font: a list of families as CSS has it.
    pub fn font(self, families: &str) -> Element {
        self.attribute("font-family", families)
    }

    /// Says `text` when the pointer rests on it. Call it before [`Element::with`].
    pub fn tooltip(mut self, text: &str) -> Element {
        // Writing to a String does not fail.
        let _ = write!(self.content, "<title>{}</title>", escape_markup(text));
        self
    }

    /// Puts `child` into a group, over what is there.
    pub fn with(mut self, child: Element) -> Element {
        self.add(child);
        self
    }

    /// The same in place.
    pub fn add(&mut self, child: Element) {
        let _ = write!(self.content, "{child}");
        self.colours.extend(child.colours);
    }

    pub(super) fn children(&self) -> &str {
        &self.content
    }

    pub(super) fn colours(&self) -> &[Colour] {
        &self.colours
    }

    fn new(name: &'static str, numbers: &[(&str, f64)]) -> Element {
        let element = Element {
            name,
            attributes: String::new(),
            classes: Vec::new(),
            content: String::new(),
            colours: Vec::new(),
        };
        numbers.iter().fold(element, |element, (name, value)| {
            element.attribute(name, &number(*value))
        })
    }

    fn attribute(mut self, name: &str, value: &str) -> Element {
        let _ = write!(self.attributes, " {name}=\"{}\"", escape_markup(value));
        self
    }

    fn points(&mut self, points: impl IntoIterator<Item = (f64, f64)>) {
        let pairs = points
            .into_iter()
            .map(|(x, y)| format!("{},{}", number(x), number(y)));
        let pairs: Vec<String> = pairs.collect();
        let _ = write!(self.attributes, " points=\"{}\"", pairs.join(" "));
    }

    fn colour(mut self, property: &str, colour: Colour) -> Element {
        self.classes.extend(colour.class(property));
        self.colours.push(colour);
        self.attribute(property, colour.light())
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "<{}{}", self.name, self.attributes)?;
        if !self.classes.is_empty() {
            write!(f, " class=\"{}\"", self.classes.join(" "))?;
        }
        match self.content.is_empty() {
            true => writeln!(f, "/>"),
            false => writeln!(f, ">{}</{}>", self.content, self.name),
        }
    }
}

/// A number with two decimals at most. NaN and infinity become 0: no program draws an SVG that
/// contains them.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.2}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GRID, INK};
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [0.0, -0.001, 12.5, 100.0, 1.0 / 3.0, f64::NAN, f64::INFINITY];
        assert_eq!(
            cases.map(number),
            ["0", "0", "12.5", "100", "0.33", "0", "0"]
        );
    }

    #[test]
    fn elements_are_written_with_their_attributes() {
        let text = Element::text(1.0, 2.5, "a<b").anchor(Anchor::End).fill(INK);
        assert_eq!(
            text.to_string(),
            "<text x=\"1\" y=\"2.5\" text-anchor=\"end\" fill=\"#222222\" class=\"f222222\">\
             a&lt;b</text>\n"
        );
        let line = Element::polyline([(0.0, 1.0), (2.0, 3.0)]).stroke(GRID, 1.5);
        assert_eq!(
            line.to_string(),
            "<polyline points=\"0,1 2,3\" fill=\"none\" stroke=\"#dddddd\" stroke-width=\"1.5\" \
             class=\"sdddddd\"/>\n"
        );
        assert!(
            Element::rect(0.0, 0.0, -1.0, 2.0)
                .to_string()
                .contains("width=\"0\"")
        );
    }
}
