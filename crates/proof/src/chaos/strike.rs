//! Waiting for the moment, and striking.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use harness::interrupt::Interrupt;
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};

use super::plan::{Plan, Strike, Target};
use crate::program::Finished;
use crate::remains::descendants_of;
use crate::running::{Running, check};

/// How long a process that was sent SIGSTOP has to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Waits until so many processes of the run have been seen as the plan says, and strikes. Where the
/// run ends before, its end is returned and nothing is done.
///
/// # Errors
/// A signal asked this process to end; /proc cannot be read.
pub(super) fn strike_at_moment(
    running: &mut Running,
    plan: &Plan,
    interrupt: &Interrupt,
) -> Result<Option<Finished>> {
    let mut seen: BTreeSet<i32> = BTreeSet::new();
    loop {
        if let Some(finished) = running.look()? {
            return Ok(Some(finished));
        }
        check(interrupt)?;
        let living = descendants_of(running.pid())?;
        seen.extend(&living);
        // A child that is to be struck must be there.
        let victim = match plan.target {
            Target::Witness => Some(running.pid()),
            Target::Child => living.get(plan.choice % living.len().max(1)).copied(),
        };
        if let Some(victim) = victim.filter(|_| seen.len() >= plan.processes)
            && strike(running, victim, plan, interrupt)?
        {
            return Ok(None);
        }
        std::thread::yield_now();
    }
}

/// Strikes process `pid`, if it is still one of the run's; says whether it was.
fn strike(running: &mut Running, pid: i32, plan: &Plan, interrupt: &Interrupt) -> Result<bool> {
    let Ok(process) = observe::pidfd::open(pid) else {
        return Ok(false);
    };
    // The number may have been given away before it was opened: it must still be the run's. And
    // what has ended feels nothing.
    let is_ours = pid == running.pid() || descendants_of(running.pid())?.contains(&pid);
    if !is_ours || observe::stat::read(pid).map_or(true, |stat| stat.has_ended()) {
        return Ok(false);
    }
    let send = |signal| match pidfd_send_signal(&process, signal) {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(errno) => Err(anyhow::Error::new(errno).context(format!("signal process {pid}"))),
    };
    let signal = match plan.strike {
        Strike::Kill => Signal::KILL,
        Strike::Terminate => Signal::TERM,
        Strike::Interrupt => Signal::INT,
        Strike::HangUp => Signal::HUP,
        Strike::Pause => {
            if !send(Signal::STOP)? {
                return Ok(false);
            }
            await_stop(running, pid)?;
            interrupt.wait(plan.pause);
            send(Signal::CONT)?;
            return Ok(true);
        }
    };
    send(signal)
}

/// Waits until process `pid` is stopped, or has ended. A process that is being killed never stops.
fn await_stop(running: &mut Running, pid: i32) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < STOP_LIMIT {
        running.drain()?;
        match observe::stat::read(pid) {
            Ok(stat) if stat.state != 'T' && !stat.has_ended() => std::thread::yield_now(),
            _ => break,
        }
    }
    Ok(())
}
