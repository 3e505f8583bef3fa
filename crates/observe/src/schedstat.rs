//! `/proc/PID/schedstat`: time on a CPU, time in a run queue, times that it was put on a CPU
//! (Documentation/scheduler/sched-stats.rst).

use crate::{Error, read_text};

/// The three numbers; all 0 where the kernel was built without CONFIG_SCHED_INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedStat {
    /// Time spent running, in nanoseconds.
    pub running_ns: u64,
    /// Time spent runnable and waiting for a CPU, in nanoseconds.
    pub waiting_ns: u64,
    /// Times that it was put on a CPU.
    pub runs: u64,
}

/// Reads the numbers of the main thread of process `pid`.
///
/// # Errors
/// ENOENT or ESRCH where no such process exists.
pub fn read(pid: i32) -> Result<SchedStat, Error> {
    Ok(parse(&read_text(format!("/proc/{pid}/schedstat"))?))
}

/// Parses the file's text; what is missing is 0.
pub fn parse(text: &str) -> SchedStat {
    let mut numbers = text
        .split_whitespace()
        .map(|word| word.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    SchedStat {
        running_ns: next(),
        waiting_ns: next(),
        runs: next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let expected = SchedStat {
            running_ns: 812_345,
            waiting_ns: 4_711,
            runs: 12,
        };
        assert_eq!(parse("812345 4711 12\n"), expected);
        assert_eq!(parse(""), SchedStat::default());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s).{0,100}") {
            parse(&text);
        }
    }
}
