//! SIGINT and SIGTERM as something to look for between two connections, so that a run ends in order.

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Holds back signals and tells of them when asked. Children inherit the mask, so that a Ctrl-C,
/// which goes to the whole foreground process group, leaves their end to their parent.
#[derive(Debug)]
pub struct Interrupt(SignalFd);

impl Interrupt {
    /// Holds back SIGINT and SIGTERM.
    ///
    /// # Errors
    /// EMFILE.
    pub fn catch() -> Result<Self> {
        Self::catch_all(&[Signal::SIGINT, Signal::SIGTERM])
    }

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
