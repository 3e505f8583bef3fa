//! Whether a child lives, and what ends it.
//!
//! The kernel is asked by wait4(2), which every system has. A pidfd (pidfd_open(2), Linux 5.3)
//! wakes a wait at the very moment of the end and never comes to mean another process; where there
//! is none the wait looks every few milliseconds, and a signal goes to the number of the child,
//! which is its own as long as it is not reaped.
#![expect(unsafe_code, reason = "a pidfd, adopted once it is known to be one")]

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

use crate::ErrorKind;
use crate::clock::{Deadline, poll_once};

/// How many milliseconds pass between two looks where nothing wakes a wait.
const LOOK: u8 = 5;

/// The life of a child of this process, up to its reaping.
#[derive(Debug)]
pub(crate) struct Life {
    pid: Pid,
    pidfd: Option<OwnedFd>,
    /// How it ended; its number is its own until then.
    status: Option<WaitStatus>,
}

/// What a wait came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The descriptor at this place is ready.
    Ready(usize),
    /// The child has ended, and is reaped.
    Ended,
    /// Neither, before the deadline.
    Late,
}

impl Life {
    /// The life of the child with this number.
    pub(crate) fn new(pid: Pid) -> Life {
        let pidfd = open_pidfd(pid);
        let status = None;
        Life { pid, pidfd, status }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Readable at its end; none where the kernel gives no such descriptor.
    pub(crate) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// How it ended, if that has been seen.
    pub(crate) fn status(&self) -> Option<WaitStatus> {
        self.status
    }

    /// Whether the kernel knows it as a child of the calling process, not reaped yet. It is asked
    /// without reaping (waitid(2), `WNOWAIT`) where it can be.
    ///
    /// # Errors
    /// That of wait4(2) but ECHILD.
    pub(crate) fn is_own_child(&mut self) -> Result<bool, Errno> {
        if self.status.is_some() {
            return Ok(false);
        }
        let asked = match waitid(Id::Pid(self.pid), look_only()) {
            Err(errno) if errno != Errno::ECHILD => self.has_ended().map(drop),
            asked => asked.map(drop),
        };
        match asked {
            Err(Errno::ECHILD) => Ok(false),
            asked => asked.map(|()| true),
        }
    }

    /// Whether it has ended; reaps it then.
    ///
    /// # Errors
    /// ECHILD: it is not a child of this process.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Errno> {
        while self.status.is_none() {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
                Ok(status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..))) => {
                    self.status = Some(status);
                }
                // It lives, or its tracer, this process, is told of a stop.
                Ok(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Waits until one of `fds` is readable or the child has ended.
    ///
    /// # Errors
    /// That of poll(2) or of wait4(2); a wait4(2) that does not see an end that waitid(2) sees.
    pub(crate) fn first_event(
        &mut self,
        fds: &[BorrowedFd<'_>],
        deadline: Deadline,
    ) -> Result<Event, ErrorKind> {
        let wanted: Vec<_> = fds.iter().map(|fd| (*fd, PollFlags::POLLIN)).collect();
        loop {
            // Look once even if the deadline has passed.
            let timeout = deadline.remaining();
            let ready = self.poll(&wanted, timeout.unwrap_or(PollTimeout::ZERO));
            if let Some(place) = ready.map_err(|errno| ErrorKind::System("poll", errno))? {
                return Ok(Event::Ready(place));
            }
            if self.is_over()? {
                return Ok(Event::Ended);
            }
            if timeout.is_none() {
                return Ok(Event::Late);
            }
        }
    }

    /// Polls `fds`, each for its events, until one is ready, the child seems to have ended, or it
    /// is time to look whether it has; the place of the first that is ready, if one is.
    pub(crate) fn poll(
        &self,
        fds: &[(BorrowedFd<'_>, PollFlags)],
        timeout: PollTimeout,
    ) -> Result<Option<usize>, Errno> {
        match self.pidfd() {
            Some(pidfd) => {
                let end = [(pidfd, PollFlags::POLLIN)];
                let ready = poll_once(fds.iter().chain(&end), timeout)?;
                Ok(ready.filter(|place| *place < fds.len()))
            }
            None => poll_once(fds.iter(), timeout.min(PollTimeout::from(LOOK))),
        }
    }

    /// [`Life::has_ended`], with a second witness of the end.
    ///
    /// # Errors
    /// That of wait4(2); it does not reap a child that waitid(2) shows dead.
    pub(crate) fn is_over(&mut self) -> Result<bool, ErrorKind> {
        let failed = |errno| ErrorKind::System("waitpid", errno);
        if self.has_ended().map_err(failed)? {
            return Ok(true);
        }
        // Asked after wait4(2): it may have ended between the two, so wait4(2) is asked again.
        if self.is_dead() && !self.has_ended().map_err(failed)? {
            let what = "has ended, and waitpid(2) does not tell so";
            return Err(ErrorKind::Unexpected(what.to_owned()));
        }
        Ok(self.status.is_some())
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Those of [`Life::first_event`].
    pub(crate) fn wait(&mut self, deadline: Deadline) -> Result<Option<WaitStatus>, ErrorKind> {
        self.first_event(&[], deadline)?;
        Ok(self.status)
    }

    /// Sends `signal`.
    ///
    /// # Errors
    /// ESRCH once it is reaped; that of kill(2).
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Errno> {
        if self.status.is_some() {
            return Err(Errno::ESRCH);
        }
        match &self.pidfd {
            Some(pidfd) if send_signal(pidfd, signal).is_ok() => Ok(()),
            _ => kill(self.pid, signal),
        }
    }

    /// Kills and reaps it.
    ///
    /// # Errors
    /// That of kill(2) or wait4(2); it is still there after `limit`.
    pub(crate) fn end(&mut self, limit: Duration) -> Result<WaitStatus, ErrorKind> {
        // Both ways, since SIGKILL twice is SIGKILL, and one of the calls may do nothing.
        let sent = self.signal(Signal::SIGKILL);
        if self.status.is_none() && self.pidfd.is_some() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
        match self.wait(Deadline::after(limit))? {
            Some(status) => Ok(status),
            None => Err(match sent {
                Err(errno) => ErrorKind::System("kill", errno),
                Ok(()) => ErrorKind::Late("end after SIGKILL", limit),
            }),
        }
    }

    /// Whether waitid(2) shows it dead and not reaped.
    fn is_dead(&self) -> bool {
        let seen = waitid(Id::Pid(self.pid), look_only());
        matches!(seen, Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
    }
}

/// waitid(2) that neither waits nor reaps.
fn look_only() -> WaitPidFlag {
    WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT
}

/// pidfd_open(2), close-on-exec by itself; none where it is refused or answers something else.
fn open_pidfd(pid: Pid) -> Option<OwnedFd> {
    let process = rustix::process::Pid::from_raw(pid.as_raw())?;
    let number = pidfd_open(process, PidfdFlags::empty()).ok()?.into_raw_fd();
    // `anon_inode:[pidfd]`, or `pidfd:[INODE]` since Linux 6.9.
    let object = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    let is_pidfd = object.to_string_lossy().contains("pidfd");
    // SAFETY: the call has just made this descriptor and nothing else knows its number. An answer
    // of a number that stands for something else, which has an owner, is not adopted.
    is_pidfd.then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

/// pidfd_send_signal(2).
fn send_signal(pidfd: &OwnedFd, signal: Signal) -> Result<(), Errno> {
    let signal = rustix::process::Signal::from_named_raw(signal as i32).ok_or(Errno::EINVAL)?;
    pidfd_send_signal(pidfd, signal).map_err(|e| Errno::from_raw(e.raw_os_error()))
}
