//! Grandchildren whose parent died: adopted and ended, so that a run leaves no process behind.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::clock::Deadline;
use crate::error::errno;
use crate::life::Life;
use crate::{Error, ErrorKind};

/// Makes this process the one that inherits its descendants' orphans (`PR_SET_CHILD_SUBREAPER`).
///
/// A kernel that does not know the option (Linux before 3.4, gVisor) answers EINVAL. There orphans
/// go to init, as they did before; what a [`crate::Child`] forks ends with its parent all the same.
///
/// # Errors
/// None other is documented for this option; the system call's error is passed on.
pub fn adopt_orphans() -> Result<(), Error> {
    match nix::sys::prctl::set_child_subreaper(true) {
        Ok(()) | Err(Errno::EINVAL) => Ok(()),
        Err(errno) => Err(error("prctl PR_SET_CHILD_SUBREAPER", errno)),
    }
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
                for mut orphan in children()? {
                    alive += usize::from(orphan.has_ended() == Ok(false));
                    orphan.end(limit).map_err(|kind| Error {
                        child: orphan.pid().to_string(),
                        kind,
                    })?;
                }
            }
            Ok(_) => {}
        }
    }
}

/// The children of this process's first thread, from proc(5) `/proc/PID/task/TID/children`.
///
/// /proc may show another PID namespace, whose numbers name other processes here. So this process
/// is looked up under the number that it has there, and the kernel is asked of each number that is
/// listed whether it is a child's. None of a stranger is returned.
fn children() -> Result<Vec<Life>, Error> {
    let unreadable = |e: std::io::Error| error("read /proc/self/task/TID/children", errno(&e));
    let own = std::fs::read_link("/proc/self").map_err(unreadable)?;
    let path = Path::new("/proc/self/task").join(own).join("children");
    let listed = std::fs::read_to_string(path).map_err(unreadable)?;
    let numbers = listed.split_ascii_whitespace();
    let mut children = Vec::new();
    for pid in numbers.filter_map(|pid| pid.parse().ok()) {
        let mut life = Life::new(Pid::from_raw(pid));
        if !life.is_own_child().unwrap_or(false) {
            let what = "find the children in /proc, which shows another PID namespace";
            return Err(error(what, Errno::ESRCH));
        }
        children.push(life);
    }
    Ok(children)
}

fn error(call: &'static str, errno: Errno) -> Error {
    Error {
        child: "orphans".to_owned(),
        kind: ErrorKind::System(call, errno),
    }
}
