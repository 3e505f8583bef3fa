//! SIGINT and SIGTERM as something to look for between two steps, so that a run ends in order.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What [`catch`] holds back. One for the process, as its signal mask is.
static CAUGHT: OnceLock<Interrupt> = OnceLock::new();

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
        let _ = CAUGHT.set(Interrupt::catch_all(&[Signal::SIGINT, Signal::SIGTERM])?);
    }
    Ok(())
}

/// Whether to go on. Always, where nobody called [`catch`]: the signals end the process then.
///
/// # Errors
/// [`Interrupted`], from the first signal on.
pub fn check() -> Result<(), Interrupted> {
    if CAUGHT
        .get()
        .is_some_and(|caught| caught.pending().is_some())
    {
        CAME.store(true, Relaxed);
    }
    if CAME.load(Relaxed) {
        return Err(Interrupted);
    }
    Ok(())
}

/// Holds back signals and tells of them when asked. Children inherit the mask, so that a Ctrl-C,
/// which goes to the whole foreground process group, leaves their end to their parent.
#[derive(Debug)]
pub struct Interrupt(SignalFd);

impl Interrupt {
    /// Holds back `signals`.
    ///
    /// # Errors
    /// EMFILE.
    pub fn catch_all(signals: &[Signal]) -> Result<Self> {
        let set: SigSet = signals.iter().copied().collect();
        set.thread_block().context("sigprocmask")?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Interrupt(
            SignalFd::with_flags(&set, flags).context("signalfd")?,
        ))
    }

    /// The next signal that has come, if any.
    pub fn pending(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok().flatten()?;
        Signal::try_from(info.ssi_signo as i32).ok()
    }
}

impl std::os::fd::AsFd for Interrupt {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}
