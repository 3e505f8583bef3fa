//! The notes' pseudo-code, taken literally: a test-and-set that is not one operation.
//!
//! ```text
//! def test_set(lock):
//!     old_val = lock      <- load
//!     lock = True         <- store: another thread may have come in between
//!     return old_val
//! ```
//!
//! [`NotAtomic`] deliberately does not implement [`lock_api::RawMutex`]: it excludes no thread, so
//! it must be impossible to put data behind it by mistake.
//!
//! ```compile_fail,E0277
//! type Wrong = lock_api::Mutex<locks::not_atomic::NotAtomic, u64>;
//! let counter = Wrong::new(0);
//! ```
//!
//! It is built of relaxed atomic loads and stores, which are plain `mov`s on x86-64 and
//! `ldrb`/`strb` on aarch64: the race is there in full, the undefined behaviour is not.
//!
//! | `locked` | Meaning it should have |
//! |---|---|
//! | `false` | no thread is inside |
//! | `true` | a thread is inside; but two threads may both have read `false` before either wrote |

use super::platform::AtomicBool;
use super::platform::Ordering::Relaxed;

/// A shared flag with the two readings of the pseudo-code; it guards nothing.
#[derive(Debug)]
pub struct NotAtomic {
    locked: AtomicBool,
}

impl NotAtomic {
    /// A flag that is not set.
    pub const fn new() -> Self {
        NotAtomic {
            locked: AtomicBool::new(false),
        }
    }

    /// The pseudo-code line by line: returns the old value, having stored `true` whatever it was.
    ///
    /// Two failures. Two callers may both get `false` and both enter. And a waiter that loaded
    /// `true` just before the holder's [`clear`](Self::clear) stores `true` just after it: the
    /// unlock is lost, the flag stays set with no thread inside, and every caller waits for ever.
    #[inline]
    pub fn literal_test_and_set(&self) -> bool {
        let old = self.locked.load(Relaxed);
        self.locked.store(true, Relaxed);
        old
    }

    /// The careful reading: stores only after it saw `false`. Returns the value seen.
    ///
    /// It cannot overwrite an unlock, so no thread hangs; two callers may still both enter.
    pub fn check_then_set(&self) -> bool {
        let old = self.locked.load(Relaxed);
        if !old {
            self.locked.store(true, Relaxed);
        }
        old
    }

    /// The unlock: stores `false`.
    pub fn clear(&self) {
        self.locked.store(false, Relaxed);
    }

    /// Whether the flag is set just now.
    pub fn is_set(&self) -> bool {
        self.locked.load(Relaxed)
    }
}

impl Default for NotAtomic {
    fn default() -> Self {
        Self::new()
    }
}
