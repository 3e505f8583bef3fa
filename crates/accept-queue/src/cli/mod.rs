//! The subcommands: what they take, what they print, how they end.

mod herd;
mod serve;

pub use herd::HerdArgs;
pub use serve::ServeArgs;

use std::io::Write;

/// Writes a line to standard error. Errors are ignored: there is no other place to report them.
fn warn(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
