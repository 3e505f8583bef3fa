//! SIGINT, SIGTERM and SIGHUP as something to look for between two steps, so that a run ends in
//! order and keeps what it has measured.

use std::sync::OnceLock;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

use child::HeldSignals;
use nix::sys::signal::Signal;

use crate::error::Error;

/// The signals that ask a run to end. One that is ignored when the process starts, as SIGHUP under
/// nohup(1), stays ignored.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// What [`catch`] holds back. One for the process, as its signal mask is.
static HELD: OnceLock<HeldSignals> = OnceLock::new();

/// The number of the first signal that came, 0 before. It is kept because signalfd(2) gives each
/// signal once, and every later look must find it, too.
static FIRST: AtomicI32 = AtomicI32::new(0);

/// Holds back the signals for the rest of this process's life: whatever takes long calls [`check`]
/// meanwhile.
///
/// # Errors
/// EMFILE.
pub fn catch() -> Result<(), Error> {
    if HELD.get().is_none() {
        let held = HeldSignals::hold(&SIGNALS);
        let held = held.map_err(Error::system("hold back SIGINT, SIGTERM and SIGHUP"))?;
        // This process has one thread: no other has set it meanwhile.
        let _ = HELD.set(held);
    }
    Ok(())
}

/// The signal that asked this process to end, if one has come. Without a call of [`catch`] before,
/// none: the signals end the process then.
pub fn signal() -> Option<Signal> {
    if FIRST.load(Relaxed) == 0
        && let Some(signal) = HELD.get().and_then(HeldSignals::next)
    {
        FIRST.store(signal as i32, Relaxed);
    }
    Signal::try_from(FIRST.load(Relaxed)).ok()
}

/// Whether to go on.
///
/// # Errors
/// [`Error::Interrupted`], from the first signal on.
pub fn check() -> Result<(), Error> {
    match signal() {
        Some(signal) => Err(Error::Interrupted(signal)),
        None => Ok(()),
    }
}
