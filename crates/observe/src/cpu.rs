//! How long the processors have been busy, all programs together: `/proc/stat` (proc_stat(5)).

use std::time::Duration;

use crate::{Error, read_text};

/// Kernel ticks a second in what proc(5) prints: USER_HZ, 100 on every architecture of ours.
const TICKS: u64 = 100;

/// One of these ticks, the resolution of /proc/stat.
pub const TICK: Duration = Duration::from_millis(1000 / TICKS);

/// CPU time that was not idle since boot, summed over all processors, to [`TICK`]: user, nice,
/// system, interrupts and what a hypervisor took.
///
/// # Errors
/// That of reading /proc/stat; ENODATA where it has no such line.
pub fn busy_time() -> Result<Duration, Error> {
    parse(&read_text("/proc/stat")?)
        .ok_or_else(|| Error::no_data("find the line `cpu` in /proc/stat"))
}

/// Parses the file's text: the line `cpu`, whose fourth and fifth number are idle time; none where
/// it is missing or too short.
pub fn parse(text: &str) -> Option<Duration> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // The ninth and tenth, guest time, are counted in the first two already.
    let numbers = line.split_whitespace().take(8);
    let numbers: Vec<u64> = numbers.map_while(|number| number.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, interrupts @ ..] = &numbers[..] else {
        return None;
    };
    let [irq, softirq, steal] = interrupts else {
        return None;
    };
    let busy = [user, nice, system, irq, softirq, steal];
    let ticks = busy
        .into_iter()
        .fold(0, |sum: u64, &n| sum.saturating_add(n));
    Some(Duration::from_millis(ticks.saturating_mul(1000 / TICKS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "cpu  100 20 30 4000 500 6 7 8 50 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5\n";
        assert_eq!(parse(text), Some(Duration::from_millis(1710)));
        assert_eq!(parse("cpu  1 2 3"), None);
        assert_eq!(parse("garbage"), None);
        assert!(busy_time().unwrap() > Duration::ZERO);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(cpu )?.{0,200}") {
            parse(&text);
        }
    }
}
