//! What a process inherits through execve(2): limits, niceness, signals, standard streams.
#![expect(unsafe_code, reason = "signal(2)")]

use std::ops::RangeInclusive;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;

/// Sets the soft and the hard limit.
///
/// # Errors
/// EPERM where the hard limit is lower.
pub(super) fn limit(resource: Resource, value: u64) -> Result<()> {
    setrlimit(resource, value, value).with_context(|| format!("setrlimit {resource:?}"))
}

/// Sets the niceness, 19 for what gets the least.
///
/// # Errors
/// EACCES for less than it has.
pub(super) fn set_niceness(niceness: i32) -> Result<()> {
    rustix::process::setpriority_process(None, niceness).context("setpriority")
}

/// Ignores these signals, but SIGKILL, SIGSTOP, and the two that the C library keeps for itself.
///
/// # Errors
/// None that signal(2) documents for these; the system call's error is passed on.
pub(super) fn ignore_signals(mut numbers: RangeInclusive<i32>) -> Result<()> {
    const KEPT: [i32; 4] = [libc::SIGKILL, libc::SIGSTOP, 32, 33];
    numbers.try_for_each(|number| {
        if KEPT.contains(&number) {
            return Ok(());
        }
        // SAFETY: SIG_IGN is no function: nothing of this program runs when a signal comes. The
        // program that is executed next inherits it, which is what this is for.
        let before = unsafe { libc::signal(number, libc::SIG_IGN) };
        match before {
            libc::SIG_ERR => Err(Errno::last()).with_context(|| format!("ignore signal {number}")),
            _ => Ok(()),
        }
    })
}

/// Blocks every signal that can be.
///
/// # Errors
/// None is documented.
pub(super) fn block_signals() -> Result<()> {
    SigSet::all().thread_block().context("sigprocmask")
}

/// Closes a standard stream, so that the program finds its number free. A message for it is lost.
///
/// # Errors
/// EBADF where it is closed already.
pub(super) fn close(descriptor: i32) -> Result<()> {
    nix::unistd::close(descriptor).context("close")
}
