//! The system call in which a child is blocked, by ptrace(2): for a kernel without
//! `/proc/PID/syscall`.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;

use crate::wchan::{self, Blocked};
use crate::{Error, status};

/// The call in which process `pid` is blocked; none while it runs or is not in a call. By
/// `/proc/PID/syscall`, and where this kernel has no such file by [`by_ptrace`], if `pid` is a
/// child of this process.
///
/// # Errors
/// That of reading the file, where ptrace does not tell either.
pub fn read(pid: i32) -> Result<Option<Blocked>, Error> {
    match wchan::read_syscall(pid) {
        Err(absent) if absent.errno == Errno::ENOENT => by_ptrace(pid).map_err(|_| absent),
        read => read,
    }
}

/// Stops the child `pid` for a moment and looks at its registers. The call is interrupted by that:
/// some begin again by themselves, others fail with EINTR (signal(7)).
///
/// # Errors
/// EPERM where it is traced by another process; ESRCH where it has ended; ETIMEDOUT where it does
/// not stop within three seconds; ENOSYS on an architecture other than x86-64.
pub fn by_ptrace(pid: i32) -> Result<Option<Blocked>, Error> {
    let child = Pid::from_raw(pid);
    let error = |what: &str| {
        let what = format!("ptrace {what} {pid}");
        move |errno| Error::new(what, errno)
    };
    ptrace::seize(child, Options::empty()).map_err(error("PTRACE_SEIZE"))?;
    ptrace::interrupt(child).map_err(error("PTRACE_INTERRUPT"))?;
    let call = call_once_stopped(child).map_err(error("PTRACE_GETREGS"));
    // One that has ended is traced by nobody any more.
    let detached = ptrace::detach(child, None).map_err(error("PTRACE_DETACH"));
    let call = call?;
    detached.map(|()| call)
}

/// Waits until `child` has stopped. Not by waitid(2): that would reap a child that has ended, and
/// gVisor takes the stop for an end there.
fn call_once_stopped(child: Pid) -> Result<Option<Blocked>, Errno> {
    let start = Instant::now();
    loop {
        match interrupted_call(child) {
            // It has not stopped yet, or has ended.
            Err(Errno::ESRCH) if start.elapsed() < LIMIT => {}
            Err(Errno::ESRCH) => return Err(Errno::ETIMEDOUT),
            told => return told,
        }
        let state = status::read(child.as_raw()).map_or('X', |status| status.state);
        if matches!(state, 'Z' | 'X') {
            return Err(Errno::ESRCH);
        }
        std::thread::yield_now();
    }
}

/// How long a process may take to stop.
const LIMIT: Duration = Duration::from_secs(3);

#[cfg(target_arch = "x86_64")]
fn interrupted_call(child: Pid) -> Result<Option<Blocked>, Errno> {
    let it = ptrace::getregs(child)?;
    Ok(is_interrupted(it.rax as i64).then_some(Blocked {
        number: it.orig_rax as i64,
        arguments: [it.rdi, it.rsi, it.rdx, it.r10, it.r8, it.r9],
    }))
}

#[cfg(not(target_arch = "x86_64"))]
fn interrupted_call(_: Pid) -> Result<Option<Blocked>, Errno> {
    Err(Errno::ENOSYS)
}

/// Whether this is what a system call leaves in its register that was interrupted in its sleep:
/// EINTR, or one of the kernel's own numbers for a call that is to begin again (include/linux/
/// errno.h: ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK).
#[cfg(target_arch = "x86_64")]
fn is_interrupted(answer: i64) -> bool {
    matches!(-answer, 4 | 512 | 513 | 514 | 516)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::process::{Child, Command, Stdio};

    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    use super::*;
    use crate::sleep::{Look, Sleeper};

    /// A program that waits for input.
    #[expect(clippy::disallowed_methods, reason = "a child that sleeps in read")]
    fn cat() -> std::io::Result<Child> {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    }

    #[test]
    fn ptrace_tells_what_proc_does() {
        let mut cat = cat().unwrap();
        let pid = cat.id() as i32;
        let mut sleeper = Sleeper::open(pid).unwrap();
        while !wchan::read_syscall(pid).is_ok_and(|it| it.is_some_and(|it| it.arguments[0] == 0))
            || !matches!(sleeper.look(), Ok(Look::Asleep(_)))
        {
            std::thread::yield_now();
        }
        let shown = wchan::read_syscall(pid).unwrap();
        assert_eq!(read(pid), Ok(shown.clone()));
        for _ in 0..2 {
            assert_eq!(by_ptrace(pid), Ok(shown.clone()), "read begins again");
        }
        cat.kill().unwrap();
        let ended = || waitid(Id::Pid(Pid::from_raw(pid)), ENDED);
        ended().unwrap();
        assert!(by_ptrace(pid).is_err());
        assert!(cat.wait().is_ok(), "nobody else has reaped it");
    }

    const ENDED: WaitPidFlag = WaitPidFlag::WEXITED.union(WaitPidFlag::WNOWAIT);

    #[test]
    fn what_is_no_child_is_not_stopped() {
        assert_eq!(by_ptrace(i32::MAX).unwrap_err().errno, Errno::ESRCH);
        assert_eq!(read(i32::MAX).unwrap_err().errno, Errno::ENOENT);
    }
}
