//! Looking changes what is seen: under a tracer the herd that the kernel hides becomes visible.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, bail};
use child::{Child, Parent};
use claim::Prediction::{AtLeast, AtMost};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise, Table};
use harness::pin;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::stat::fstat;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use observe::Error;
use observe::sleep::{Look, Sleeper};
use observe::status;
use prefork::strategies::{self, Prepared};
use prefork::{Metering, Round, Site, Tally, Turn};

use super::acts::{self, WORKER};
use super::pool::serve_burst;
use super::sleepers::{count_children, count_watchers, is_level_triggered};
use super::wait_for;
use crate::client::Client;

const WORKERS: usize = 8;
const CONNECTIONS: usize = 25;

const VISIBLE: Quantity =
    Name("accepts that failed with EAGAIN, per connection").predict(AtLeast(1.0), AtMost(0.5));

const FORK: Act = acts::fork("forks eight workers", WORKERS).by("tracer");
const TRACE: Act = Does("attaches to each worker and follows it from system call to system call")
    .call("ptrace", "PTRACE_SEIZE")
    .by("tracer")
    .times(WORKERS)
    .shown_by("TracerPid in /proc/PID/status of each worker: the tracer")
    .in_control(InControl::Not);
const WATCH: Act = acts::watch(
    "watches the one listening socket, level-triggered and without EPOLLEXCLUSIVE",
    acts::LEVEL_TRIGGERED,
    WORKERS,
);
const CONNECT: Act = acts::connect("connects 25 times, while all workers sleep", CONNECTIONS);

pub(super) const CLAIM: Claim = Claim {
    id: "strace-makes-the-herd",
    statement: "Tracing changes the herd: more of the workers in epoll that would sleep again \
                inside the kernel return to user space and fail with EAGAIN.",
    measures: "Eight workers sleep in epoll_wait (level-triggered) while their parent traces their \
               system calls with ptrace, as strace does; 25 connections, all asleep before each. \
               Everything runs on one CPU, so that no other CPU decides who is first.",
    control: "the same workers, not traced",
    surprise: Some(Surprise::Small("strace makes the herd that it shows")),
    notes: &[13],
    example: Some("herd_by_poll"),
    needs: &["ptrace of a child of one's own"],
    acts: &[FORK, TRACE, WATCH, CONNECT],
    man: &["ptrace(2)", "strace(1)", "epoll(7)"],
    quantities: &[VISIBLE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    // On several CPUs the untraced workers make a small herd too, the larger the busier they are:
    // each that wakes in vain wakes the next, until the first has accepted.
    pin::stay_here()?;
    let mut prepared = (strategies::by_name("epoll-level")?.prepare)(&Site::loopback(WORKERS))?;
    let mut client = Client::new(prepared.address()?);
    let inode = fstat(&prepared.listeners[0])?.st_ino;
    let tallies = Tally::shared(WORKERS)?;
    let mut tracer = child::fork("tracer", |parent| {
        let forked = fork_workers(parent, arm, &mut prepared, &tallies);
        // With a context, since a bare error would lose what was asked of the kernel.
        Ok(forked.context("the tracer")?)
    })?;
    let pids: Vec<i32> = tracer.recv()?;
    let workers = pids.iter().map(|&pid| Sleeper::open(pid));
    let mut workers = workers.collect::<Result<Vec<_>, _>>()?;
    let mut wait_until_asleep = || {
        for (worker, tally) in workers.iter_mut().zip(tallies.iter()) {
            // Not in a stop of the tracer: there it is awake.
            wait_for("a worker asleep in its call", || {
                let ready = tally.ready.load(Relaxed) == 1;
                Ok(ready && matches!(worker.look()?, Look::Asleep(_)))
            })?;
        }
        Ok::<(), anyhow::Error>(())
    };
    wait_until_asleep()?;
    let forked = count_children(&pids, tracer.pid() as u32)?;
    let watching = count_watchers(&pids, inode, is_level_triggered)?;
    let traced = count_traced(&pids, tracer.pid())?;
    let mut closed = 0;
    for _ in 0..CONNECTIONS {
        wait_until_asleep()?;
        let served = serve_burst(&mut client, 1, &pids)?.1;
        closed += served;
        if served == 0 {
            break;
        }
    }
    let per = |count: fn(&Tally) -> u64| {
        tallies.iter().map(count).sum::<u64>() as f64 / CONNECTIONS as f64
    };
    let again = per(|tally| tally.again.load(Relaxed));
    let mut table = Table::new("per connection, 8 workers in epoll_wait", &["", "count"]);
    let mut line = |what: &str, count: f64| table.row([what.to_owned(), format!("{count:.2}")]);
    line(
        "returns from epoll_wait",
        per(|tally| tally.returns.load(Relaxed)),
    );
    line("accepts that failed with EAGAIN", again);
    Ok(Reading::counters()
        .act(&FORK, forked == WORKERS)
        .act(&TRACE, traced == WORKERS)
        .act(&WATCH, watching == WORKERS)
        .act(&CONNECT, closed == CONNECTIONS)
        .with(&VISIBLE, again)
        .table(table)
        .note(
            "the tracer stops the worker that was first, so that the others find the connection \
             still there",
        ))
}

/// Forks the workers and, in the experiment, traces them. The tracer is their parent, which ptrace
/// always allows, and does nothing else.
fn fork_workers(
    parent: &mut Parent,
    arm: Arm,
    prepared: &mut Prepared,
    tallies: &[Tally],
) -> Result<()> {
    let mut workers = Vec::new();
    for tally in tallies {
        workers.push(child::fork(WORKER, |_| work(prepared, tally))?);
    }
    wait_until_ready(&mut workers, tallies)?;
    let pids: Vec<i32> = workers.iter().map(Child::pid).collect();
    if arm == Arm::Experiment {
        for &pid in &pids {
            seize(Pid::from_raw(pid))?;
        }
    }
    parent.send(&pids)?;
    match arm {
        Arm::Experiment => trace(),
        Arm::Control => Ok(parent.checkpoint()?),
    }
}

/// How many of the processes `pids` are traced by `tracer`.
fn count_traced(pids: &[i32], tracer: i32) -> Result<usize> {
    let mut count = 0;
    for &pid in pids {
        count += usize::from(status::read(pid)?.tracer == tracer);
    }
    Ok(count)
}

/// Waits until each of `workers` is about to wait for its first connection.
///
/// # Errors
/// What a worker that could not start failed with.
fn wait_until_ready(workers: &mut [Child<()>], tallies: &[Tally]) -> Result<()> {
    for (worker, tally) in workers.iter_mut().zip(tallies) {
        wait_for("a worker that is ready", || {
            if status::read(worker.pid())?.state == 'Z' {
                worker.recv::<()>()?;
            }
            Ok(tally.ready.load(Relaxed) == 1)
        })?;
    }
    Ok(())
}

fn work(prepared: &mut Prepared, tally: &Tally) -> Result<(), child::BoxError> {
    let mut wait = prepared.waiter(0)?;
    let mut close = drop;
    let round = Round::default();
    let mut turn = Turn::new(tally, &round, Metering::Counts, &mut close);
    turn.note_ready();
    loop {
        wait.wait(&mut turn)?;
    }
}

/// Attaches to `pid` and asks it to stop, so that its system calls can be followed.
fn seize(pid: Pid) -> Result<()> {
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).with_context(|| format!("ptrace PTRACE_SEIZE {pid}"))?;
    ptrace::interrupt(pid).with_context(|| format!("ptrace PTRACE_INTERRUPT {pid}"))
}

/// Follows every worker from system call to system call, entry and return, until this process is
/// killed. At each stop it does what strace does: asks for the call, formats a line, writes it out.
fn trace() -> Result<()> {
    let path = "/dev/null";
    let log = File::options().write(true).open(path);
    let mut log = log.map_err(|e| Error::from_io(format!("open {path}"), &e))?;
    loop {
        let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Err(Errno::EINTR) => continue,
            status => status.context("waitpid")?,
        };
        let (pid, signal) = match status {
            WaitStatus::PtraceSyscall(pid) | WaitStatus::PtraceEvent(pid, ..) => (pid, None),
            WaitStatus::Stopped(pid, Signal::SIGTRAP) => (pid, None),
            WaitStatus::Stopped(pid, signal) => (pid, Some(signal)),
            ended => bail!("a traced worker ended: {ended:?}"),
        };
        let registers = ptrace::getregs(pid);
        writeln!(log, "{pid} {registers:?}").context("write the trace")?;
        ptrace::syscall(pid, signal).with_context(|| format!("ptrace PTRACE_SYSCALL {pid}"))?;
    }
}
