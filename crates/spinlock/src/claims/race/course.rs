//! What the threads race for: a flag, in a form that works and one that does not, and the counter
//! that only the flag protects.
#![expect(unsafe_code, reason = "lock_api's raw unlock is a promise")]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use lock_api::RawMutex;
use locks::TestAndSet;
use locks::not_atomic::NotAtomic;

/// How a thread asks for the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The pseudo-code as it stands: load, then store whatever was there.
    Literal,
    /// Load, then store only if it was clear.
    CheckThenSet,
    /// One swap: test-and-set.
    Swap,
}

/// The flag in both forms, and the counter: a load, then a store, as a plain increment would be.
///
/// The form that is not raced for is set from the start. A thread that asked for it would wait for
/// ever, so whoever came in went through the other one: see [`Course::is_behind_broken_flag`].
pub struct Course {
    broken: NotAtomic,
    sound: TestAndSet,
    counter: AtomicU64,
}

impl Course {
    /// A zero behind a clear flag of the form that `entry` asks for.
    pub fn new(entry: Entry) -> Self {
        let course = Course {
            broken: NotAtomic::new(),
            sound: TestAndSet::INIT,
            counter: AtomicU64::new(0),
        };
        let other = match entry {
            Entry::Literal | Entry::CheckThenSet => Entry::Swap,
            Entry::Swap => Entry::CheckThenSet,
        };
        course.test_and_set(other);
        course
    }

    /// Whether the sound flag is still set, as it was from the start where the broken one is raced
    /// for. Ask once the race is over.
    pub fn is_behind_broken_flag(&self) -> bool {
        self.sound.is_locked()
    }

    /// What the counter says.
    pub fn count(&self) -> u64 {
        self.counter.load(Relaxed)
    }

    /// Increments `times` times, each time behind the flag. Returns how often it was refused.
    pub fn run(&self, entry: Entry, times: u64) -> u64 {
        let mut refused = 0;
        for _ in 0..times {
            while self.test_and_set(entry) {
                refused += 1;
                std::hint::spin_loop();
            }
            self.increment();
            self.leave(entry);
        }
        refused
    }

    /// The old value of the flag; with `false` the caller is inside.
    pub(super) fn test_and_set(&self, entry: Entry) -> bool {
        match entry {
            Entry::Literal => self.broken.literal_test_and_set(),
            Entry::CheckThenSet => self.broken.check_then_set(),
            Entry::Swap => !self.sound.try_lock(),
        }
    }

    /// Only for the thread that is inside.
    pub(super) fn increment(&self) {
        self.counter.store(self.counter.load(Relaxed) + 1, Relaxed);
    }

    /// Only for the thread that is inside.
    pub(super) fn leave(&self, entry: Entry) {
        match entry {
            Entry::Literal | Entry::CheckThenSet => self.broken.clear(),
            // SAFETY: `test_and_set` said false to this thread, which has not left since.
            Entry::Swap => unsafe { self.sound.unlock() },
        }
    }
}
