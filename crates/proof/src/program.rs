//! A program that is run to its end, within a limit, with all that it left.

use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::{inherited, scratch};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::de::DeserializeOwned;

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Finished {
    /// Its status; a program that was late was killed.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
    /// Whether it had to be killed because it took longer than the limit.
    pub late: bool,
}

impl Finished {
    /// The JSON document that it printed.
    ///
    /// # Errors
    /// It printed none, or another: how it ended, and what it said instead.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.stdout).with_context(|| {
            let Finished { status, stderr, .. } = self;
            format!("no JSON document ({status}): {}", stderr.trim_end())
        })
    }
}

/// Runs `command` to its end, or kills it after `limit`, which is longer where the machine is
/// overloaded: a claim's own limits are, too.
///
/// # Errors
/// It cannot be started, or a file for what it prints cannot be had.
pub fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    let (mut stdout, mut stderr) = (scratch::in_memory(&[])?, scratch::in_memory(&[])?);
    command.stdin(Stdio::null());
    command.stdout(stdout.try_clone().context("dup")?);
    command.stderr(stderr.try_clone().context("dup")?);
    let begin = Instant::now();
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = inherited::restore_in(command)
        .spawn()
        .with_context(|| format!("start {name}"))?;
    let late = !ends_within(&child, limit)?;
    if late {
        // Dead already, perhaps.
        let _ = child.kill();
    }
    let status = child.wait().with_context(|| format!("wait for {name}"))?;
    let took = begin.elapsed();
    let text = |file: &mut std::fs::File| -> Result<String> {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Finished {
        status,
        stdout: text(&mut stdout)?,
        stderr: text(&mut stderr)?,
        took,
        late,
    })
}

/// Whether a child ends within `limit`.
fn ends_within(child: &Child, limit: Duration) -> Result<bool> {
    let pidfd = observe::pidfd::open(child.id() as i32)?;
    let begin = Instant::now();
    loop {
        let left = child::stretch(limit).saturating_sub(begin.elapsed());
        let timeout = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
        let mut end = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut end, timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno).context("poll"),
        }
    }
}
