//! The second witness: wakeups counted by the kernel's own tracepoint, used only after it has counted
//! a known number right.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use child::Child;
use observe::tracepoint::Wakeups;
use observe::wchan;
use prefork::limits::room_for_counters;

/// Wakeups that the self-check makes.
const KNOWN: u64 = 16;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks at a sleeper without a wait channel after which the kernel is taken to tell none.
const SILENT: u32 = 1000;

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
    let mut sleeper = child::fork("self-check", |parent| {
        loop {
            parent.recv::<u64>()?;
        }
    })?;
    let deadline = Instant::now() + LIMIT;
    asleep(&sleeper, deadline)?;
    let counter = Wakeups::of(&[sleeper.pid()])?;
    let before = observe::status::of(sleeper.pid())?.voluntary_switches;
    for number in 0..KNOWN {
        sleeper.send(&number)?;
        // One message is one wakeup only if the child sleeps again before the next.
        let slept = before + number + 1;
        while observe::status::of(sleeper.pid())?.voluntary_switches < slept {
            in_time(deadline)?;
        }
        asleep(&sleeper, deadline)?;
    }
    let (counted, slept) = (
        counter.read().context("self-check")?,
        observe::status::of(sleeper.pid())?.voluntary_switches - before,
    );
    ensure!(
        counted == slept && slept == KNOWN,
        "self-check of sched:sched_waking: it counted {counted} where {KNOWN} wakeups were made \
         (and {slept} sleeps): a pid namespace, or a counter that this kernel fools"
    );
    Ok(Kernel(()))
}

/// Waits until `child` sleeps: it is in state S and has a wait channel. State S alone does for a kernel
/// that tells no wait channels, which is one that has not done so in [`SILENT`] looks.
fn asleep(child: &Child<()>, deadline: Instant) -> Result<()> {
    let mut silent = 0;
    loop {
        match observe::status::of(child.pid())?.state {
            'S' if silent >= SILENT || wchan::of(child.pid())?.is_some() => return Ok(()),
            'S' => silent += 1,
            'Z' | 'X' => anyhow::bail!("the child of the self-check died"),
            _ => {}
        }
        in_time(deadline)?;
    }
}

/// Lets others run, until `deadline`.
fn in_time(deadline: Instant) -> Result<()> {
    ensure!(
        Instant::now() < deadline,
        "self-check of sched:sched_waking: {KNOWN} wakeups took more than {:.0} s",
        LIMIT.as_secs_f64()
    );
    std::thread::yield_now();
    Ok(())
}
