//! SIGINT, SIGTERM and SIGHUP as something to look for, so that hours of work end with a result.

use std::cell::Cell;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use child::HeldSignals;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

/// While it lives, the signals that ask for an end are held back and told of when asked.
pub struct Interrupt {
    signals: HeldSignals,
    last: Cell<Option<Signal>>,
}

impl Interrupt {
    /// Holds the signals back from this thread and from those it will start; one that is ignored, as
    /// SIGHUP under nohup(1), stays ignored.
    ///
    /// # Errors
    /// EMFILE.
    pub fn catch() -> Result<Interrupt> {
        let signals = HeldSignals::hold(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])
            .context("hold back SIGINT, SIGTERM and SIGHUP")?;
        Ok(Interrupt {
            signals,
            last: Cell::new(None),
        })
    }

    /// Takes the signal that has come since the last call, if any.
    pub fn take(&self) -> Option<Signal> {
        let signal = self.signals.next()?;
        self.last.set(Some(signal));
        Some(signal)
    }

    /// The signal that [`Interrupt::take`] gave last: this run was interrupted.
    pub fn last(&self) -> Option<Signal> {
        self.last.get()
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
        self.signals.let_go();
    }
}

/// An input that ends early when a signal comes.
pub struct Ending<'a, R> {
    input: R,
    interrupt: &'a Interrupt,
    by: Cell<Option<Signal>>,
}

impl<R> Ending<'_, R> {
    /// The signal that ended it, when one did.
    pub fn by(&self) -> Option<Signal> {
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
        if self.by().is_none() {
            self.by.set(self.interrupt.take());
        }
        match self.by() {
            Some(_) => Ok(0),
            None => self.input.read(buffer),
        }
    }
}
