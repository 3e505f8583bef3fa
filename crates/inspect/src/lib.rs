#![doc = include_str!("../README.md")]

mod error;
pub mod frames;
pub mod heap;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod limits;
pub mod map;
mod report;
pub mod space;
pub mod svg;
pub mod system;
mod target;
pub mod text;
pub mod waste;
mod width;

pub use error::Error;
pub use report::{InspectReport, inspect};
