//! How long processors have been busy, with all programs together: `/proc/stat` (proc_stat(5)).

use std::time::Duration;

use crate::{Error, read_text};

/// Kernel ticks a second in what proc(5) prints: USER_HZ, 100 on every architecture of ours.
const TICKS: u64 = 100;

/// One of these ticks, the resolution of /proc/stat.
pub const TICK: Duration = Duration::from_millis(1000 / TICKS);

/// CPU time that was not idle since boot, summed over the processors `cpus`, to [`TICK`]: user,
/// nice, system, interrupts and what a hypervisor took (steal).
///
/// # Errors
/// That of reading /proc/stat; ENODATA where it has no line for one of them.
pub fn busy_time(cpus: &[usize]) -> Result<Duration, Error> {
    let missing = || Error::no_data("find the lines of the CPUs in /proc/stat");
    parse(&read_text("/proc/stat")?, cpus).ok_or_else(missing)
}

/// Parses the file's text: the lines `cpuN`, whose fourth and fifth number are idle time; none
/// where one is missing or too short.
pub fn parse(text: &str, cpus: &[usize]) -> Option<Duration> {
    let mut ticks: u64 = 0;
    for cpu in cpus {
        let name = format!("cpu{cpu} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name))?;
        ticks = ticks.saturating_add(busy_ticks(line)?);
    }
    Some(Duration::from_millis(ticks.saturating_mul(1000 / TICKS)))
}

fn busy_ticks(numbers: &str) -> Option<u64> {
    // The ninth and tenth, guest time, are counted in the first two already.
    let numbers = numbers.split_whitespace().take(8);
    let numbers: Vec<u64> = numbers.map_while(|number| number.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = numbers[..] else {
        return None;
    };
    let busy = [user, nice, system, irq, softirq, steal];
    Some(
        busy.into_iter()
            .fold(0, |sum: u64, n| sum.saturating_add(n)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "cpu  9 9 9 9 9 9 9 9 9 0\ncpu0 100 20 30 4000 500 6 7 8 50 0\n\
                    cpu1 1 1 1 1 1 1 1 1 1 1\nintr 5\n";
        assert_eq!(parse(text, &[0]), Some(Duration::from_millis(1710)));
        assert_eq!(parse(text, &[0, 1]), Some(Duration::from_millis(1770)));
        assert_eq!(parse(text, &[2]), None);
        assert_eq!(parse("cpu0 1 2 3", &[0]), None);
        assert_eq!(parse("garbage", &[0]), None);
        let own = crate::cpus::allowed().unwrap();
        assert!(busy_time(&own).unwrap() > Duration::ZERO);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(cpu0 )?.{0,200}") {
            parse(&text, &[0]);
        }
    }
}
