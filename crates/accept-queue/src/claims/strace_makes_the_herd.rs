//! Looking changes what is seen: under a tracer the herd that the kernel hides becomes visible.

use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, bail, ensure};
use claim::Prediction::{AtLeast, AtMost};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};
use harness::scratch;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use observe::sleep::{Look, Sleeper};
use prefork::strategies::{self, Prepared};
use prefork::{Metering, Round, Site, Tally, Turn};

use super::sleepers::look_at;
use super::wait_for;
use crate::client::{Client, wait_for_close};

const WORKERS: usize = 8;
const CONNECTIONS: u64 = 25;

const VISIBLE: Quantity =
    Name("accepts that failed with EAGAIN, per connection").predict(AtLeast(1.8), AtMost(1.5));

pub(super) const CLAIM: Claim = Claim {
    id: "strace-makes-the-herd",
    statement: "Tracing changes the herd: workers in epoll that would sleep again inside the \
                kernel return to user space and fail with EAGAIN, because the tracer slows the \
                winner.",
    measures: "Eight workers sleep in epoll_wait (level-triggered) while their parent traces their \
               system calls with ptrace, as strace does; 25 connections, all asleep before each.",
    control: "the same workers, not traced",
    notes: &[13],
    needs: &["ptrace of a child of one's own", claim::QUIET_MACHINE],
    syscalls: &["ptrace", "epoll_wait", "accept4"],
    man: &["ptrace(2)", "strace(1)", "epoll(7)"],
    quantities: &[VISIBLE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let mut prepared = (strategies::by_name("epoll-level")?.prepare)(&Site::loopback(WORKERS))?;
    let address = prepared.address()?;
    let tallies = Tally::shared(WORKERS)?;
    // The tracer is the workers' parent, which ptrace always allows, and does nothing else.
    let mut tracer = child::fork("tracer", |parent| {
        let mut workers = Vec::new();
        for tally in tallies.iter() {
            workers.push(child::fork("worker", |_| work(&mut prepared, tally))?);
        }
        let pids: Vec<i32> = workers.iter().map(|worker| worker.pid()).collect();
        if arm == Arm::Experiment {
            for &pid in &pids {
                seize(Pid::from_raw(pid))?;
            }
        }
        parent.send(&pids)?;
        match arm {
            Arm::Experiment => trace()?,
            Arm::Control => parent.checkpoint()?,
        }
        Ok(())
    })?;
    let pids: Vec<i32> = tracer.recv()?;
    let workers = pids.iter().map(|&pid| Sleeper::open(pid));
    let mut workers = workers.collect::<Result<Vec<_>, _>>()?;
    let mut client = Client::new(address);
    for number in 0..CONNECTIONS {
        for (worker, tally) in workers.iter_mut().zip(tallies.iter()) {
            // Not in a stop of the tracer: there it is awake.
            wait_for("a worker asleep in its call", || {
                let ready = tally.ready.load(Relaxed) == 1;
                Ok(ready && matches!(worker.look()?, Look::Asleep(_)))
            })?;
        }
        if number == 0 {
            let sleepers = look_at(&pids)?;
            let in_epoll = sleepers
                .iter()
                .filter(|sleeper| sleeper.is_in_epoll())
                .count();
            ensure!(
                in_epoll == WORKERS,
                "{in_epoll} of {WORKERS} sleep in epoll_wait"
            );
        }
        wait_for_close(client.connect()?)?;
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
    Ok(Reading::counters().with(&VISIBLE, again).table(table))
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
    let mut log = scratch::in_memory(b"")?;
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
