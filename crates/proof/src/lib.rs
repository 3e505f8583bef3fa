#![doc = include_str!("../README.md")]

#[cfg(any(test, fuzzing))]
pub mod laws;
pub mod program;
pub mod record;
pub mod sabotage;
pub mod witness;
