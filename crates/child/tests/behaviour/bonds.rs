//! What becomes of children whose parent dies.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::{
    check_reaped, check_text, ends_in_time, ensure, error_of, is_readable, open_pidfd,
    sleep_for_ever,
};
use crate::{Case, LIMIT, Outcome};

pub const CASES: &[Case] = &[
    ("a child dies with a parent killed by SIGKILL", || {
        parent_dies("SIGKILL")
    }),
    ("a child dies with a parent ended by SIGINT", || {
        parent_dies("SIGINT")
    }),
    ("a child dies with a parent ended by SIGTERM", || {
        parent_dies("SIGTERM")
    }),
    ("a child dies with a parent that panics", || {
        parent_dies("panic")
    }),
    ("orphans are adopted and ended", orphans),
    (
        "numbers of another PID namespace are nobody's",
        foreign_numbers,
    ),
];

fn parent_dies(how: &str) -> Outcome {
    crate::inherited_signals::reset();
    let mut parent = Command::new(std::env::current_exe()?)
        .arg("parent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(mut input), Some(output)) = (parent.stdin.take(), parent.stdout.take()) else {
        return Err("no pipes".into());
    };
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let pids = line.split_whitespace().map(str::parse);
    let pids: Vec<i32> = pids.collect::<Result<_, _>>()?;
    ensure(pids.len() == 2, || format!("two pids, not `{line}`"))?;
    let pidfds: Vec<OwnedFd> = pids
        .iter()
        .map(|&pid| open_pidfd(pid))
        .collect::<Result<_, _>>()?;
    for pidfd in &pidfds {
        ensure(!is_readable(pidfd.as_fd(), PollTimeout::ZERO)?, || {
            "ended before its parent".into()
        })?;
    }
    let pid = Pid::from_raw(parent.id() as i32);
    match how {
        "SIGKILL" => kill(pid, Signal::SIGKILL)?,
        "SIGINT" => kill(pid, Signal::SIGINT)?,
        "SIGTERM" => kill(pid, Signal::SIGTERM)?,
        how => writeln!(input, "{how}")?,
    }
    parent.wait()?;
    for (pid, pidfd) in pids.iter().zip(&pidfds) {
        ensure(ends_in_time(pidfd.as_fd())?, || {
            format!("pid {pid} lives on")
        })?;
    }
    Ok(())
}

fn orphans() -> Outcome {
    child::adopt_orphans()?;
    let mut dying = child::fork("dying", |parent| {
        // Not ours to bind: a program that its parent does not wait for.
        let left = Command::new("sleep").arg("1000").spawn()?;
        parent.send(&left.id())?;
        parent.checkpoint()?;
        Ok(())
    })?;
    let orphan: i32 = dying.recv()?;
    let pidfd = open_pidfd(orphan)?;
    dying.signal(Signal::SIGKILL)?;
    dying.wait()?;
    ensure(!is_readable(pidfd.as_fd(), PollTimeout::ZERO)?, || {
        "the orphan ended by itself".into()
    })?;
    let alive = child::end_orphans(LIMIT)?;
    ensure(alive == 1, || format!("{alive} orphans"))?;
    check_reaped(orphan)?;
    let alive = child::end_orphans(LIMIT)?;
    ensure(alive == 0, || format!("{alive} more orphans"))
}

/// Runs [`end_orphans_under_foreign_proc`] where /proc shows another PID namespace.
fn foreign_numbers() -> Outcome {
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
    ]);
    if !unshare.arg("true").status()?.success() {
        println!("skipped: unshare(1) makes no PID namespace here");
        return Ok(());
    }
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
    ]);
    let status = unshare
        .arg(std::env::current_exe()?)
        .arg("namespace")
        .status()?;
    ensure(status.success(), || format!("{status}"))
}

/// Process 1 of its namespace, whose child has another number in /proc than here.
pub fn end_orphans_under_foreign_proc() -> Outcome {
    let mut left = Command::new("sleep").arg("1000").spawn()?;
    let error = error_of(child::end_orphans(LIMIT));
    let alive = left.try_wait()?.is_none();
    left.kill()?;
    left.wait()?;
    check_text(&error?, &["another PID namespace", "ESRCH"])?;
    ensure(alive, || {
        "it was killed by a number of another namespace".into()
    })
}

/// What [`parent_dies`] watches: a parent of a child, which has a child. Both sleep where nothing
/// but a signal wakes them; an end of file on the link would not.
pub fn be_a_parent() -> Outcome {
    let mut child = child::fork("child", |parent| {
        let mut grandchild = child::fork("grandchild", |parent| {
            parent.send(&())?;
            sleep_for_ever()
        })?;
        grandchild.recv::<()>()?;
        parent.send(&grandchild.pid())?;
        sleep_for_ever()
    })?;
    let grandchild: i32 = child.recv()?;
    println!("{} {grandchild}", child.pid());
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    if line.trim() == "panic" {
        std::panic::set_hook(Box::new(|_| {}));
        panic!("as asked");
    }
    Err("its parent had nothing to say".into())
}
