//! Whether threads are where they were pinned to.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use harness::pin::{cpus, pin};
use nix::sched::sched_getcpu;

/// Where the threads of a window are, each against its CPU.
pub(super) struct Places {
    running: AtomicBool,
    bound: AtomicBool,
}

impl Places {
    pub(super) fn new() -> Places {
        Places {
            running: AtomicBool::new(true),
            bound: AtomicBool::new(true),
        }
    }

    /// Pins the calling thread to `cpu`.
    pub(super) fn pin(&self, cpu: usize) {
        if pin(cpu).is_err() {
            self.running.store(false, Relaxed);
            self.bound.store(false, Relaxed);
        }
    }

    /// Looks where the calling thread is, which was pinned to `cpu`.
    pub(super) fn look(&self, cpu: usize) {
        if !sched_getcpu().is_ok_and(|it| it == cpu) {
            self.running.store(false, Relaxed);
        }
        if cpus() != Ok(vec![cpu]) {
            self.bound.store(false, Relaxed);
        }
    }

    /// Whether each thread was on its CPU (getcpu(2)).
    pub(super) fn are_running(&self) -> bool {
        self.running.load(Relaxed)
    }

    /// Whether each thread was bound to its CPU alone (sched_getaffinity(2)).
    pub(super) fn are_bound(&self) -> bool {
        self.bound.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_pinned_to_another_cpu_is_found() {
        let [first, .., last] = cpus().unwrap()[..] else {
            return;
        };
        let look = move |cpu| {
            let places = Places::new();
            places.pin(first);
            places.look(cpu);
            (places.are_running(), places.are_bound())
        };
        let looked = move || (look(first), look(last));
        let both = std::thread::spawn(looked).join().unwrap();
        assert_eq!(both, ((true, true), (false, false)));
    }
}
