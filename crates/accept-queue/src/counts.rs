//! What the workers did, by the kernel's counts and by their own.

use nix::errno::Errno;
use observe::{Error, schedstat, status};

/// Who counts how often a worker sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The kernel: voluntary context switches.
    Kernel,
    /// The worker itself, where the kernel counts nothing: its returns to user space after a sleep.
    /// A worker that wakes and sleeps again inside the kernel is not counted.
    Worker,
}

impl Counter {
    /// The better one that this kernel has.
    ///
    /// # Errors
    /// /proc cannot be read, or lacks a part of what the kernel counts.
    pub fn of_this_kernel() -> Result<Counter, Error> {
        let own = std::process::id() as i32;
        match schedstat::read(own) {
            Err(e) if e.errno == Errno::ENOENT && !status::counts_switches(own)? => {
                Ok(Counter::Worker)
            }
            counts => counts.map(|_| Counter::Kernel),
        }
    }
}

/// What the kernel and the workers have counted so far; only differences mean anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// One for each worker.
    pub each: Vec<Counts>,
}

/// What one worker has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often it slept, as its [`Counter`] says. Between two moments at which it is asleep,
    /// this is how often it was woken.
    pub sleeps: u64,
    /// How often it was preempted; 0 where the kernel does not count.
    pub preemptions: u64,
    /// Time on a CPU in nanoseconds; 0 where the kernel does not count.
    pub cpu_ns: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Returns to user space from a call that may sleep.
    pub returns: u64,
    /// Returns after a sleep.
    pub slept: u64,
    /// Returns after a sleep that brought no connection.
    pub empty: u64,
    /// How often accept failed with EAGAIN.
    pub again: u64,
}

impl Snapshot {
    /// What each worker did since `before`.
    #[must_use]
    pub fn since(&self, before: &Snapshot) -> Snapshot {
        let pairs = self.each.iter().zip(&before.each);
        Snapshot {
            each: pairs.map(|(now, before)| now.since(before)).collect(),
        }
    }

    /// The sum of `count` over all workers.
    pub fn sum(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        self.each.iter().map(count).sum()
    }
}

impl Counts {
    /// What was counted since `before`.
    fn since(&self, before: &Counts) -> Counts {
        Counts {
            sleeps: self.sleeps.saturating_sub(before.sleeps),
            preemptions: self.preemptions.saturating_sub(before.preemptions),
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            accepted: self.accepted.saturating_sub(before.accepted),
            returns: self.returns.saturating_sub(before.returns),
            slept: self.slept.saturating_sub(before.slept),
            empty: self.empty.saturating_sub(before.empty),
            again: self.again.saturating_sub(before.again),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_counts() {
        assert_eq!(Counter::of_this_kernel(), Ok(Counter::Kernel));
    }
}
