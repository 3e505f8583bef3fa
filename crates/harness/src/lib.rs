#![doc = include_str!("../README.md")]

pub mod clock;
#[cfg(test)]
mod filter;
pub mod flock;
pub mod inherited;
pub mod interrupt;
pub mod limits;
pub mod mapping;
pub mod memory;
pub mod pin;
pub mod quiet;
pub mod retry;
pub mod rseq;
pub mod scratch;
pub mod seccomp;
pub mod statistics;
pub mod wait;
