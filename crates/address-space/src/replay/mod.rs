//! Replaying a trace: every policy and page size on the same operations, and what each of them wastes.
//!
//! [`run`] feeds one policy, [`search`] looks for its smallest arena, [`measure`] drives all of them over
//! the trace and makes the [`Report`]; [`table`] and [`svg`] draw it. Nothing here prints.

pub mod measure;
pub mod policy;
pub mod real;
pub mod report;
pub mod run;
pub mod search;
pub mod source;
pub mod svg;
pub mod table;

pub use measure::{Options, replay};
pub use policy::Policy;
pub use report::Report;
pub use source::Source;
