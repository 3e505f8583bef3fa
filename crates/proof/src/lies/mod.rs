//! The liar: a claim runs on a kernel that answers calls without doing them.

mod changing;
mod lie;
mod object;
mod sweep;
mod tell;

pub use changing::{CHANGING, Changing, by_name};
pub use lie::{Answer, Lie, Role, Trial, judge};
pub use object::{Object, is_object, objects};
pub use sweep::{Calls, Liar};
pub use tell::tell;
