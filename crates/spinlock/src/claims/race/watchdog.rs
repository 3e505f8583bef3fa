//! Notices that a race can never end: the flag is set and no thread is inside.

use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// A thread in the race, as the watchdog sees it. The thread writes with Release, so that a reader
/// sees what the thread did to the flag before.
#[derive(Default)]
pub(super) struct Racer {
    /// How often it was refused.
    pub(super) refused: AtomicU64,
    /// How often it entered.
    pub(super) entered: AtomicU64,
    /// How often it was preempted, once it has finished.
    pub(super) preempted: AtomicU64,
    /// Whether it has finished.
    pub(super) done: AtomicBool,
    /// Whether it is between its entry and its exit.
    pub(super) inside: AtomicBool,
    /// How often it saw the other one inside while it was inside itself.
    pub(super) met: AtomicU64,
    /// Its thread id, and the CPU on which it ended; 0 and 0 until then.
    pub(super) thread: AtomicU64,
    pub(super) cpu: AtomicU64,
}

/// How often a racer that has not finished yet was refused and entered.
#[derive(Clone, Copy)]
struct Progress {
    refused: u64,
    entered: u64,
}

impl Racer {
    /// Its progress, or none where it has finished.
    fn progress(&self) -> Option<Progress> {
        if self.done.load(Acquire) {
            return None;
        }
        Some(Progress {
            refused: self.refused.load(Acquire),
            entered: self.entered.load(Acquire),
        })
    }

    /// Whether it has been refused twice since `before`; none where it has entered or finished
    /// since, and has to be watched anew. A racer that had finished before counts as stuck.
    fn is_stuck_since(&self, before: Option<Progress>) -> Option<bool> {
        match (before, self.progress()) {
            (None, None) => Some(true),
            (Some(before), Some(now)) if now.entered == before.entered => {
                Some(now.refused >= before.refused + 2)
            }
            _ => None,
        }
    }
}

/// Returns true once it is certain that no thread will enter any more, false once `finished` says
/// that both threads have finished.
///
/// The racers are read one after the other, and the thread that reads them may be preempted in
/// between, so one pass in which both were refused is not enough: the first may have entered while
/// the second was read. Two passes are enough. A racer that was refused in both and entered in
/// neither was outside all the time between its last refusal of the first pass and its first
/// refusal of the second, as an entry is counted before the next refusal. So both were outside when
/// the first pass ended; both found the flag set in attempts begun later (of two refusals in a
/// pass, the second was begun in it); and only a thread that is inside clears it.
pub(super) fn watch(racers: &[Racer; 2], finished: impl Fn() -> bool) -> bool {
    let mut last_pass = None;
    while !finished() {
        let before = [racers[0].progress(), racers[1].progress()];
        let entered = before.map(|progress| progress.map(|progress| progress.entered));
        loop {
            std::thread::yield_now();
            let stuck = [
                racers[0].is_stuck_since(before[0]),
                racers[1].is_stuck_since(before[1]),
            ];
            match stuck {
                [Some(true), Some(true)] if entered == [None, None] => return false,
                [Some(true), Some(true)] if last_pass == Some(entered) => return true,
                [Some(true), Some(true)] => {
                    last_pass = Some(entered);
                    break;
                }
                [Some(_), Some(_)] if !finished() => {}
                _ => {
                    last_pass = None;
                    break;
                }
            }
        }
    }
    false
}
