//! Signals that are held back from this process, and that it can ask for.
#![expect(
    unsafe_code,
    reason = "sigaction(2), to read and mend a disposition; the adoption of a descriptor"
)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are held back (signalfd(2)). Children inherit the mask, so that a Ctrl-C, which
/// goes to the whole foreground process group, leaves their end to their parent.
#[derive(Debug)]
pub struct HeldSignals {
    fd: SignalFd,
    before: SigSet,
}

impl HeldSignals {
    /// Holds `signals` back from the calling thread, and from the threads and children that it
    /// starts. Those that are ignored when this is called stay ignored, as SIGHUP does under
    /// nohup(1): a signal that is blocked is queued even if it is ignored, and would be reported
    /// here.
    ///
    /// # Errors
    /// EMFILE or ENFILE.
    pub fn hold(signals: &[Signal]) -> Result<Self, Errno> {
        let heeded = |signal: &Signal| !is_ignored(*signal);
        let set: SigSet = signals.iter().copied().filter(heeded).collect();
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let fd = with_high_number(SignalFd::with_flags(&set, flags)?);
        let before = set.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        Ok(HeldSignals { fd, before })
    }

    /// The next signal that has come, if any.
    pub fn next(&self) -> Option<Signal> {
        let info = self.fd.read_signal().ok().flatten()?;
        Signal::try_from(info.ssi_signo as i32).ok()
    }

    /// Holds no signal back any more: one that has come and was not asked for has its usual effect
    /// now.
    pub fn release(&self) {
        let _ = self.before.thread_set_mask();
    }
}

/// Ready to be read (poll(2)) when a signal has come.
impl AsFd for HeldSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The lowest number that a descriptor of signals takes where the limit on descriptors allows it.
const LOWEST_DESCRIPTOR: RawFd = 100;

/// Moves `fd` away from the low numbers: a child that shows its descriptors, or runs short of them,
/// has the same ones whether its parent holds signals or not.
fn with_high_number(fd: SignalFd) -> SignalFd {
    match fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(LOWEST_DESCRIPTOR)) {
        // SAFETY: the kernel has just made this descriptor for this call, as a copy of a signalfd,
        // and nothing else knows its number: this is its only owner. A lower number than was asked
        // for is somebody else's: the call has answered and done nothing.
        Ok(copy) if copy >= LOWEST_DESCRIPTOR => unsafe {
            SignalFd::from_owned_fd(OwnedFd::from_raw_fd(copy))
        },
        // The limit is lower (EINVAL), or reached (EMFILE).
        _ => fd,
    }
}

/// Whether this process ignores `signal` (`SIG_IGN`).
fn is_ignored(signal: Signal) -> bool {
    action(signal).is_some_and(|action| action.sa_sigaction == libc::SIG_IGN)
}

/// Makes the kernel keep a child that has ended for the wait of its parent. It keeps none for a
/// process that ignores SIGCHLD, as who called exec may have left it, or that has asked for none
/// (`SA_NOCLDWAIT`): see waitpid(2). A handler stays.
pub(crate) fn keep_children_for_wait() {
    let Some(mut action) = action(Signal::SIGCHLD) else {
        return;
    };
    if action.sa_sigaction == libc::SIG_IGN {
        action.sa_sigaction = libc::SIG_DFL;
    } else if action.sa_flags & libc::SA_NOCLDWAIT == 0 {
        return;
    }
    action.sa_flags &= !libc::SA_NOCLDWAIT;
    // SAFETY: the action is the one in force but for a flag and for SIG_IGN, so its handler, where
    // it has one, runs as it did before.
    unsafe { libc::sigaction(libc::SIGCHLD, &action, ptr::null_mut()) };
}

/// What this process does on `signal` (sigaction(2)).
fn action(signal: Signal) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action sigaction(2) changes nothing; it writes the present one into
    // `action`, which is of that type and lives until it is read below.
    let answer = unsafe { libc::sigaction(signal as i32, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all zeros is a valid action, and sigaction(2) may have written another.
    (answer == 0).then(|| unsafe { action.assume_init() })
}
