//! `accept-queue serve`: the pre-forked server.

use anyhow::Result;
use clap::Args;

/// Options of the server.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {}

impl ServeArgs {
    /// Serves until it is told to end, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        Ok(0)
    }
}
