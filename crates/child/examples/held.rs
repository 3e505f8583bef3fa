//! A child that is held while its parent looks into it, one that fails, and one that never ends.
//!
//! `cargo run -p child --example held`
#![allow(clippy::print_stdout, reason = "a program")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::time::Duration;

use child::BoxError;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut held = child::fork("held", |parent| {
        let file = File::open("/proc/self/status")?;
        parent.send(&file.as_raw_fd())?;
        Ok(parent.checkpoint()?)
    })?;
    let number: i32 = held.recv()?;
    held.at_checkpoint()?;
    let pid = held.pid();
    let object = fs::read_link(format!("/proc/{pid}/fd/{number}"))?;
    println!("held (pid {pid}) has fd {number} -> {}", object.display());
    held.release()?;
    held.join()?;

    let clumsy = child::fork("clumsy", |_| Ok(fs::read_to_string("/nonexistent")?.len()))?;
    print_outcome(clumsy.join());
    let endless = child::fork("endless", |_| -> Result<usize, BoxError> {
        loop {
            nix::unistd::pause();
        }
    })?;
    print_outcome(endless.limit(Duration::from_millis(100)).join());
    Ok(())
}

fn print_outcome(outcome: Result<usize, child::Error>) {
    match outcome {
        Ok(bytes) => println!("{bytes} bytes"),
        Err(error) => println!("no answer: {error}"),
    }
}
