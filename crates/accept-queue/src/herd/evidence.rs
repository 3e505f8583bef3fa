//! The second witness: wakeups counted by the kernel's own tracepoint, used only after it has
//! counted a known number right.

use std::time::Duration;

use child::Child;
use harness::limits::room_for_descriptors;
use harness::wait::{self, until, until_asleep};
use observe::tracepoint::Wakeups;
use prefork::descriptors_for;

use crate::error::Error;

/// Wakeups that the self-check makes.
const KNOWN_WAKEUPS: u64 = 16;

/// How long each step of the self-check may take.
const LIMIT: Duration = Duration::from_secs(5);

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
        let mut sleeper: Child<()> = child::fork("self-check", |parent| {
            loop {
                parent.recv::<u64>()?;
            }
        })?;
        until_asleep(sleeper.pid(), LIMIT).map_err(not_seen_error)?;
        let counter = Wakeups::start(&[sleeper.pid()])?;
        let before = observe::status::read(sleeper.pid())?.voluntary_switches;
        for number in 0..KNOWN_WAKEUPS {
            sleeper.send(&number)?;
            // One message is one wakeup only if the child sleeps again before the next.
            let slept = before + number + 1;
            until("a sleep after each wakeup", LIMIT, || {
                let status = observe::status::read(sleeper.pid())?;
                Ok::<_, wait::Error>(status.voluntary_switches >= slept)
            })
            .map_err(not_seen_error)?;
            until_asleep(sleeper.pid(), LIMIT).map_err(not_seen_error)?;
        }
        let counted = counter.read().map_err(Error::system("self-check"))?;
        let slept = observe::status::read(sleeper.pid())?.voluntary_switches - before;
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
        Ok(Wakeups::start(pids)?)
    }
}

/// The error for a sleep that the self-check waited for and that did not come.
fn not_seen_error(error: wait::Error) -> Error {
    match error {
        wait::Error::System(error) => error.into(),
        error => Error::SelfCheck(format!("self-check of sched:sched_waking: {error}")),
    }
}
