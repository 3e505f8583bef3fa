#![doc = include_str!("../README.md")]

pub mod lies;
pub mod program;
pub mod record;
pub mod room;
pub mod sabotage;
pub mod witness;
