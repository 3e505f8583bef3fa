#![doc = include_str!("../README.md")]

pub mod chaos;
pub mod document;
pub mod host;
pub mod inject;
pub mod journal;
pub mod ladder;
#[cfg(any(test, fuzzing))]
pub mod laws;
pub mod lies;
pub mod mutants;
pub mod program;
pub mod random;
pub mod record;
pub mod remains;
pub mod room;
pub mod running;
pub mod sabotage;
pub mod tour;
pub mod tours;
pub mod witness;

#[cfg(test)]
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;
