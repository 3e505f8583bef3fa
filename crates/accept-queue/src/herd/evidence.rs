//! The second witness: wakeups counted by the kernel's own tracepoint, used only after it has counted
//! a known number right.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use child::Child;
use harness::wait::{self, until, until_asleep};
use observe::tracepoint::Wakeups;
use prefork::limits::room_for_counters;

/// Wakeups that the self-check makes.
const CHECKED_WAKEUPS: u64 = 16;

/// How long each of them may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Leave to count with the tracepoint: [`checked`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(());

impl Kernel {
    /// Starts to count the wakeups of `pids`.
    ///
    /// # Errors
    /// A full descriptor table, or no room in it for the counters and all that these workers need.
    pub fn count(self, pids: &[i32]) -> Result<Wakeups> {
        room_for_counters(pids.len())?;
        Ok(Wakeups::of(pids)?)
    }
}

/// Wakes a child a known number of times and counts that with the tracepoint.
///
/// # Errors
/// The kernel does not permit it (EACCES, EPERM), the count came out wrong, or the self-check did
/// not end in time: the tracepoint is not to be used then.
pub fn checked() -> Result<Kernel> {
    let mut sleeper: Child<()> = child::fork("self-check", |parent| {
        loop {
            parent.recv::<u64>()?;
        }
    })?;
    until_asleep(sleeper.pid(), LIMIT)?;
    let counter = Wakeups::of(&[sleeper.pid()])?;
    let before = observe::status::of(sleeper.pid())?.voluntary_switches;
    for number in 0..CHECKED_WAKEUPS {
        sleeper.send(&number)?;
        // One message is one wakeup only if the child sleeps again before the next.
        let slept = before + number + 1;
        until("self-check of sched:sched_waking: a sleep", LIMIT, || {
            let switches = observe::status::of(sleeper.pid())?.voluntary_switches;
            Ok::<_, wait::Error>(switches >= slept)
        })?;
        until_asleep(sleeper.pid(), LIMIT)?;
    }
    let (counted, slept) = (
        counter.read().context("self-check")?,
        observe::status::of(sleeper.pid())?.voluntary_switches - before,
    );
    ensure!(
        counted == slept && slept == CHECKED_WAKEUPS,
        "self-check of sched:sched_waking: it counted {counted} where {CHECKED_WAKEUPS} wakeups \
         were made (and {slept} sleeps): a pid namespace, or a counter that this kernel fools"
    );
    Ok(Kernel(()))
}
