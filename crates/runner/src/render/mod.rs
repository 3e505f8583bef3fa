//! One renderer a file. Each returns text; none prints.

pub mod diff;
pub mod json;
pub mod machine;
pub mod page;
pub mod text;
