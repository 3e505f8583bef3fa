//! Programs that run at the same time, each within a limit, until a signal asks for an end.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::interrupt::{Interrupt, Interrupted};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::program::Finished;

/// A program that runs, its outputs in pipes: a limit on files does not cut them. Dropped before
/// its end, it is killed and reaped.
pub struct Running {
    child: Child,
    pidfd: OwnedFd,
    stdout: Output,
    stderr: Output,
    start: Instant,
    limit: Duration,
    late: bool,
}

impl Finished {
    /// The exit status, or the signal, as a person should read it.
    pub fn how(&self) -> String {
        match (self.late, self.status.code(), self.status.signal()) {
            (true, _, _) => format!("killed after {} s", self.took.as_secs()),
            (_, Some(code), _) => format!("status {code}"),
            (_, _, Some(signal)) => match Signal::try_from(signal) {
                Ok(signal) => format!("killed by {signal}"),
                Err(_) => format!("killed by signal {signal}"),
            },
            _ => self.status.to_string(),
        }
    }

    /// Whether any process of it that shares its standard error panicked.
    pub fn has_panicked(&self) -> bool {
        self.stderr.contains("panicked at")
    }

    /// The last line on standard error, where it explains how it ended.
    pub fn last_words(&self) -> &str {
        self.stderr.lines().next_back().unwrap_or_default()
    }
}

impl Running {
    /// Starts `command` without input; it may run for `limit`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command, limit: Duration) -> Result<Running> {
        let what = format!("start {}", command.get_program().to_string_lossy());
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| what.clone())?;
        let outputs = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = outputs else {
            anyhow::bail!("{what}: no pipes");
        };
        let pidfd = observe::pidfd::open(child.id() as i32);
        let mut program = Running {
            stdout: Output::new(stdout.into()),
            stderr: Output::new(stderr.into()),
            // Until the descriptor is there, the drop below must find a whole value.
            pidfd: match pidfd {
                Ok(pidfd) => pidfd,
                Err(error) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(error).context(what);
                }
            },
            child,
            start,
            limit,
            late: false,
        };
        program.stdout.set_nonblocking()?;
        program.stderr.set_nonblocking()?;
        Ok(program)
    }

    /// Its process id; it stays the program's until [`Running::look`] has told its end.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Reads what it has written by now, and tells how it ended, if it has. Kills it when its time
    /// is over.
    ///
    /// # Errors
    /// Its output cannot be read.
    pub fn look(&mut self) -> Result<Option<Finished>> {
        // Asked before the outputs are read: what it wrote before its end is then read below.
        let status = self.child.try_wait()?;
        self.drain()?;
        let Some(status) = status else {
            if self.start.elapsed() >= self.limit && !self.late {
                self.late = true;
                self.child.kill()?;
            }
            return Ok(None);
        };
        let text = |output: &mut Output| {
            let bytes = std::mem::take(&mut output.bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok(Some(Finished {
            status,
            late: self.late,
            stdout: text(&mut self.stdout),
            stderr: text(&mut self.stderr),
            took: self.start.elapsed(),
        }))
    }

    /// Reads what it has written by now: a full pipe would stop it.
    ///
    /// # Errors
    /// Its output cannot be read.
    pub fn drain(&mut self) -> Result<()> {
        self.stdout.read_all()?;
        self.stderr.read_all()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`Interrupted`], where a signal asks this process to end; its output cannot be read.
    pub fn finish(self, interrupt: &Interrupt) -> Result<Finished> {
        let mut ended = finish_all(vec![self], interrupt)?;
        ended.pop().context("a program without an end")
    }

    /// What becomes readable when there is news of it.
    fn events(&self) -> Vec<BorrowedFd<'_>> {
        let outputs = [&self.stdout, &self.stderr];
        let outputs = outputs.into_iter().filter_map(|output| output.fd.as_ref());
        let mut events: Vec<BorrowedFd<'_>> = outputs.map(AsFd::as_fd).collect();
        events.push(self.pidfd.as_fd());
        events
    }

    fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.start.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing where it has been reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of all `programs`, which run at the same time; their ends are in their order.
///
/// # Errors
/// [`Interrupted`], where a signal asks this process to end: the programs are killed then. An
/// output that cannot be read.
pub fn finish_all(mut programs: Vec<Running>, interrupt: &Interrupt) -> Result<Vec<Finished>> {
    let mut ended: Vec<Option<Finished>> = programs.iter().map(|_| None).collect();
    loop {
        for (program, end) in programs.iter_mut().zip(&mut ended) {
            if end.is_none() {
                *end = program.look()?;
            }
        }
        let running = programs.iter().zip(&ended);
        let running: Vec<&Running> = running
            .filter_map(|(program, end)| end.is_none().then_some(program))
            .collect();
        if running.is_empty() {
            return Ok(ended.into_iter().flatten().collect());
        }
        await_news(&running, interrupt)?;
    }
}

/// Waits until one of `programs` has written something, has ended or is late.
fn await_news(programs: &[&Running], interrupt: &Interrupt) -> Result<()> {
    let fds = programs.iter().flat_map(|program| program.events());
    let mut fds: Vec<PollFd<'_>> = fds
        .chain([interrupt.as_fd()])
        .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
        .collect();
    let remaining = programs
        .iter()
        .filter(|program| !program.late)
        .map(|program| program.remaining());
    // A millisecond more, so that the time is over when this returns.
    let timeout = remaining.min().map_or(PollTimeout::NONE, |time| {
        PollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut fds, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(errno) => return Err(errno).context("poll"),
    }
    check(interrupt)
}

/// Whether to go on.
///
/// # Errors
/// [`Interrupted`], where a signal has asked this process to end.
pub fn check(interrupt: &Interrupt) -> Result<()> {
    match interrupt.take().or(interrupt.last()) {
        Some(signal) => Err(Interrupted(signal).into()),
        None => Ok(()),
    }
}

/// The reading end of a pipe, and what came through it.
struct Output {
    fd: Option<OwnedFd>,
    bytes: Vec<u8>,
}

impl Output {
    fn new(fd: OwnedFd) -> Output {
        let bytes = Vec::new();
        Output {
            fd: Some(fd),
            bytes,
        }
    }

    fn set_nonblocking(&mut self) -> Result<()> {
        if let Some(fd) = &self.fd {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("F_SETFL O_NONBLOCK")?;
        }
        Ok(())
    }

    /// Reads what there is; closes at the end of the file.
    fn read_all(&mut self) -> Result<()> {
        let Some(fd) = self.fd.take() else {
            return Ok(());
        };
        let mut pipe = std::fs::File::from(fd);
        match pipe.read_to_end(&mut self.bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.fd = Some(pipe.into());
                Ok(())
            }
            Err(error) => Err(error).context("read a program's output"),
        }
    }
}
