#![doc = include_str!("../README.md")]

pub mod arena;
mod error;
mod measure;
mod pass;
mod policy;
pub mod real;
pub mod record;
pub mod report;
mod row;
mod run;
mod search;
pub mod source;
mod spool;
pub mod svg;
pub mod table;
pub mod trace;

pub use error::Error;
pub use measure::{ReplayOptions, replay};
pub use policy::Policy;
pub use report::ReplayReport;
pub use source::Source;
#[cfg(any(test, fuzzing))]
pub use trace::laws;
