//! Hands the version of the compiler to the source: `compare --json` states it.
#![allow(
    clippy::disallowed_methods,
    reason = "cargo names the compiler, and only the compiler knows its version"
)]

use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").ok_or("cargo sets RUSTC")?;
    let output = Command::new(rustc).arg("-V").output()?;
    let version = String::from_utf8(output.stdout)?;
    println!("cargo::rustc-env=RUSTC_VERSION={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
