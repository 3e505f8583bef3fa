//! What the crate promises, each promise in a process of its own.
//!
//! No harness: libtest runs tests on threads, and a process with threads does not fork. Called
//! without arguments, this program starts itself once for each case, with a limit, and looks
//! afterwards whether the case left a process behind.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts programs and closes streams"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program's report"
)]

mod bonds;
mod ends;
mod forks;
#[path = "../../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
mod messages;
mod network;
mod process;
mod signals;
mod withheld;

use std::error::Error;
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use process::{ends_in_time, ensure, open_pidfd};

type Outcome = Result<(), Box<dyn Error>>;

/// Where a case gives up: far beyond what any of them takes.
const LIMIT: Duration = Duration::from_secs(20);
/// A limit that a silent child exceeds.
const SHORT: Duration = Duration::from_millis(50);

/// A promise, and what puts it to the test.
type Case = (&'static str, fn() -> Outcome);

/// Every promise, by what it is about.
const CASES: [&[Case]; 7] = [
    messages::CASES,
    ends::CASES,
    signals::CASES,
    bonds::CASES,
    forks::CASES,
    withheld::CASES,
    network::CASES,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["case", name] => match cases().find(|(case, _)| *case == name) {
            Some((_, case)) => case(),
            None => Err(format!("no case `{name}`").into()),
        },
        ["parent"] => bonds::be_a_parent(),
        ["namespace"] => bonds::end_orphans_under_foreign_proc(),
        // Anything else is meant for a test harness: `--nocapture` and the like.
        _ => return run_all(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Every case, in the order in which they run.
fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.into_iter().flatten()
}

/// Runs every case and reports.
fn run_all() -> ExitCode {
    let mut failed = 0;
    if let Err(error) = child::adopt_orphans() {
        println!("FAILED: {error}");
        return ExitCode::FAILURE;
    }
    for (name, _) in cases() {
        match run_case(name) {
            Ok(()) => println!("ok      {name}"),
            Err(why) => {
                failed += 1;
                println!("FAILED  {name}: {why}");
            }
        }
    }
    println!("\n{} passed, {failed} failed", cases().count() - failed);
    ExitCode::from(u8::from(failed > 0))
}

/// Runs one case in a process of its own. Its orphans come to us: there must be none.
fn run_case(name: &str) -> Outcome {
    let case = Command::new(std::env::current_exe()?)
        .args(["case", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let pidfd = open_pidfd(case.id() as i32)?;
    if !ends_in_time(pidfd.as_fd())? {
        let alive = child::end_orphans(LIMIT)?;
        return Err(format!("no end within {LIMIT:?}; {alive} processes killed").into());
    }
    let output = case.wait_with_output()?;
    // A killed grandchild dies soon, not at once: wait for the end of those that are about to.
    let left = wait_for_all()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.trim()).into());
    }
    ensure(left == 0, || format!("{left} processes left behind"))
}

/// Reaps what ends by itself; kills and counts what does not.
fn wait_for_all() -> Result<usize, Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(0),
            Ok(WaitStatus::StillAlive) if Instant::now() > deadline => {
                return Ok(child::end_orphans(LIMIT)?);
            }
            Ok(WaitStatus::StillAlive) => std::thread::yield_now(),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
