//! Deadlines: a limit on a wait, counted from its start, longer where the machine is overloaded.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A limit is never made longer than this many times.
const MAX_STRETCH: f64 = 10.0;
/// How long a wait lasts at most between two looks at the load.
const LOOK_AT_THE_LOAD: Duration = Duration::from_millis(100);

/// The moment at which a wait gives up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        let start = Instant::now();
        Deadline { start, limit }
    }

    /// What is left for poll(2), rounded up to a millisecond; none once it has passed.
    pub(crate) fn remaining(self) -> Option<PollTimeout> {
        let spent = self.start.elapsed();
        let left = match self.limit.checked_sub(spent) {
            Some(left) => left,
            None if spent < stretch(self.limit) => LOOK_AT_THE_LOAD,
            None => return None,
        };
        let ms = left.as_millis().saturating_add(1).min(i32::MAX as u128);
        Some(PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX))
    }
}

/// How long a wait with this limit may last now.
///
/// A limit is meant for a machine that has a processor for each program that wants to run. Where
/// more want to, each gets its share of the time only, and the limit is as many times longer, ten
/// times at most. Of the two figures of proc_loadavg(5), what is runnable at this moment and the
/// average of the last minute, the smaller one counts: a burst that is over gives nobody more
/// time, and neither does one that has just begun. It is asked again for as long as the wait is
/// stretched.
pub fn stretch(limit: Duration) -> Duration {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| parse_load(&text)).unwrap_or(0.0);
    limit.mul_f64((load / processors as f64).clamp(1.0, MAX_STRETCH))
}

/// The smaller of the average over a minute and the number of tasks that are runnable.
pub(crate) fn parse_load(text: &str) -> Option<f64> {
    let mut fields = text.split_ascii_whitespace();
    let average: f64 = fields.next()?.parse().ok()?;
    let (runnable, _) = fields.nth(2)?.split_once('/')?;
    Some(average.min(runnable.parse().ok()?)).filter(|load: &f64| load.is_finite())
}

/// One poll(2) of descriptors, each for its events, for which a signal is an early end: the place
/// of the first that is ready, if one is.
///
/// # Errors
/// That of poll(2); `UnknownErrno` where it answers before its time that none is ready: it waits
/// for nothing, and whoever asks again would ask for ever.
pub(crate) fn poll_once<'a>(
    fds: impl Iterator<Item = &'a (BorrowedFd<'a>, PollFlags)>,
    timeout: PollTimeout,
) -> Result<Option<usize>, Errno> {
    let mut fds: Vec<PollFd<'a>> = fds.map(|(fd, events)| PollFd::new(*fd, *events)).collect();
    let start = Instant::now();
    match poll(&mut fds, timeout) {
        Ok(0) if is_early(start.elapsed(), timeout) => Err(Errno::UnknownErrno),
        Ok(_) => Ok(fds.iter().position(|fd| fd.any() == Some(true))),
        Err(Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Whether a wait that lasted for `spent` has ended long before `timeout`.
fn is_early(spent: Duration, timeout: PollTimeout) -> bool {
    // A negative timeout is a wait without an end.
    u64::try_from(i32::from(timeout)).map_or(true, |ms| 2 * spent < Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_that_does_not_wait_is_told_from_one_whose_time_is_over() {
        let ms = |ms: u8| PollTimeout::from(ms);
        let spent = Duration::from_millis;
        assert!(is_early(spent(0), PollTimeout::NONE));
        assert!(is_early(spent(1), ms(5)));
        assert!(!is_early(spent(5), ms(5)));
        assert!(!is_early(spent(0), PollTimeout::ZERO));
    }

    #[test]
    fn the_smaller_figure_of_the_load_counts() {
        assert_eq!(parse_load("0.20 0.18 0.12 1/80 11206\n"), Some(0.2));
        assert_eq!(parse_load("25.5 0.18 0.12 30/80 11206\n"), Some(25.5));
        assert_eq!(parse_load("25.5 0.18 0.12 3/80 11206\n"), Some(3.0));
        for text in [
            "",
            "0.20",
            "0.20 0.18 0.12 180 11206",
            "x 0 0 1/2 3",
            "nan 0 0 nan/2 3",
        ] {
            assert_eq!(parse_load(text), None, "{text}");
        }
    }

    #[test]
    fn a_limit_is_stretched_within_bounds() {
        let limit = Duration::from_secs(1);
        let stretched = stretch(limit);
        assert!(
            limit <= stretched && stretched <= 10 * limit,
            "{stretched:?}"
        );
    }
}
