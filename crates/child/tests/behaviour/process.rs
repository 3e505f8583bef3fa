//! A process as a case looks at it, and how a case says what is wrong.

use std::error::Error;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use child::Child;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{LIMIT, Outcome};

/// A child that neither answers nor ends.
pub fn fork_sleeper(name: &str) -> Result<Child<()>, child::Error> {
    child::fork(name, |_| sleep_for_ever())
}

pub fn sleep_for_ever() -> Result<(), child::BoxError> {
    loop {
        nix::unistd::pause();
    }
}

/// pidfd_open(2) for a process that need not be ours.
pub fn open_pidfd(pid: i32) -> Result<OwnedFd, Errno> {
    let process = rustix::process::Pid::from_raw(pid).ok_or(Errno::ESRCH)?;
    let pidfd = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty());
    pidfd.map_err(|e| Errno::from_raw(e.raw_os_error()))
}

/// Whether the process behind `pidfd` ends before the limit.
pub fn ends_in_time(pidfd: BorrowedFd<'_>) -> Result<bool, Errno> {
    is_readable(
        pidfd,
        PollTimeout::try_from(LIMIT).unwrap_or(PollTimeout::MAX),
    )
}

pub fn is_readable(fd: BorrowedFd<'_>, timeout: PollTimeout) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    Ok(poll(&mut fds, timeout)? > 0)
}

/// The state letter of /proc/PID/stat.
pub fn process_state(pid: i32) -> io::Result<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    Ok(after_name.chars().next().unwrap_or('?'))
}

/// Waits for a condition; the limit of the whole case ends it otherwise.
pub fn wait_until(mut condition: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    while !condition()? {
        std::thread::yield_now();
    }
    Ok(())
}

/// Not even a zombie is left of `pid`.
pub fn check_reaped(pid: i32) -> Outcome {
    match process_state(pid) {
        Err(_) => Ok(()),
        Ok(state) => Err(format!("pid {pid} is still there, in state {state}").into()),
    }
}

pub fn error_of<T>(result: Result<T, child::Error>) -> Result<child::Error, Box<dyn Error>> {
    match result {
        Ok(_) => Err("no error".into()),
        Err(error) => Ok(error),
    }
}

pub fn check_text(error: &child::Error, parts: &[&str]) -> Outcome {
    let text = error.to_string();
    match parts.iter().find(|part| !text.contains(*part)) {
        None => Ok(()),
        Some(part) => Err(format!("`{part}` is missing in: {text}").into()),
    }
}

pub fn ensure(condition: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}
