//! tracefs: the number by which perf_event_open(2) knows a tracepoint
//! (Documentation/trace/events.rst).

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::pidfd::number;
use crate::{Error, Operation, read_text};

/// The number of tracepoint `event` (`sched/sched_waking`) on the running kernel.
///
/// Where tracefs is mounted nowhere, it is mounted detached: attached to no directory, invisible to
/// other processes, and unmounted when its descriptor is closed. The host is not changed.
///
/// # Errors
/// EACCES or EPERM for an ordinary user, ENOENT where the kernel has no such tracepoint, ENODEV
/// where it has no tracefs.
pub fn id(event: &str) -> Result<u64, Error> {
    let file = format!("events/{event}/id");
    let text = match read_text(format!("/sys/kernel/tracing/{file}")) {
        Err(absent) if absent.errno == Errno::ENOENT => detached_mount(&file)?,
        text => text?,
    };
    let number = text.trim().parse();
    number.map_err(|_| Error::new(format!("parse {file} of tracefs"), Errno::EINVAL))
}

fn detached_mount(file: &str) -> Result<String, Error> {
    let error = |what: &str| {
        let what = what.to_owned();
        move |errno| Error::new(what, errno).with_kind(Operation::Tracepoint)
    };
    let mount = mount().map_err(error("mount tracefs detached"))?;
    let what = format!("read {file} of tracefs");
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let fd = openat(&mount, file, flags, Mode::empty()).map_err(error(&what))?;
    let mut text = String::new();
    let end = File::from(fd).read_to_string(&mut text);
    end.map_err(|e| Error::from_io(what, &e).with_kind(Operation::Tracepoint))?;
    Ok(text)
}

/// fsopen(2), fsconfig(2), fsmount(2); all three are Linux 5.2.
fn mount() -> Result<OwnedFd, Errno> {
    let context = fsopen(c"tracefs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(number)?;
    fsconfig_create(context.as_fd()).map_err(number)?;
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    fsmount(context.as_fd(), flags, MountAttrFlags::empty()).map_err(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_refusal() {
        match id("sched/sched_waking") {
            Ok(number) => assert_ne!(number, 0),
            Err(error) => assert!(
                [Errno::EPERM, Errno::EACCES, Errno::ENODEV, Errno::ENOSYS].contains(&error.errno),
                "{error}"
            ),
        }
    }
}
