//! Replaying a trace: every policy and page size on the same operations, and what each of them wastes.
//!
//! [`source`] gives the operations, again for every pass; [`run`] feeds one policy with them, `pass` all of
//! them; [`search`] looks for a policy's smallest arena; [`measure`] drives them and makes the
//! [`Report`]; [`table`] and [`svg`] draw it. Nothing here prints.

pub mod arena;
pub mod measure;
mod pass;
pub mod policy;
pub mod real;
pub mod record;
pub mod report;
mod row;
pub mod run;
pub mod search;
pub mod source;
mod spool;
pub mod svg;
pub mod table;
pub mod trace;

pub use measure::{Options, replay};
pub use policy::Policy;
pub use report::Report;
pub use source::Source;
