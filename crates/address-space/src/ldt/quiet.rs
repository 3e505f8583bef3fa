//! A thread that no signal interrupts, except those that its own instructions raise. These come
//! even where the program was started with them blocked.

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

/// Every other signal is blocked in this thread while the value lives, and these are not.
pub struct Quiet {
    before: SigSet,
    /// The mask is the thread's, and so the value may not leave it.
    _thread: PhantomData<*const ()>,
}

impl Quiet {
    /// Sets the thread's signal mask.
    ///
    /// # Errors
    /// None that is documented.
    pub fn new() -> Result<Quiet> {
        let mut others = SigSet::all();
        SYNCHRONOUS_SIGNALS
            .into_iter()
            .for_each(|signal| others.remove(signal));
        let before = others.thread_swap_mask(SigmaskHow::SIG_SETMASK);
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
        // As a program may be started.
        let mut inherited = SigSet::empty();
        inherited.add(Signal::SIGSEGV);
        inherited.thread_block().unwrap();
        let quiet = Quiet::new().unwrap();
        assert!(blocked(Signal::SIGALRM) && blocked(Signal::SIGUSR1));
        assert!(!blocked(Signal::SIGSEGV) && !blocked(Signal::SIGBUS));
        drop(quiet);
        assert!(
            !blocked(Signal::SIGALRM) && blocked(Signal::SIGSEGV),
            "as before"
        );
        inherited.thread_unblock().unwrap();
    }
}
