//! Which descriptors of this process and of its child are one open file description.
//!
//! `cargo run -p descriptors --example shared`
#![allow(clippy::print_stdout, reason = "a program")]

use std::fs::File;
use std::io::Read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = format!("/proc/{}/status", std::process::id());
    let mut inherited = File::open(&path)?;
    inherited.read_exact(&mut [0; 5])?;
    let mut child = child::fork("opener", |parent| {
        let _opened = File::open(&path)?;
        Ok(parent.checkpoint()?)
    })?;
    child.at_checkpoint()?;
    let mut map = descriptors::scan(&[std::process::id() as i32, child.pid()]);
    map.descriptions
        .retain(|description| description.object.as_deref() == Some(path.as_ref()));
    print!("{}", descriptors::text::render(&map, None));
    child.release()?;
    child.join()?;
    Ok(())
}
