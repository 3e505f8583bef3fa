//! Who shares a descriptor table: threads and CLONE_FILES do, fork and exec end it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use child::Descriptors;
use claim::{Act, Arm, Claim, DIFFERENT, Does, InControl, Name, Quantity, Reading, SAME, sameness};
use harness::limits::room_for_descriptors;
use harness::memory::Memory;
use harness::{inherited, scratch};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{close, execvp, pipe2};

use super::{CLONE_FILES, FORK, before_and_after_text};
use crate::evidence::{Place, is_own_child};
use crate::{second_thread, tables};

const THREAD: Quantity = Name("table of a thread and its process").word(SAME, DIFFERENT);
const FORKED: Quantity = Name("table of parent and forked child").word(DIFFERENT, SAME);
const CLONED: Quantity =
    Name("table of parent and child of clone(CLONE_FILES)").word(SAME, DIFFERENT);
const EXECED: Quantity = Name("table of the two around the child's exec")
    .word("same, then different", "same, then same");
const CLOSED: Quantity = Name("descriptor closed by a CLONE_FILES child").word("closed", "open");

const START_THREAD: Act = Does("starts a second thread")
    .call("clone", "CLONE_THREAD")
    .by(second_thread::PROCESS)
    .shown_by("the thread's own number in /proc/PID/task");
const EXEC: Act = Does("becomes a shell")
    .call("execve", "\"sh\", \"-c\"")
    .by("sh")
    .shown_by("another program than its parent's as /proc/CHILD/exe")
    .in_control(InControl::Not);
/// The number of the descriptor that is closed, which no other call of a closer has.
const NUMBER: RawFd = 50;
const CLOSE: Act = Does("closes the descriptor")
    .call("close", "50")
    .by("closer")
    .shown_by("no such number in /proc/CHILD/fd");

pub(super) const CLAIM: Claim = Claim {
    id: "descriptor-table",
    statement: "Threads share one descriptor table, fork copies it, clone(CLONE_FILES) shares it \
                between processes, and exec ends the sharing.",
    measures: "kcmp compares the tables in each case; and a child with a shared table closes a \
               descriptor that the parent then looks for. Where kcmp is refused, a new descriptor \
               is looked for in /proc/PID/fd of the other.",
    control: "the thread unshares its table; CLONE_FILES and fork change places; the child does \
              not call exec",
    notes: &[4, 7],
    needs: &["a shell called sh"],
    acts: &[START_THREAD, FORK, CLONE_FILES, EXEC, CLOSE],
    man: &["clone(2)", "fork(2)", "execve(2)", "unshare(2)", "kcmp(2)"],
    quantities: &[THREAD, FORKED, CLONED, EXECED, CLOSED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let shares = arm.choose(Descriptors::Shared, Descriptors::Copied);
    let copies = arm.choose(Descriptors::Copied, Descriptors::Shared);
    let (with_thread, is_thread) = compare_with_thread(arm)?;
    let with_copy = compare_with_child(copies)?;
    let with_sharer = compare_with_child(shares)?;
    let [forked, cloned] = arm.choose([&with_copy, &with_sharer], [&with_sharer, &with_copy]);
    let (around_exec, is_shell) = compare_around_exec(arm)?;
    let (after_close, closed) = close_in_child(shares)?;
    Ok(Reading::kernel()
        .act(&START_THREAD, is_thread)
        .act(&FORK, forked.is_child)
        .act(&CLONE_FILES, cloned.is_child)
        .act(&EXEC, is_shell)
        .act(&CLOSE, closed)
        .with(&THREAD, with_thread)
        .with(&FORKED, with_copy.table)
        .with(&CLONED, with_sharer.table)
        .with(&EXECED, around_exec)
        .with(&CLOSED, after_close))
}

/// Compares a thread's table with its process's; tells whether it is another thread.
fn compare_with_thread(arm: Arm) -> Result<(String, bool)> {
    second_thread::run(
        || Ok(std::process::id() as i32),
        |process| {
            if arm == Arm::Control {
                unshare(CloneFlags::CLONE_FILES).context("unshare CLONE_FILES")?;
            }
            let same = sameness(tables::is_shared_with(*process)?);
            Ok((same.to_owned(), second_thread::is_second_of(*process)))
        },
    )
}

/// What was seen of a child.
struct Compared {
    table: &'static str,
    is_child: bool,
}

fn compare_with_child(table: Descriptors) -> Result<Compared> {
    let mut held = child::fork_with(table, "held", |parent| Ok(parent.checkpoint()?))?;
    held.at_checkpoint()?;
    let compared = Compared {
        table: sameness(tables::is_shared_with(held.pid())?),
        is_child: is_own_child(held.pid())?,
    };
    held.release()?;
    held.join()?;
    Ok(compared)
}

/// How long the shell may take to begin and to say a word: where its own calls are lied to, it
/// never does.
const SHELL_LIMIT: Duration = Duration::from_secs(10);

/// A child with a shared table becomes a shell; in the control it does not call exec. Tells whether
/// it became another program.
///
/// Who shares the table with it is a process of its own, which answers in shared memory: a kernel
/// whose exec keeps the table would close what that process could answer by.
fn compare_around_exec(arm: Arm) -> Result<(String, bool)> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).context("pipe");
    let ((said, say), (wait, end)) = (pipe()?, pipe()?);
    // A byte of shared memory: whether there is an answer, and the answers.
    let mut answer = Memory::shared(1)?;
    let sharer = child::fork("sharer", |_| {
        let mut shell = child::fork_with(Descriptors::Shared, "sh", |parent| {
            parent.checkpoint()?;
            match arm {
                Arm::Experiment => become_shell(&say, &wait),
                Arm::Control => Ok(parent.checkpoint()?),
            }
        })?
        .limit(SHELL_LIMIT);
        shell.at_checkpoint()?;
        let before = tables::is_shared_with(shell.pid())?;
        keep_across_exec(&said)?;
        shell.release()?;
        match arm {
            Arm::Control => shell.at_checkpoint()?,
            Arm::Experiment if shell.ends_before(said.as_fd())? => return Ok(shell.join()?),
            Arm::Experiment => {}
        }
        let is_shell = runs_other_program(shell.pid())?;
        let after = tables::is_shared_with(shell.pid())?;
        let yes = [true, before, after, is_shell];
        answer.write_every(1, yes.into_iter().fold(0, |all, it| 2 * all + u8::from(it)));
        Ok(())
    })?
    .limit(2 * SHELL_LIMIT);
    let ended = sharer.join();
    drop(end);
    let yes: u8 = answer.first_bytes(1).into_iter().sum();
    let [is_there, before, after, is_shell] = [8, 4, 2, 1].map(|bit| yes & bit != 0);
    if !is_there {
        ended?;
        bail!("sh ended before it was looked at");
    }
    let both = before_and_after_text([sameness(before), sameness(after)]);
    Ok((both, is_shell))
}

fn runs_other_program(pid: i32) -> Result<bool, observe::Error> {
    let own = observe::program::path(std::process::id() as i32)?;
    Ok(observe::program::path(pid)? != own)
}

fn keep_across_exec(fd: &OwnedFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).context("fcntl F_SETFD")?;
    Ok(())
}

fn become_shell(say: &OwnedFd, wait: &OwnedFd) -> Result<(), child::BoxError> {
    for pipe in [say, wait] {
        keep_across_exec(pipe)?;
    }
    // By path, since a shell may know descriptors of one digit only.
    let fd = |pipe: &OwnedFd| format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let script = format!("echo x >{}; read gone <{}", fd(say), fd(wait));
    let script = std::ffi::CString::new(script)?;
    inherited::restore();
    let Err(errno) = execvp(c"sh", &[c"sh", c"-c", script.as_c_str()]);
    Err(observe::Error::new("exec sh", errno)
        .with_kind(observe::Operation::Shell)
        .into())
}

/// A child closes a descriptor that the parent then looks for; tells whether the child has closed
/// it.
fn close_in_child(table: Descriptors) -> Result<(&'static str, bool)> {
    let file = scratch::file(b"hello, kernel")?;
    room_for_descriptors(NUMBER as u64 + 1)?;
    let number =
        fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(NUMBER)).context("fcntl F_DUPFD_CLOEXEC")?;
    let mut closer = child::fork_with(table, "closer", |parent| {
        close(number).context("close")?;
        Ok(parent.checkpoint()?)
    })?;
    closer.at_checkpoint()?;
    let its = Place {
        pid: closer.pid(),
        fd: number,
    };
    let closed = its.link()?.is_none();
    closer.release()?;
    closer.join()?;
    if scratch::is_open(number)? {
        close(number).context("close")?;
        Ok(("open", closed))
    } else {
        Ok(("closed", closed))
    }
}
