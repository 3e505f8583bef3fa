//! How long the processors have been busy, all programs together: `/proc/stat` (proc_stat(5)).

use std::time::Duration;

use crate::{Error, read};

/// Kernel ticks a second in what proc(5) prints: USER_HZ, 100 on every architecture of ours.
const TICKS: u64 = 100;

/// CPU time that was not idle since boot, summed over all processors, to 10 ms: user, nice, system,
/// interrupts and what a hypervisor took.
///
/// # Errors
/// That of reading /proc/stat.
pub fn busy() -> Result<Duration, Error> {
    Ok(parse(&read("/proc/stat")?))
}

/// Parses the file's text: the line `cpu`, whose fourth and fifth number are idle time.
pub fn parse(text: &str) -> Duration {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("cpu "));
    let numbers = lines.next().unwrap_or("").split_whitespace();
    // The ninth and tenth, guest time, are counted in the first two already.
    let busy = numbers
        .take(8)
        .enumerate()
        .filter(|(at, _)| !matches!(at, 3 | 4));
    let ticks: u64 = busy
        .filter_map(|(_, ticks)| ticks.parse().ok())
        .fold(0, u64::saturating_add);
    Duration::from_millis(ticks.saturating_mul(1000 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "cpu  100 20 30 4000 500 6 7 8 50 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5\n";
        assert_eq!(parse(text), Duration::from_millis(1710));
        assert!(busy().unwrap() > Duration::ZERO);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(cpu )?.{0,200}") {
            parse(&text);
        }
    }
}
