//! Standard output during a run: signals are noticed even while its reader lets it wait.

use std::io::stdout;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use present::print;

use crate::Isolation;

impl Isolation {
    /// Prints `text`, and returns the rest where the reader of standard output lets it wait until a
    /// signal comes.
    ///
    /// # Errors
    /// Output that cannot be written.
    pub(crate) fn print<'a>(&self, text: &'a str) -> Result<&'a str> {
        let mut rest = text;
        // poll(2) finds a pipe writable where it takes PIPE_BUF bytes, which no line of ours
        // exceeds.
        while let Some(line) = rest.split_inclusive('\n').next() {
            if !self.wait_for_reader()? {
                break;
            }
            print(line)?;
            rest = &rest[line.len()..];
        }
        Ok(rest)
    }

    /// Waits until standard output takes more, or until a signal comes; says whether it takes more.
    fn wait_for_reader(&self) -> Result<bool> {
        let Some(interrupt) = &self.interrupt else {
            return Ok(true);
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it is waited for, not written to"
        )]
        let stdout = stdout();
        let mut fds = [
            PollFd::new(stdout.as_fd(), PollFlags::POLLOUT),
            PollFd::new(interrupt.as_fd(), PollFlags::POLLIN),
        ];
        // A signal that has been taken makes nothing ready any more: it must not be waited for.
        let timeout = match self.signal() {
            Some(_) => PollTimeout::ZERO,
            None => PollTimeout::NONE,
        };
        while let Err(errno) = poll(&mut fds, timeout) {
            if errno != Errno::EINTR {
                return Err(errno).context("poll standard output");
            }
        }
        // True also where it is closed or no process can read it any more: the write then fails.
        Ok(fds[0].any() == Some(true))
    }
}
