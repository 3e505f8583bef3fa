//! Signals as something to look for: held back from this process and told of when asked.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are held back (signalfd(2)). Children inherit the mask, so that a Ctrl-C, which goes to
/// the whole foreground process group, leaves their end to their parent.
#[derive(Debug)]
pub struct HeldSignals {
    fd: SignalFd,
    before: SigSet,
}

impl HeldSignals {
    /// Holds `signals` back from the calling thread, and from the threads and children that it starts.
    ///
    /// # Errors
    /// EMFILE or ENFILE.
    pub fn hold(signals: &[Signal]) -> Result<Self, Errno> {
        let set: SigSet = signals.iter().copied().collect();
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let fd = SignalFd::with_flags(&set, flags)?;
        let before = set.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        Ok(HeldSignals { fd, before })
    }

    /// The next signal that has come, if any.
    pub fn next(&self) -> Option<Signal> {
        let info = self.fd.read_signal().ok().flatten()?;
        Signal::try_from(info.ssi_signo as i32).ok()
    }

    /// Holds nothing back any more: what has come and was not asked for does now what it always would have.
    pub fn let_go(&self) {
        let _ = self.before.thread_set_mask();
    }
}

/// Ready to be read (poll(2)) when a signal has come.
impl AsFd for HeldSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
