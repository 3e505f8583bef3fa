//! Runs claims, each in a child of its own, and holds the command line that the binaries share.
//!
//! A claim that breaks the descriptor table, dies or hangs takes nothing with it: its child is
//! killed at the claim's limit, what it left running is ended, and the rest goes on.

mod cli;
mod generate;
mod isolate;
mod quiet;
mod refusal;
mod render;
mod select;

pub use cli::{RunArgs, SelftestArgs, explain, finish, list, own_proc};
pub use generate::Generate;
pub use isolate::run_isolated;
