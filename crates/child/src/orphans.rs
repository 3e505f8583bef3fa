//! Grandchildren whose parent died: adopted and ended, so that a run leaves no process behind.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::clock::Deadline;
use crate::error::errno;
use crate::{Error, ErrorKind, pidfd};

/// Makes this process the one that inherits its descendants' orphans (`PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// None is documented for this option; the system call's error is passed on.
pub fn adopt_orphans() -> Result<(), Error> {
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|errno| error("prctl PR_SET_CHILD_SUBREAPER", errno))
}

/// Kills and reaps every child that this process still has; says how many were found alive.
///
/// Call it only while no [`crate::Child`] is held: it would be reaped behind its owner's back.
///
/// # Errors
/// The system call that failed, or that a killed orphan is still there after `limit`.
pub fn end_orphans(limit: Duration) -> Result<usize, Error> {
    let deadline = Deadline::after(limit);
    let mut alive = 0;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(alive),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(error("waitpid", errno)),
            // An orphan that forks as fast as it is killed must not hold us for ever.
            Ok(WaitStatus::StillAlive) if deadline.remaining().is_none() => {
                return Err(Error {
                    child: "orphans".to_owned(),
                    kind: ErrorKind::Late("end", limit),
                });
            }
            Ok(WaitStatus::StillAlive) => {
                for orphan in children()? {
                    alive += usize::from(kill(orphan, Signal::SIGKILL).is_ok());
                    await_end(orphan, deadline, limit)?;
                }
            }
            Ok(_) => {}
        }
    }
}

/// Waits until `orphan` is dead, unreaped.
fn await_end(orphan: Pid, deadline: Deadline, limit: Duration) -> Result<(), Error> {
    let pidfd = match pidfd::open(orphan) {
        Ok(pidfd) => pidfd,
        Err(Errno::ESRCH) => return Ok(()),
        Err(errno) => return Err(error("pidfd_open", errno)),
    };
    match crate::clock::readable(&pidfd, deadline) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error {
            child: orphan.to_string(),
            kind: ErrorKind::Late("end", limit),
        }),
        Err(errno) => Err(error("poll", errno)),
    }
}

/// The children of this process's first thread, from proc(5) `/proc/PID/task/TID/children`.
///
/// /proc may show another PID namespace, whose numbers name other processes here. So this process
/// is looked up under the number that it has there, and the kernel is asked of each number that is
/// listed whether it is a child's. None of a stranger is returned.
fn children() -> Result<Vec<Pid>, Error> {
    let unreadable = |e: std::io::Error| error("read /proc/self/task/TID/children", errno(&e));
    let own = std::fs::read_link("/proc/self").map_err(unreadable)?;
    let path = Path::new("/proc/self/task").join(own).join("children");
    let listed = std::fs::read_to_string(path).map_err(unreadable)?;
    let numbers = listed.split_ascii_whitespace();
    let listed: Vec<Pid> = numbers
        .filter_map(|pid| pid.parse().ok())
        .map(Pid::from_raw)
        .collect();
    if listed.iter().all(|pid| pidfd::is_own_child(Id::Pid(*pid))) {
        return Ok(listed);
    }
    let what = "find the children in /proc, which shows another PID namespace";
    Err(error(what, Errno::ESRCH))
}

fn error(call: &'static str, errno: Errno) -> Error {
    Error {
        child: "orphans".to_owned(),
        kind: ErrorKind::System(call, errno),
    }
}
