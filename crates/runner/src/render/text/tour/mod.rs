//! The tour on one screen: a line a claim, what surprises most, and where to go on.

mod columns;
mod ending;
#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use ending::{ending, room};
