//! The subcommands: what they take, what they print, how they end.

mod herd;
mod serve;

pub use herd::HerdArgs;
pub use serve::ServeArgs;

use std::io::Write;

use nix::sys::signal::Signal;

/// Exit status of a run that `signal` ended: 128 and the number of the signal, as of a shell.
fn interrupted_by(signal: Signal) -> u8 {
    128 + signal as u8
}

/// Writes a line to standard error. Errors are ignored: there is no other place to report them.
fn warn(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
