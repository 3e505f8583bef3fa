//! How many connections each worker has accepted.

use std::fmt::Write;

use harness::statistics::jain;

/// The place of one worker: the process that has it now, the connections that all processes in this
/// place have accepted, and how often a new worker replaced a dead one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerPlace {
    /// Process id of the worker that has the place now.
    pub pid: i32,
    /// Connections accepted.
    pub accepted: u64,
    /// Times that a dead worker was replaced.
    pub replaced: u64,
}

/// A table for people: a line for each place, the sum, and Jain's index of fairness (1 where all
/// accepted the same number, 1/N where one of N workers accepted everything).
#[must_use]
pub fn places_table(places: &[WorkerPlace]) -> String {
    let mut text = format!(
        "{:>6} {:>8} {:>10} {:>9}\n",
        "worker", "pid", "accepted", "replaced"
    );
    for (index, place) in places.iter().enumerate() {
        let WorkerPlace {
            pid,
            accepted,
            replaced,
        } = place;
        let _ = writeln!(text, "{index:>6} {pid:>8} {accepted:>10} {replaced:>9}");
    }
    let shares: Vec<u64> = places.iter().map(|place| place.accepted).collect();
    let sum: u64 = shares.iter().sum();
    let fairness = jain(&shares).map_or("-".to_owned(), |jain| format!("{jain:.2}"));
    let _ = writeln!(
        text,
        "{:>6} {:>8} {sum:>10}   Jain's index {fairness}",
        "all", ""
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_and_the_sum() {
        let place = |pid, accepted| WorkerPlace {
            pid,
            accepted,
            replaced: 0,
        };
        let text = places_table(&[place(10, 3), place(11, 3)]);
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains(" 6 ") && text.contains("1.00"), "{text}");
        assert!(places_table(&[place(10, 0)]).contains('-'));
    }
}
