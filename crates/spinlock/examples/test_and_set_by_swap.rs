//! Test-and-set as one atomic exchange excludes: behind it two threads lose no increment.
//!
//! - run: `cargo run --release -p spinlock --example test_and_set_by_swap`
//! - expect: a counter of 400000, by this lock and by the mutex of Rust's library
//! - strace: `strace -f -e trace=/^clone target/debug/examples/test_and_set_by_swap` (the swap is
//!   no system call; with futex in the filter those of the mutex appear, where it had to wait)
//! - claim: `witness run test-and-set-excludes one-instruction`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]

use std::hint::spin_loop;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::atomic::{Ordering::Acquire, Ordering::Release};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Increments of each of the two threads.
const INCREMENTS: u64 = 200_000;

// ANCHOR: test_and_set
/// Sets the flag and returns what it was, in one instruction: nobody comes in between.
fn test_and_set(lock: &AtomicBool) -> bool {
    lock.swap(true, Acquire)
}
// ANCHOR_END: test_and_set

fn main() -> Result<()> {
    println!("expect    two threads lose no increment behind one atomic swap");
    let lock = AtomicBool::new(false);
    // ANCHOR: section
    let (counted, by_swap) = race(|increment| {
        while test_and_set(&lock) {
            spin_loop();
        }
        increment();
        lock.store(false, Release);
    });
    // ANCHOR_END: section
    println!("observed  increments counted, two threads: {counted}");

    println!("expect    nor behind std::sync::Mutex, whose waiters may sleep");
    let mutex = Mutex::new(());
    let (by_mutex_counted, by_mutex) = race(|increment| {
        // No section panics, so the mutex is never poisoned.
        let _guard = mutex.lock();
        increment();
    });
    println!("mutex     counted {by_mutex_counted}");
    let ratio = by_swap.as_secs_f64() / by_mutex.as_secs_f64();
    println!("time      the swap took {ratio:.2} times as long as the mutex, on this machine, now");
    Ok(())
}

/// Lets two threads increment a counter, each time behind `exclude`; what was counted, and how long
/// it took.
fn race(exclude: impl Fn(&dyn Fn()) + Sync) -> (u64, Duration) {
    let counter = AtomicU64::new(0);
    // Not an atomic addition, but a load and a store, between which another thread may come.
    let increment = || counter.store(counter.load(Relaxed) + 1, Relaxed);
    let start = Instant::now();
    let run = || (0..INCREMENTS).for_each(|_| exclude(&increment));
    thread::scope(|scope| {
        scope.spawn(run);
        scope.spawn(run);
    });
    (counter.load(Relaxed), start.elapsed())
}
