//! Kernels with one line changed: the known standard that shows what each claim can see.
//!
//! A mutant is data, `scripts/kernels/mutants/NAME.toml`: a file and a function of the kernel's
//! source, the few words to find there, the words to put, and the claims that must be refuted by
//! the kernel that comes of it. `scripts/kernels/mutate` builds and boots each; what is here
//! applies the change and judges the run.

mod judge;
mod mutant;

pub use judge::{Judgement, judge};
pub use mutant::{Mutant, mutants};
