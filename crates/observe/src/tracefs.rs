//! tracefs: the number by which perf_event_open(2) knows a tracepoint
//! (Documentation/trace/events.rst).
#![expect(
    unsafe_code,
    reason = "fsopen, fsconfig and fsmount, which nix does not have"
)]

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::{Error, read};

/// The number of tracepoint `event` (`sched/sched_waking`) on the running kernel.
///
/// Where tracefs is mounted nowhere, it is mounted detached: seen by no one else, attached to no
/// directory, gone with its descriptor. The host is not changed.
///
/// # Errors
/// EACCES or EPERM for an ordinary user, ENOENT where the kernel has no such tracepoint, ENODEV where
/// it has no tracefs.
pub fn id(event: &str) -> Result<u64, Error> {
    let file = format!("events/{event}/id");
    let text = match read(format!("/sys/kernel/tracing/{file}")) {
        Err(absent) if absent.errno == Errno::ENOENT => detached(&file)?,
        text => text?,
    };
    let number = text.trim().parse();
    number.map_err(|_| Error::new(format!("parse {file} of tracefs"), Errno::EINVAL))
}

fn detached(file: &str) -> Result<String, Error> {
    let error = |what: &str| {
        let what = what.to_owned();
        move |errno| Error::new(what, errno)
    };
    let mount = mount().map_err(error("mount tracefs detached"))?;
    let what = format!("read {file} of tracefs");
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let fd = openat(&mount, file, flags, Mode::empty()).map_err(error(&what))?;
    let mut text = String::new();
    File::from(fd).read_to_string(&mut text).map_err(|e| {
        let errno = e.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        Error::new(what, errno)
    })?;
    Ok(text)
}

/// fsopen(2), fsconfig(2), fsmount(2); all three are Linux 5.2.
fn mount() -> Result<OwnedFd, Errno> {
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
    const FSMOUNT_CLOEXEC: libc::c_uint = 1;
    // SAFETY: the name is a literal that ends in NUL and outlives the call.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, c"tracefs".as_ptr(), FSOPEN_CLOEXEC) };
    let context = owned(context)?;
    let fd = context.as_raw_fd();
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: this command takes neither key nor value; null says so.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, none, none, 0) };
    Errno::result(made)?;
    // SAFETY: three integers.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, fd, FSMOUNT_CLOEXEC, 0) })
}

fn owned(fd: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made this descriptor for the caller; nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
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
