//! The second witness: wakeups counted by the kernel's own tracepoint, used only after it has
//! counted a known number right.

use std::time::{Duration, Instant};

use child::Child;
use harness::limits::room_for_descriptors;
use observe::tracepoint::Wakeups;
use observe::wchan;
use prefork::descriptors_for;

use crate::error::Error;

/// Wakeups that the self-check makes.
const KNOWN_WAKEUPS: u64 = 16;

/// How long the self-check may take.
const LIMIT: Duration = Duration::from_secs(5);

/// After so many looks at a sleeping child that show no wait channel, this kernel is taken to show
/// none at all.
const MAX_LOOKS_WITHOUT_CHANNEL: u32 = 1000;

/// The permit to count with the tracepoint sched:sched_waking; [`TracepointPermit::obtain`] gives
/// it.
#[derive(Clone, Copy, Debug)]
pub struct TracepointPermit(());

impl TracepointPermit {
    /// Wakes a child a known number of times and counts that with the tracepoint.
    ///
    /// # Errors
    /// The kernel does not permit it (EACCES, EPERM); [`Error::SelfCheck`]: the count came out
    /// wrong, or the self-check did not end in time. The tracepoint must not be used then.
    pub fn obtain() -> Result<Self, Error> {
        let mut sleeper = child::fork("self-check", |parent| {
            loop {
                parent.recv::<u64>()?;
            }
        })?;
        let deadline = Instant::now() + LIMIT;
        wait_until_asleep(&sleeper, deadline)?;
        let counter = Wakeups::of(&[sleeper.pid()])?;
        let before = observe::status::of(sleeper.pid())?.voluntary_switches;
        for number in 0..KNOWN_WAKEUPS {
            sleeper.send(&number)?;
            // One message is one wakeup only if the child sleeps again before the next.
            let slept = before + number + 1;
            while observe::status::of(sleeper.pid())?.voluntary_switches < slept {
                yield_until(deadline)?;
            }
            wait_until_asleep(&sleeper, deadline)?;
        }
        let counted = counter.read().map_err(Error::system("self-check"))?;
        let slept = observe::status::of(sleeper.pid())?.voluntary_switches - before;
        if counted == slept && slept == KNOWN_WAKEUPS {
            return Ok(TracepointPermit(()));
        }
        Err(Error::SelfCheck(format!(
            "self-check of sched:sched_waking: it counted {counted} where {KNOWN_WAKEUPS} wakeups \
             were made (and {slept} sleeps): a pid namespace, or a counter that this kernel fools"
        )))
    }

    /// Starts to count the wakeups of `pids`.
    ///
    /// # Errors
    /// No room in the descriptor table for the counters and all that these workers need (EMFILE).
    pub fn count_wakeups(self, pids: &[i32]) -> Result<Wakeups, Error> {
        let counters = Wakeups::descriptors(pids.len())? as u64;
        room_for_descriptors(descriptors_for(pids.len()) + counters)
            .map_err(Error::system("open the tracepoint's counters"))?;
        Ok(Wakeups::of(pids)?)
    }
}

/// Waits until `child` sleeps: it is in state S and has a wait channel. State S alone is enough on
/// a kernel that shows no wait channel in [`MAX_LOOKS_WITHOUT_CHANNEL`] looks.
fn wait_until_asleep(child: &Child<()>, deadline: Instant) -> Result<(), Error> {
    let mut looks = 0;
    loop {
        match observe::status::of(child.pid())?.state {
            'S' if looks >= MAX_LOOKS_WITHOUT_CHANNEL => return Ok(()),
            'S' if wchan::of(child.pid())?.is_some() => return Ok(()),
            'S' => looks += 1,
            'Z' | 'X' => {
                let what = "the child of the self-check died";
                return Err(Error::SelfCheck(what.to_owned()));
            }
            _ => {}
        }
        yield_until(deadline)?;
    }
}

/// Lets other processes run, until `deadline`.
fn yield_until(deadline: Instant) -> Result<(), Error> {
    if Instant::now() >= deadline {
        return Err(Error::SelfCheck(format!(
            "self-check of sched:sched_waking: {KNOWN_WAKEUPS} wakeups took more than {} s",
            LIMIT.as_secs()
        )));
    }
    std::thread::yield_now();
    Ok(())
}
