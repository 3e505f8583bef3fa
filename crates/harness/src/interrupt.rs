//! SIGINT, SIGTERM and SIGHUP held back and asked for, so that a long run ends with a result.
//!
//! [`Interrupt`] holds the signals back while it lives. Where one answer is wanted everywhere in a
//! process, [`catch`] holds them back for the rest of its life, and [`check`] is asked between two
//! steps. A signal that was ignored when the process began, as SIGHUP is under nohup(1), stays
//! ignored.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use child::HeldSignals;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use observe::Error;

/// The signals that ask for an end.
const ENDING_SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// What [`catch`] holds back. One for the process, as its signal mask is.
static PROCESS_INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

/// A signal asked this process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted(pub Signal);

impl Interrupted {
    /// The exit status of a process that ends because of it: see [`exit_status`].
    pub fn exit_status(self) -> u8 {
        exit_status(self.0)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted by {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// The status that a shell reports for a process that a signal killed: 128 and its number.
pub fn exit_status(signal: Signal) -> u8 {
    128 + signal as u8
}

/// Holds the signals back for the rest of this process's life: whatever takes long asks [`check`]
/// meanwhile.
///
/// # Errors
/// EMFILE.
pub fn catch() -> Result<(), Error> {
    if PROCESS_INTERRUPT.get().is_none() {
        // Should another thread be first, this one is dropped, and the mask it restores holds the
        // signals back, too.
        let _ = PROCESS_INTERRUPT.set(Interrupt::catch()?);
    }
    Ok(())
}

/// Whether to go on: always, where [`catch`] was not called, because the signals then end the
/// process.
///
/// # Errors
/// [`Interrupted`] by the first signal, from then on.
pub fn check() -> Result<(), Interrupted> {
    match signal() {
        Some(signal) => Err(Interrupted(signal)),
        None => Ok(()),
    }
}

/// The first signal that asked this process to end since [`catch`], if one has come.
pub fn signal() -> Option<Signal> {
    let interrupt = PROCESS_INTERRUPT.get()?;
    interrupt.last().or_else(|| interrupt.take())
}

/// While it lives, the signals that ask for an end are held back; [`Interrupt::take`] returns them.
#[derive(Debug)]
pub struct Interrupt {
    signals: HeldSignals,
    /// Number of the signal that was taken last, 0 before.
    last: AtomicI32,
}

impl Interrupt {
    /// Holds the signals back from this thread and from those it will start; one that is ignored,
    /// as SIGHUP under nohup(1), stays ignored.
    ///
    /// # Errors
    /// EMFILE.
    pub fn catch() -> Result<Interrupt, Error> {
        let signals = HeldSignals::hold(&ENDING_SIGNALS);
        Ok(Interrupt {
            signals: signals.map_err(|errno| Error::new("hold signals back", errno))?,
            last: AtomicI32::new(0),
        })
    }

    /// Takes the signal that has come since the last call, if any.
    pub fn take(&self) -> Option<Signal> {
        let signal = self.signals.next()?;
        self.last.store(signal as i32, Relaxed);
        Some(signal)
    }

    /// Waits for `time`, or until a signal comes, which it takes.
    pub fn wait(&self, time: Duration) -> Option<Signal> {
        let until = Instant::now() + time;
        loop {
            if let Some(signal) = self.take() {
                return Some(signal);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            // However it ends, the loop looks for a signal and at the clock.
            let _ = ppoll(&mut fds, Some(TimeSpec::from(left)), None);
        }
    }

    /// The signal that [`Interrupt::take`] gave last: this run was interrupted.
    pub fn last(&self) -> Option<Signal> {
        Signal::try_from(self.last.load(Relaxed)).ok()
    }

    /// `input`, which ends early when a signal comes, even while nothing is there to be read.
    pub fn ending<R: Read + AsFd>(&self, input: R) -> Ending<'_, R> {
        Ending {
            input,
            interrupt: self,
            by: Cell::new(None),
        }
    }
}

/// Readable (poll(2)) when a signal has come that [`Interrupt::take`] has not given yet.
impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.signals.release();
    }
}

/// An input that ends early when a signal comes.
#[derive(Debug)]
pub struct Ending<'a, R> {
    input: R,
    interrupt: &'a Interrupt,
    by: Cell<Option<Signal>>,
}

impl<R> Ending<'_, R> {
    /// The signal that ended it, when one did.
    pub fn ending_signal(&self) -> Option<Signal> {
        self.by.get()
    }
}

impl<R: Read + AsFd> Read for &mut Ending<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = PollFlags::POLLIN;
        let mut fds = [
            PollFd::new(self.interrupt.signals.as_fd(), ready),
            PollFd::new(self.input.as_fd(), ready),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) => return Err(error.into()),
        }
        if self.ending_signal().is_none() {
            self.by.set(self.interrupt.take());
        }
        match self.ending_signal() {
            Some(_) => Ok(0),
            None => self.input.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The copy of the descriptor would be number 0, which is somebody else's.
    #[test]
    fn a_call_that_copies_nothing_is_not_believed() {
        let lied_to = std::thread::spawn(|| {
            let lie = crate::seccomp::Filter::answering(&["fcntl"], None).unwrap();
            lie.install().unwrap();
            let interrupt = Interrupt::catch().unwrap();
            interrupt.take()
        });
        assert_eq!(lied_to.join().unwrap(), None);
    }

    #[test]
    fn a_signal_of_this_thread_is_taken_once_and_remembered() {
        let interrupt = Interrupt::catch().unwrap();
        assert_eq!((interrupt.take(), interrupt.last()), (None, None));
        // To this thread alone: others of the test's process do not hold it back.
        nix::sys::pthread::pthread_kill(nix::sys::pthread::pthread_self(), Signal::SIGTERM)
            .unwrap();
        assert_eq!(interrupt.take(), Some(Signal::SIGTERM));
        assert_eq!(interrupt.take(), None);
        assert_eq!(interrupt.last(), Some(Signal::SIGTERM));
    }

    #[test]
    fn a_wait_ends_with_its_time_or_with_a_signal() {
        let interrupt = Interrupt::catch().unwrap();
        let begun = Instant::now();
        assert_eq!(interrupt.wait(Duration::from_millis(2)), None);
        assert!(begun.elapsed() >= Duration::from_millis(2));
        // Of the three the one that nohup(1) and shells do not ignore.
        let this_thread = nix::sys::pthread::pthread_self();
        nix::sys::pthread::pthread_kill(this_thread, Signal::SIGTERM).unwrap();
        assert_eq!(
            interrupt.wait(Duration::from_secs(3600)),
            Some(Signal::SIGTERM)
        );
    }

    #[test]
    fn exit_statuses_are_the_shells() {
        let statuses = ENDING_SIGNALS.map(exit_status);
        assert_eq!(statuses, [130, 143, 129]);
        assert_eq!(Interrupted(Signal::SIGHUP).exit_status(), 129);
    }
}
