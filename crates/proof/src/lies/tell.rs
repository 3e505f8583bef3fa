//! A program that runs under a lie.
#![expect(unsafe_code, reason = "the filter is installed between fork and exec")]

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use harness::seccomp::Filter;

use super::{Answer, Lie};
use crate::program::{self, Finished};

/// Runs `program` with these arguments under `lie`, `limit` long at most.
///
/// # Errors
/// The kernel takes no filter; EINTR needs strace; the program cannot be started.
pub fn tell(lie: &Lie, program: &Command, limit: Duration) -> Result<Finished> {
    let (path, arguments) = (program.get_program(), program.get_args());
    let errno = match lie.answer {
        Answer::Zero => None,
        Answer::Fails(errno) => Some(errno),
        Answer::Interrupted => {
            let mut command = interrupting(&lie.call);
            command.arg(path).args(arguments);
            return program::run(&mut command, limit);
        }
    };
    let calls: Vec<&str> = lie.call.split(',').collect();
    let filter = Filter::answering(&calls, errno)?;
    let mut command = start(path);
    command.args(arguments);
    // SAFETY: the closure runs in the forked child, where another thread of this process may have
    // held a lock: it takes no memory and no lock, it makes two system calls.
    unsafe { command.pre_exec(move || Ok(filter.install()?)) };
    program::run(&mut command, limit)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a trial runs the program on trial"
)]
fn start(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    // Of a panic, its message is enough.
    command.env_remove("RUST_BACKTRACE");
    command
}

/// strace(1), which lets the first call of each process fail with EINTR.
fn interrupting(call: &str) -> Command {
    let mut strace = start("strace".as_ref());
    strace.args([
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "signal=none",
        "-o",
        "/dev/null",
    ]);
    strace.args(["-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:error=EINTR:when=1")]);
    strace
}
