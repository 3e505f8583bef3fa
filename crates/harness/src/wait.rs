//! Waiting for what the kernel shows: a condition, or that a process sleeps in its call.
//!
//! No call tells the moment, so it is looked for, and others run between two looks
//! (sched_yield(2)): a sleep would be too long for what takes microseconds. Every wait has a limit,
//! which is longer where more programs want to run than there are processors ([`child::stretch`]).

use std::fmt;
use std::time::{Duration, Instant};

use observe::sleep::{Look, Sleeper};

/// What was waited for did not come in time, or cannot come any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It was not seen within the limit.
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// The process that was to fall asleep has ended.
    Ended {
        /// Its id.
        pid: i32,
    },
    /// It could not be looked for.
    System(observe::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Late { what, limit } => {
                write!(f, "{what}: not seen within {} s", limit.as_secs_f64())
            }
            Error::Ended { pid } => write!(f, "process {pid} ended before it slept"),
            Error::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<observe::Error> for Error {
    fn from(error: observe::Error) -> Error {
        Error::System(error)
    }
}

/// The moment at which a wait gives up, for several waits that share it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now.
    pub fn after(limit: Duration) -> Deadline {
        Deadline {
            start: Instant::now(),
            limit,
        }
    }

    /// Lets others run, unless it has passed.
    ///
    /// # Errors
    /// [`Error::Late`] with `what`.
    pub fn yield_for(&self, what: &str) -> Result<(), Error> {
        let spent = self.start.elapsed();
        if spent >= self.limit && spent >= child::stretch(self.limit) {
            return Err(Error::Late {
                what: what.to_owned(),
                limit: self.limit,
            });
        }
        std::thread::yield_now();
        Ok(())
    }
}

/// Looks until there is something to see; at least once.
///
/// # Errors
/// That of `look`; [`Error::Late`] with `what`.
pub fn until_some<T, E: From<Error>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<T, E> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        deadline.yield_for(what)?;
    }
}

/// Looks until `condition` is true; at least once.
///
/// # Errors
/// That of `condition`; [`Error::Late`] with `what`.
pub fn until<E: From<Error>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool, E>,
) -> Result<(), E> {
    until_some(what, limit, || Ok(condition()?.then_some(())))
}

/// Waits until process `pid` sleeps, by the rule of [`observe::sleep`].
///
/// # Errors
/// It ended, it is awake at the limit, /proc cannot be read.
pub fn until_asleep(pid: i32, limit: Duration) -> Result<(), Error> {
    asleep(pid, None, limit)
}

/// Waits until process `pid` sleeps in the system call `number`, whose wait channels contain
/// `channel`.
///
/// # Errors
/// As [`until_asleep`].
pub fn until_asleep_in(pid: i32, number: i64, channel: &str, limit: Duration) -> Result<(), Error> {
    asleep(pid, Some((number, channel)), limit)
}

fn asleep(pid: i32, call: Option<(i64, &str)>, limit: Duration) -> Result<(), Error> {
    let mut sleeper = Sleeper::open(pid)?;
    let deadline = Deadline::after(limit);
    loop {
        let state = match sleeper.look()? {
            Look::Asleep(evidence) => {
                if call.is_none_or(|(number, channel)| evidence.is_in(number, channel)) {
                    return Ok(());
                }
                format!("asleep elsewhere ({evidence:?})")
            }
            Look::Awake(state) => format!("in state {state}"),
            Look::Ended => return Err(Error::Ended { pid }),
        };
        deadline.yield_for(&format!("process {pid} asleep in its call, it is {state}"))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn a_condition_that_comes_and_one_that_does_not() {
        let mut looks = 0;
        let third = until::<Error>("the third look", LIMIT, || {
            looks += 1;
            Ok(looks == 3)
        });
        assert_eq!((third, looks), (Ok(()), 3));
        let mut looks = 0;
        let never = until_some("nothing", Duration::ZERO, || {
            looks += 1;
            Ok::<Option<()>, Error>(None)
        });
        let late = Error::Late {
            what: "nothing".to_owned(),
            limit: Duration::ZERO,
        };
        assert_eq!((never, looks), (Err(late), 1), "it looks once at least");
        let refused = observe::Error::new("look", nix::errno::Errno::EPERM);
        let error = until("it", LIMIT, || Err(Error::System(refused.clone())));
        assert_eq!(error, Err(Error::System(refused)));
    }

    #[test]
    fn a_process_that_is_gone_cannot_fall_asleep() {
        let error = until_asleep(i32::MAX, LIMIT).unwrap_err();
        assert!(matches!(error, Error::System(_)), "{error}");
    }
}
