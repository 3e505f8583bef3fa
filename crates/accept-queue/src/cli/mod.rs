//! The subcommands: what they take, what they print, how they end.

mod herd;
mod serve;

pub use herd::HerdArgs;
pub use serve::ServeArgs;

use std::io::Write;

/// Exit status of a run that SIGINT ended (128 + 2).
const INTERRUPTED: u8 = 130;

/// Writes a line to standard error; a reader who went away is nobody to tell.
fn tell(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
