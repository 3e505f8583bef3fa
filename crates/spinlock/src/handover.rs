//! How fast a robust mutex comes from a killed holder to the next owner.

use std::time::Duration;
use std::{error, fmt};

use child::BoxError;
use harness::interrupt::Interrupt;
use harness::statistics::median;
use harness::wait::{self, until_asleep_in};
use locks::robust::Acquired;
use locks::{CallError, RobustMutex};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

use crate::partial::PartialMeasurement;

/// Within this time, in ns, a robust mutex should be with its next owner.
const FIVE_MS: f64 = 5e6;

/// How long an heir may take to come to sleep.
const HEIR_SLEEP_LIMIT: Duration = Duration::from_secs(10);

/// What became of the tries.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Handovers {
    /// Version of this document.
    pub schema: u32,
    /// Holders killed.
    pub tries: usize,
    /// Locks that were handed on, with EOWNERDEAD.
    pub handed_on: usize,
    /// Those that were there 5 ms after the SIGKILL.
    pub within_5_ms: usize,
    /// Median from SIGKILL to the heir's having the lock, in ns; None where a signal came before
    /// the first.
    pub median_ns: Option<f64>,
    /// The slowest, in ns; None as above.
    pub max_ns: Option<f64>,
    /// How far it came, where a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<PartialMeasurement>,
}

/// The handovers could not be measured.
#[derive(Debug)]
pub enum Error {
    /// The mutex could not be made.
    Mutex(CallError),
    /// A holder or an heir could not be forked, failed, or did not answer.
    Child(child::Error),
    /// An heir did not come to sleep on the mutex.
    Heir(wait::Error),
    /// CLOCK_MONOTONIC could not be read.
    Clock(Errno),
    /// Of so many locks none was handed on with EOWNERDEAD.
    NoneHandedOn(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Mutex(error) => error.fmt(f),
            Error::Child(error) => error.fmt(f),
            Error::Heir(error) => error.fmt(f),
            Error::Clock(errno) => write!(f, "clock_gettime CLOCK_MONOTONIC: {errno}"),
            Error::NoneHandedOn(tries) => {
                write!(f, "no lock of {tries} was handed on with EOWNERDEAD")
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Mutex(error) => error.source(),
            Error::Child(error) => error.source(),
            Error::Heir(error) => error.source(),
            Error::Clock(errno) => Some(errno),
            Error::NoneHandedOn(_) => None,
        }
    }
}

/// Kills the holder of one and the same robust mutex `tries` times, unless a signal ends that. Its
/// heir, another process, sleeps on the mutex by then, so that each time the kernel has to find the
/// lock in the dying thread's list and to wake a waiter.
///
/// # Errors
/// A child that cannot be forked or does not answer; an heir that does not come to sleep; no lock
/// that was handed on.
pub fn measure(tries: usize, interrupt: &Interrupt) -> Result<Handovers, Error> {
    let mutex = RobustMutex::new(0_u64).map_err(Error::Mutex)?;
    let mut times = Vec::new();
    let mut made = 0;
    while made < tries && interrupt.take().is_none() {
        times.extend(hand_over(&mutex)?);
        made += 1;
    }
    // One that came during the last try has ended the run, too.
    let signal = interrupt.last().or_else(|| interrupt.take());
    let partial = signal.map(|signal| PartialMeasurement {
        signal,
        measured: made,
        planned: tries,
        unit: "tries",
    });
    if times.is_empty() && partial.is_none() {
        return Err(Error::NoneHandedOn(tries));
    }
    Ok(Handovers {
        schema: 1,
        tries: made,
        handed_on: times.len(),
        within_5_ms: times.iter().filter(|&&ns| ns <= FIVE_MS).count(),
        max_ns: times.iter().copied().max_by(f64::total_cmp),
        median_ns: median(times),
        partial,
    })
}

/// Kills a holder. Returns how long the heir had to wait for the lock from then on, in ns; None
/// where it came without EOWNERDEAD.
fn hand_over(mutex: &RobustMutex<u64>) -> Result<Option<f64>, Error> {
    let mut holder = child::fork("holder", |parent| {
        let _held = mutex.lock()?;
        Ok(parent.checkpoint()?)
    })
    .map_err(Error::Child)?;
    holder.at_checkpoint().map_err(Error::Child)?;
    let heir = child::fork("heir", |_| inherit(mutex)).map_err(Error::Child)?;
    match until_asleep_in(heir.pid(), libc::SYS_futex, "futex", HEIR_SLEEP_LIMIT) {
        // It says itself why, or it got the lock of a holder that lives.
        Err(wait::Error::Ended { .. }) => return heir.join().map(|_| None).map_err(Error::Child),
        asleep => asleep.map_err(Error::Heir)?,
    }
    let killed = monotonic_ns().map_err(Error::Clock)?;
    holder.signal(Signal::SIGKILL).map_err(Error::Child)?;
    let owned = heir.join().map_err(Error::Child)?;
    holder.wait().map_err(Error::Child)?;
    Ok(owned.map(|owned| (owned - killed) as f64))
}

/// Waits for the mutex, repairs what it guards, and returns the time of the acquisition, in ns;
/// None where the last holder had unlocked it.
fn inherit(mutex: &RobustMutex<u64>) -> Result<Option<i64>, BoxError> {
    match mutex.lock()? {
        Acquired::OwnerDied(inconsistent) => {
            let owned = monotonic_ns()?;
            drop(inconsistent.repair(|value| value + 1)?);
            Ok(Some(owned))
        }
        Acquired::Clean(_) => Ok(None),
    }
}

/// CLOCK_MONOTONIC, the same in all processes, in ns.
fn monotonic_ns() -> Result<i64, Errno> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.num_nanoseconds())
}
