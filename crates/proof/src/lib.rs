#![doc = include_str!("../README.md")]

#[cfg(any(test, fuzzing))]
pub mod laws;
pub mod lies;
pub mod program;
pub mod record;
pub mod room;
pub mod sabotage;
pub mod witness;
