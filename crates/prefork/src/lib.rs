#![doc = include_str!("../README.md")]

mod error;
mod gate;
mod limits;
mod listen;
pub mod server;
pub mod strategies;
mod tally;

pub use error::{BoxError, Error, ErrorKind};
pub use gate::Gate;
pub use limits::{descriptors_for, ensure_room_for};
pub use listen::{Accept, Site};
#[cfg(any(test, fuzzing))]
pub use server::laws;
pub use tally::{Metering, Round, Tally, Turn, now_ns};

pub use locks::Shared;
pub use nix::errno::Errno;
pub use nix::sys::signal::Signal;
