//! Who shares a descriptor table: threads and CLONE_FILES do, fork and exec end it.

use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};

use anyhow::{Context, Result, bail, ensure};
use child::Descriptors;
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, sameness};
use harness::{inherited, scratch};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{close, execvp, gettid, pipe2};

use super::before_and_after_text;
use crate::second_thread;

const THREAD: Quantity = Name("table of a thread and its process").word(SAME, DIFFERENT);
const FORKED: Quantity = Name("table of parent and forked child").word(DIFFERENT, SAME);
const CLONED: Quantity =
    Name("table of parent and child of clone(CLONE_FILES)").word(SAME, DIFFERENT);
const EXECED: Quantity = Name("table of the two around the child's exec")
    .word("same, then different", "same, then same");
const CLOSED: Quantity = Name("descriptor closed by a CLONE_FILES child").word("closed", "open");

pub(super) const CLAIM: Claim = Claim {
    id: "descriptor-table",
    statement: "Threads share one descriptor table, fork copies it, clone(CLONE_FILES) shares it \
                between processes, and exec ends the sharing.",
    measures: "kcmp compares the tables in each case; and a child with a shared table closes a \
               descriptor that the parent then looks for.",
    control: "the thread unshares its table; CLONE_FILES and fork change places; the child does \
              not call exec",
    notes: &[4, 7],
    needs: &["kcmp on a child of one's own", "a shell called sh"],
    syscalls: &["clone", "fork", "unshare", "execve", "kcmp", "close"],
    man: &["clone(2)", "fork(2)", "execve(2)", "unshare(2)", "kcmp(2)"],
    quantities: &[THREAD, FORKED, CLONED, EXECED, CLOSED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let shares = arm.choose(Descriptors::Shared, Descriptors::Copied);
    let copies = arm.choose(Descriptors::Copied, Descriptors::Shared);
    Ok(Reading::kernel()
        .with(&THREAD, compare_with_thread(arm)?)
        .with(&FORKED, compare_with_child(copies)?)
        .with(&CLONED, compare_with_child(shares)?)
        .with(&EXECED, compare_around_exec(arm)?)
        .with(&CLOSED, close_in_child(shares)?))
}

fn compare_with_thread(arm: Arm) -> Result<&'static str> {
    let same = second_thread::run(
        || Ok(std::process::id() as i32),
        |process| {
            if arm == Arm::Control {
                unshare(CloneFlags::CLONE_FILES).context("unshare CLONE_FILES")?;
            }
            let thread = gettid().as_raw();
            ensure!(thread != *process, "the thread is its process's first");
            Ok(observe::kcmp::tables(*process, thread)?.is_eq())
        },
    )?;
    Ok(sameness(same))
}

fn compare_with_child(table: Descriptors) -> Result<&'static str> {
    let mut held = child::fork_with(table, "held", |parent| Ok(parent.checkpoint()?))?;
    held.at_checkpoint()?;
    let same = compare_tables(held.pid())?;
    held.release()?;
    held.join()?;
    Ok(same)
}

fn compare_tables(pid: i32) -> Result<&'static str> {
    let tables = observe::kcmp::tables(std::process::id() as i32, pid)?;
    Ok(sameness(tables.is_eq()))
}

/// A child with a shared table becomes a shell, which reports that and waits until a pipe is
/// closed; in the control it does not call exec.
fn compare_around_exec(arm: Arm) -> Result<String> {
    let (said, say) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let (wait, end) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let mut shell = child::fork_with(Descriptors::Shared, "sh", |parent| {
        parent.checkpoint()?;
        match arm {
            Arm::Experiment => become_shell(&say, &wait),
            Arm::Control => Ok(parent.checkpoint()?),
        }
    })?;
    shell.at_checkpoint()?;
    let before = compare_tables(shell.pid())?;
    shell.release()?;
    if arm == Arm::Control {
        shell.at_checkpoint()?;
        let after = compare_tables(shell.pid())?;
        shell.release()?;
        shell.join()?;
        return Ok(before_and_after_text([before, after]));
    }
    if shell.ends_before(said.as_fd())? {
        shell.join()?;
        bail!("sh ended before it said a word");
    }
    let after = compare_tables(shell.pid())?;
    drop(end);
    shell.wait()?;
    Ok(before_and_after_text([before, after]))
}

fn become_shell(say: &OwnedFd, wait: &OwnedFd) -> Result<(), child::BoxError> {
    for pipe in [say, wait] {
        fcntl(pipe, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    // By path, since a shell may know descriptors of one digit only.
    let fd = |pipe: &OwnedFd| format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let script = format!("echo x >{}; read gone <{}", fd(say), fd(wait));
    let script = std::ffi::CString::new(script)?;
    inherited::restore();
    let Err(errno) = execvp(c"sh", &[c"sh", c"-c", script.as_c_str()]);
    Err(observe::Error::new("exec sh", errno)
        .of(observe::Operation::Shell)
        .into())
}

fn close_in_child(table: Descriptors) -> Result<&'static str> {
    let number = scratch::file(b"hello, kernel")?.into_raw_fd();
    let closer = child::fork_with(table, "closer", |_| Ok(close(number)?))?;
    closer.join()?;
    if scratch::is_open(number)? {
        close(number).context("close").map(|()| "open")
    } else {
        Ok("closed")
    }
}
