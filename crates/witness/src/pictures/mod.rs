//! The pictures of the page (`witness report`), a file a topic.
//!
//! A picture shows what this run measured, and nothing else: it takes its numbers from the readings
//! of claims, and a panel whose claim was not measured is not drawn. Each panel is 360 pixels wide,
//! so that it can be read on a telephone, and three stand side by side on a desk.

mod accept;
mod bars;
mod files;
mod locks;
mod memory;
mod palette;

use runner::Picture;

/// Every picture, in the order of the topics.
pub const ALL: [Picture; 4] = [
    files::PICTURE,
    accept::PICTURE,
    locks::PICTURE,
    memory::PICTURE,
];

/// Width of a panel.
const WIDTH: f64 = 360.0;

#[cfg(test)]
mod tests;
