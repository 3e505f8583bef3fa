#![doc = include_str!("../README.md")]

#[cfg(feature = "trials")]
pub mod chaos;
pub mod document;
#[cfg(feature = "trials")]
pub mod host;
#[cfg(feature = "trials")]
pub mod inject;
#[cfg(feature = "trials")]
pub mod journal;
#[cfg(feature = "trials")]
pub mod ladder;
#[cfg(all(feature = "trials", any(test, fuzzing)))]
pub mod laws;
#[cfg(feature = "trials")]
pub mod lies;
#[cfg(feature = "trials")]
pub mod mutants;
pub mod program;
#[cfg(feature = "trials")]
pub mod random;
pub mod record;
#[cfg(feature = "trials")]
pub mod remains;
#[cfg(feature = "trials")]
pub mod room;
#[cfg(feature = "trials")]
pub mod running;
#[cfg(feature = "trials")]
pub mod sabotage;
#[cfg(feature = "trials")]
pub mod tour;
#[cfg(feature = "trials")]
pub mod tours;
pub mod witness;

#[cfg(test)]
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;
