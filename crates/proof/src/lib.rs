#![doc = include_str!("../README.md")]

pub mod document;
pub mod host;
pub mod journal;
pub mod ladder;
pub mod program;
pub mod record;
pub mod remains;
pub mod running;
pub mod tour;
pub mod tours;
pub mod witness;
