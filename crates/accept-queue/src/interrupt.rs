//! SIGINT and SIGTERM as something to look for between two steps, so that a run ends in order.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result};
use child::HeldSignals;
use nix::sys::signal::Signal;

/// What [`catch`] holds back. One for the process, as its signal mask is.
static CAUGHT: OnceLock<HeldSignals> = OnceLock::new();

/// One of them has come: a signal is read once, and told of from then on.
static CAME: AtomicBool = AtomicBool::new(false);

/// Somebody asked this process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl Error for Interrupted {}

/// Holds back SIGINT and SIGTERM for the rest of this process's life: whatever takes long asks
/// [`check`] meanwhile.
///
/// # Errors
/// EMFILE.
pub fn catch() -> Result<()> {
    if CAUGHT.get().is_none() {
        // There is one thread: nobody has set it meanwhile.
        let held = HeldSignals::hold(&[Signal::SIGINT, Signal::SIGTERM]);
        let _ = CAUGHT.set(held.context("hold back SIGINT and SIGTERM")?);
    }
    Ok(())
}

/// Whether to go on. Always, where nobody called [`catch`]: the signals end the process then.
///
/// # Errors
/// [`Interrupted`], from the first signal on.
pub fn check() -> Result<(), Interrupted> {
    if CAUGHT.get().is_some_and(|caught| caught.next().is_some()) {
        CAME.store(true, Relaxed);
    }
    if CAME.load(Relaxed) {
        return Err(Interrupted);
    }
    Ok(())
}
