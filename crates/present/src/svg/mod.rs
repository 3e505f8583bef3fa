//! Pictures as SVG: a small writer that escapes every text, bounds the digits of every number and
//! knows a light and a dark theme.
//!
//! A [`Document`] has a title and a description for readers who do not see it, a background, and
//! the [`Element`]s in the order in which they are drawn. Colours come as a pair ([`Colour`]): the
//! first is written into the element, so that a program without style sheets draws the light
//! picture; the second into a style sheet for readers who prefer dark. Source: SVG 1.1, and CSS
//! Media Queries Level 5 for `prefers-color-scheme`.

mod colour;
mod element;
mod measure;

pub use colour::{Colour, FAINT, GRID, INK, PAPER, SERIES, WARNING};
pub use element::{Anchor, Element};
pub use measure::{shorten, text_width, wrap};

use std::fmt::Write;

use crate::foreign_text::escape_markup;
use element::number;

/// A picture that stands alone.
#[derive(Debug)]
pub struct Document {
    width: f64,
    height: f64,
    title: String,
    description: String,
    font: &'static str,
    font_size: f64,
    drawn: Element,
}

impl Document {
    /// An empty picture of so many pixels. The title says what it shows, the description how to
    /// read it: a browser reads both aloud.
    pub fn new(width: f64, height: f64, title: &str, description: &str) -> Document {
        Document {
            width,
            height,
            title: escape_markup(title),
            description: escape_markup(description),
            font: "system-ui, sans-serif",
            font_size: 12.0,
            drawn: Element::group().fill(INK),
        }
    }

    /// Sets the font of all texts: a list of families as CSS has it, and the size in pixels.
    pub fn font(mut self, families: &'static str, size: f64) -> Document {
        self.font = families;
        self.font_size = size;
        self
    }

    /// Draws an element over what is there.
    pub fn add(&mut self, element: Element) {
        self.drawn.add(element);
    }

    /// The picture as a part of an HTML page: as wide as the page lets it be, on the page's own
    /// ground, with the font of the page. The page's style sheet may set its size, and must hold
    /// its [`style_sheet`].
    pub fn render_inline(&self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        format!(
            "<svg role=\"img\" viewBox=\"0 0 {width} {height}\" font-size=\"{}\">\n\
             <title>{}</title>\n<desc>{}</desc>\n{}</svg>\n",
            number(self.font_size),
            self.title,
            self.description,
            colour::by_class_alone(self.drawn.to_string(), &self.colours()),
        )
    }

    fn colours(&self) -> Vec<Colour> {
        let all = Element::group().with(self.drawn.clone());
        all.colours().to_vec()
    }

    /// The whole file.
    pub fn render(&self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        let paper = Element::rect(0.0, 0.0, self.width, self.height).fill(PAPER);
        let all = Element::group().with(paper).with(self.drawn.clone());
        let mut svg = String::new();
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"{}\" font-size=\"{}\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>svg text{{white-space:pre}}{}</style>\n",
            escape_markup(self.font),
            number(self.font_size),
            self.title,
            self.description,
            colour::dark_theme(all.colours()),
        );
        let _ = writeln!(svg, "{}</svg>", all.children());
        svg
    }
}

/// The colours, in both themes, of pictures that are parts of one page.
pub fn style_sheet<'a>(pictures: impl IntoIterator<Item = &'a Document>) -> String {
    let colours: Vec<Colour> = pictures.into_iter().flat_map(Document::colours).collect();
    colour::light_theme(&colours) + &colour::dark_theme(&colours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_text() {
        let name = "</text><script>\x1b]2;t\x07\"'&\n";
        let mut picture = Document::new(100.0, 50.0, name, name);
        picture.add(
            Element::group()
                .tooltip(name)
                .with(Element::text(1.0, 2.0, name)),
        );
        let svg = picture.render();
        assert_eq!(
            svg.matches("&lt;/text&gt;&lt;script&gt;\\x1b]2;t\\x07")
                .count(),
            4
        );
        assert!(!svg.contains("<script") && !svg.contains('\x1b') && !svg.contains('\x07'));
    }

    #[test]
    fn the_dark_theme_names_each_colour_once() {
        let mut picture = Document::new(1.0, 1.0, "t", "d");
        picture.add(Element::text(0.0, 0.0, "a").fill(FAINT));
        picture.add(Element::line(0.0, 0.0, 1.0, 1.0).stroke(FAINT, 1.0));
        picture.add(Element::rect(0.0, 0.0, 1.0, 1.0).fill(Colour::fixed("#7bc87b")));
        let svg = picture.render();
        assert_eq!(svg.matches(".f555555{").count(), 1);
        assert!(!svg.contains("f7bc87b"), "the same in both themes");
    }

    /// The page's style sheet colours what changes with the theme, the picture itself the rest.
    #[test]
    fn a_part_of_a_page_is_coloured_once() {
        let mut picture = Document::new(1.0, 1.0, "fill=\"#555555\"", "d");
        picture.add(Element::text(0.0, 0.0, " fill=\"#555555\"").fill(FAINT));
        picture.add(Element::rect(0.0, 0.0, 1.0, 1.0).fill(Colour::fixed("#7bc87b")));
        let svg = picture.render_inline();
        assert!(
            svg.contains("<text x=\"0\" y=\"0\" class=\"f555555\">"),
            "{svg}"
        );
        assert!(svg.contains(" fill=&quot;#555555&quot;</text>"), "{svg}");
        assert!(svg.contains(" fill=\"#7bc87b\""), "{svg}");
        let style = style_sheet([&picture, &picture]);
        let light = ".f222222{fill:#222222}.f555555{fill:#555555}";
        assert!(style.starts_with(light), "{style}");
        assert_eq!(
            style.matches(".f555555{fill:#a8a8a8}").count(),
            1,
            "{style}"
        );
    }
}
