#![doc = include_str!("../README.md")]

pub mod program;
pub mod record;
pub mod sabotage;
pub mod witness;
