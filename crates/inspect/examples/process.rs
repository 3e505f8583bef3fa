//! Prints the report of the process given by its number, or of this one.
#![allow(clippy::print_stdout, reason = "an example shows something")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let pid = match std::env::args().nth(1) {
        Some(number) => number.parse()?,
        None => std::process::id() as i32,
    };
    let report = inspect::inspect(pid)?;
    print!("{}", inspect::text::text(&report, false, None));
    Ok(())
}
