//! A thread that no signal interrupts, except those that its own instructions raise.

use std::marker::PhantomData;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What an instruction or a system call of this very thread raises. Blocked, they would end the
/// process (sigprocmask(2)) before their handler could look.
const SYNCHRONOUS_SIGNALS: [Signal; 6] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGTRAP,
    Signal::SIGSYS,
];

/// Every other signal is blocked in this thread while the value lives.
pub struct Quiet {
    before: SigSet,
    /// The mask is the thread's, and so the value may not leave it.
    _thread: PhantomData<*const ()>,
}

impl Quiet {
    /// Blocks them.
    ///
    /// # Errors
    /// None that is documented.
    pub fn new() -> Result<Quiet> {
        let mut others = SigSet::all();
        SYNCHRONOUS_SIGNALS
            .into_iter()
            .for_each(|signal| others.remove(signal));
        let before = others.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        Ok(Quiet {
            before: before.context("pthread_sigmask")?,
            _thread: PhantomData,
        })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // What came meanwhile is delivered now. The call cannot fail: the mask is one that was in
        // force.
        let _ = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_stay_and_timers_wait() {
        let blocked = |signal| SigSet::thread_get_mask().unwrap().contains(signal);
        let quiet = Quiet::new().unwrap();
        assert!(blocked(Signal::SIGALRM) && blocked(Signal::SIGUSR1));
        assert!(!blocked(Signal::SIGSEGV) && !blocked(Signal::SIGBUS));
        drop(quiet);
        assert!(!blocked(Signal::SIGALRM));
    }
}
