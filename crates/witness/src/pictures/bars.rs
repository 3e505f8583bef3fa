//! Numbers as bars on one linear scale, a line each.

use present::svg::{Anchor, Colour, Document, Element, FAINT, INK};

use super::WIDTH;
use super::palette::{IDLE, NEEDED, WASTED};

/// Where the bars begin.
const LEFT: f64 = 146.0;
/// Where the longest ends; its number stands behind.
const RIGHT: f64 = 300.0;
const LINE: f64 = 24.0;
const TOP: f64 = 26.0;

/// One bar.
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// Its length.
    pub value: f64,
    /// How much of it is needed; the rest is waste.
    pub needed: f64,
    /// Its number, for people.
    pub text: String,
}

impl Bar {
    /// A bar without waste.
    pub fn new(label: impl Into<String>, value: f64, text: impl Into<String>) -> Bar {
        Bar {
            label: label.into(),
            value,
            needed: value,
            text: text.into(),
        }
    }

    /// The same bar, of which so much is needed.
    pub fn needed(mut self, needed: f64) -> Bar {
        self.needed = needed;
        self
    }
}

/// Draws `bars` on a scale that ends at `full`; `head` says what is counted. The ground behind a
/// bar is the whole.
pub fn draw(title: &str, head: &str, full: f64, bars: &[Bar]) -> Document {
    let height = TOP + LINE * bars.len() as f64 + 8.0;
    let texts: Vec<String> = bars
        .iter()
        .map(|bar| format!("{}: {}", bar.label, bar.text))
        .collect();
    let description = format!("{head}. {}.", texts.join("; "));
    let mut drawing = Document::new(WIDTH, height, title, &description);
    drawing.add(Element::text(LEFT, 14.0, head).fill(FAINT));
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + LINE * index as f64;
        let length = |value: f64| (value / full).clamp(0.0, 1.0) * (RIGHT - LEFT);
        let part = |from: f64, to: f64, colour: Colour| {
            // Whatever is more than nothing can be seen.
            let width = if to > from { (to - from).max(1.5) } else { 0.0 };
            Element::rect(LEFT + from, y, width, 14.0).fill(colour)
        };
        let label = Element::text(LEFT - 8.0, y + 11.5, &bar.label);
        drawing.add(label.anchor(Anchor::End).fill(INK));
        drawing.add(
            Element::rect(LEFT, y, RIGHT - LEFT, 14.0)
                .fill(IDLE)
                .opacity(0.5),
        );
        let (needed, all) = (length(bar.needed.min(bar.value)), length(bar.value));
        drawing.add(part(needed, all, WASTED));
        drawing.add(part(0.0, needed, NEEDED));
        drawing.add(Element::text(RIGHT + 8.0, y + 11.5, &bar.text).fill(INK));
    }
    drawing
}

/// A number with two decimals at most.
pub fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
