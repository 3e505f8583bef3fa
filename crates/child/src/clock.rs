//! Deadlines: a limit on a wait, counted from its start.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The moment at which a wait gives up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Deadline(
            now.checked_add(limit)
                .unwrap_or(now + Duration::from_secs(86_400)),
        )
    }

    /// What is left for poll(2), rounded up to a millisecond; none once it has passed.
    pub(crate) fn remaining(self) -> Option<PollTimeout> {
        let left = self.0.checked_duration_since(Instant::now())?;
        let ms = left.as_millis().saturating_add(1).min(i32::MAX as u128);
        Some(PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX))
    }
}

/// Whether `fd` becomes readable before the deadline.
pub(crate) fn readable(fd: &OwnedFd, deadline: Deadline) -> Result<bool, Errno> {
    Ok(first_readable(&[fd.as_fd()], deadline)?.is_some())
}

/// The place in `fds` of the first that is readable; none where none is before the deadline.
pub(crate) fn first_readable(
    fds: &[BorrowedFd<'_>],
    deadline: Deadline,
) -> Result<Option<usize>, Errno> {
    let mut fds: Vec<PollFd<'_>> = fds
        .iter()
        .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
        .collect();
    loop {
        // Look once even if the deadline has passed.
        let timeout = deadline.remaining();
        match poll(&mut fds, timeout.unwrap_or(PollTimeout::ZERO)) {
            Ok(0) if timeout.is_none() => return Ok(None),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(fds.iter().position(|fd| fd.any() == Some(true))),
            Err(errno) => return Err(errno),
        }
    }
}
