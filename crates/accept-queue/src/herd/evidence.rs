//! The second witness: wakeups counted by the kernel's own tracepoint, used only after it has counted
//! a known number right.

use anyhow::{Context, Result, ensure};
use child::Child;
use observe::tracepoint::Wakeups;

/// Wakeups that the self-check makes.
const KNOWN: u64 = 16;

/// Leave to count with the tracepoint: [`checked`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(());

impl Kernel {
    /// Starts to count the wakeups of `pids`.
    ///
    /// # Errors
    /// A full descriptor table.
    pub fn count(self, pids: &[i32]) -> Result<Wakeups> {
        Ok(Wakeups::of(pids)?)
    }
}

/// Wakes a child a known number of times and counts that with the tracepoint.
///
/// # Errors
/// The kernel does not permit it (EACCES, EPERM), or the count came out wrong: the tracepoint is
/// not to be used then.
pub fn checked() -> Result<Kernel> {
    let mut sleeper = child::fork("self-check", |parent| {
        loop {
            parent.recv::<u64>()?;
        }
    })?;
    asleep(&sleeper)?;
    let counter = Wakeups::of(&[sleeper.pid()])?;
    let before = observe::status::of(sleeper.pid())?.voluntary_switches;
    for number in 0..KNOWN {
        sleeper.send(&number)?;
        // One message is one wakeup only if the child sleeps again before the next.
        let slept = before + number + 1;
        while observe::status::of(sleeper.pid())?.voluntary_switches < slept {
            std::thread::yield_now();
        }
        asleep(&sleeper)?;
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

fn asleep(child: &Child<()>) -> Result<()> {
    loop {
        match observe::status::of(child.pid())?.state {
            'S' => return Ok(()),
            'Z' | 'X' => anyhow::bail!("the child of the self-check died"),
            _ => std::thread::yield_now(),
        }
    }
}
