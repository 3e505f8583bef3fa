//! How a child ends, and how its parent gets to know.
#![expect(unsafe_code, reason = "_exit")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use child::{Descriptors, ErrorKind};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::process::{check_reaped, check_text, ensure, error_of, fork_sleeper, sleep_for_ever};
use crate::{Case, Outcome, SHORT};

pub const CASES: &[Case] = &[
    ("a silent child is killed at its limit", silent_child),
    ("a stopped child is killed at its limit", stopped_child),
    ("a child that does not end is killed by wait", endless_child),
    (
        "a child that does not read is an error at its limit",
        deaf_child,
    ),
    ("an exit status is read, whatever was answered", exit_status),
    ("a signal's number is read", killed_child),
    (
        "an allocation that a limit forbids is told",
        failed_allocation,
    ),
    ("a dropped child is reaped", dropped_child),
    (
        "a copy that another child drops kills nothing",
        dropped_copy,
    ),
    ("exec is noticed", exec),
    (
        "an exec that fails, and an end instead of one, are told",
        no_exec,
    ),
];

fn silent_child() -> Outcome {
    let silent = fork_sleeper("silent")?.limit(SHORT);
    let pid = silent.pid();
    let error = error_of(silent.join())?;
    check_text(&error, &["silent (pid ", "no answer within 50ms"])?;
    check_reaped(pid)
}

fn stopped_child() -> Outcome {
    let mut stopped = fork_sleeper("stopped")?.limit(SHORT);
    let pid = stopped.pid();
    stopped.signal(Signal::SIGSTOP)?;
    let error = error_of(stopped.recv::<u32>())?;
    check_text(&error, &["stopped (pid ", "no value within 50ms"])?;
    drop(stopped);
    check_reaped(pid)
}

fn endless_child() -> Outcome {
    let mut endless = fork_sleeper("endless")?.limit(SHORT);
    let error = error_of(endless.wait())?;
    check_text(&error, &["endless (pid ", "no end within 50ms"])?;
    check_reaped(endless.pid())
}

fn deaf_child() -> Outcome {
    let mut deaf = fork_sleeper("deaf")?.limit(SHORT);
    let error = error_of(deaf.send(&"x".repeat(8 << 20)))?;
    check_text(&error, &["deaf (pid ", "within 50ms"])
}

fn exit_status() -> Outcome {
    for status in [0, 3] {
        let mut leaving = child::fork("leaving", |_| -> Result<(), child::BoxError> {
            // SAFETY: _exit ends the process at once; nothing runs after it.
            unsafe { nix::libc::_exit(status) }
        })?;
        let ended = leaving.wait()?;
        let expected = WaitStatus::Exited(Pid::from_raw(leaving.pid()), status);
        ensure(ended == expected, || format!("{ended:?}"))?;
        let error = error_of(leaving.join())?;
        check_text(
            &error,
            &["leaving (pid ", &format!("exited with status {status}")],
        )?;
    }
    Ok(())
}

fn killed_child() -> Outcome {
    let mut victim = fork_sleeper("victim")?;
    victim.signal(Signal::SIGUSR1)?;
    let error = error_of(victim.recv::<u32>())?;
    check_text(&error, &["victim (pid ", "killed by SIGUSR1"])
}

fn failed_allocation() -> Outcome {
    let mut starved = child::fork("starved", |_| {
        let (_, hard) = getrlimit(Resource::RLIMIT_DATA)?;
        setrlimit(Resource::RLIMIT_DATA, (1 << 30).min(hard), hard)?;
        let greedy = child::fork("greedy", |_| Ok(vec![1_u8; 1 << 32].len()))?;
        Ok(greedy.join()?)
    })?;
    let error = error_of(starved.recv::<usize>())?;
    let limit = "under RLIMIT_DATA of 1048576 KiB (ulimit -d)";
    check_text(&error, &["starved", "greedy", "SIGABRT", limit])?;
    let ErrorKind::Failed { errno, .. } = error.kind else {
        return Err(format!("{error:?}").into());
    };
    ensure(errno == Some(Errno::ENOMEM), || format!("{errno:?}"))
}

fn dropped_child() -> Outcome {
    let dropped = fork_sleeper("dropped")?;
    let pid = dropped.pid();
    drop(dropped);
    check_reaped(pid)
}

/// The copy gets into another child by its fork.
fn dropped_copy() -> Outcome {
    let mut child = child::fork("survivor", |parent| {
        parent.checkpoint()?;
        Ok(7)
    })?;
    child.at_checkpoint()?;
    let mut held = Some(child);
    child::fork("dropper", |_| Ok(held.take().is_some()))?.join()?;
    let mut child = held.ok_or("taken in the parent, too")?;
    child.release()?;
    let answer = child.join()?;
    ensure(answer == 7, || format!("{answer}"))
}

fn exec() -> Outcome {
    let (reader, writer) = io::pipe()?;
    let mut cat = child::fork("cat", |_| -> Result<(), child::BoxError> {
        nix::unistd::dup2_stdin(&reader)?;
        drop(writer.try_clone()?);
        Err(exec_error("/bin/cat"))
    })?;
    cat.at_exec()?;
    let exe = std::fs::read_link(format!("/proc/{}/exe", cat.pid()))?;
    ensure(exe != std::env::current_exe()?, || format!("{exe:?}"))?;
    drop(writer);
    drop(reader);
    Ok(())
}

fn no_exec() -> Outcome {
    let mut missing = child::fork("missing", |_| -> Result<(), child::BoxError> {
        Err(exec_error("/nonexistent/program"))
    })?;
    let error = error_of(missing.at_exec())?;
    check_text(&error, &["missing (pid ", "No such file"])?;
    let mut sharing = child::fork_with(Descriptors::Shared, "sharing", |_| sleep_for_ever())?;
    check_text(
        &error_of(sharing.at_exec())?,
        &["sharing (pid ", "shares the descriptor table"],
    )?;
    for _ in 0..200 {
        let mut dying = child::fork("dying", |_| -> Result<(), child::BoxError> {
            raise(Signal::SIGKILL)?;
            Ok(())
        })?;
        let error = error_of(dying.at_exec())?;
        check_text(&error, &["dying (pid ", "killed by SIGKILL"])?;
    }
    Ok(())
}

/// Becomes the program at `path`; returns only if that fails.
fn exec_error(path: &str) -> child::BoxError {
    Command::new(path).exec().into()
}
