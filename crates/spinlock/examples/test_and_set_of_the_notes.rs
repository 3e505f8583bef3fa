//! Test-and-set written as the notes write it, a load and a store, excludes nobody: two threads
//! enter together and lose updates; and a waiter's store can overwrite the unlock: all wait then.
//!
//! - run: `cargo run -p spinlock --example test_and_set_of_the_notes`
//! - expect: a counter that is too small, and in the end often a flag that nobody will clear
//! - strace: `strace -f -e trace=/^clone target/debug/examples/test_and_set_of_the_notes`
//! - claim: `witness run pseudo-code-loses-updates one-cpu-hides-the-race`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

const INCREMENTS: u64 = 200_000; // of each of the two threads

#[derive(Default)]
struct Race {
    lock: AtomicBool,
    counter: AtomicU64,
    entered: AtomicU64,
    /// How often each thread found the lock taken; far more once it has ended.
    refused: [AtomicU64; 2],
}

// ANCHOR: test_and_set
/// old_val = lock; lock = True; return old_val
fn test_and_set(lock: &AtomicBool) -> bool {
    let old = lock.load(SeqCst);
    lock.store(true, SeqCst);
    old
}
// ANCHOR_END: test_and_set

impl Race {
    /// `while test_and_set(lock): pass`. False where that would never end: the other thread has
    /// been refused twice since this one began to wait, so neither is inside, and the lock is set.
    fn enter(&self, me: usize) -> bool {
        let other = &self.refused[1 - me];
        let limit = other.load(SeqCst) + 2;
        loop {
            let nobody_is_inside = other.load(SeqCst) >= limit;
            if !test_and_set(&self.lock) {
                return true;
            }
            self.refused[me].fetch_add(1, SeqCst);
            if nobody_is_inside {
                return false;
            }
        }
    }

    fn increment(&self, me: usize) {
        let mut left = INCREMENTS;
        while left > 0 && self.enter(me) {
            self.entered.fetch_add(1, SeqCst);
            self.counter.store(self.counter.load(SeqCst) + 1, SeqCst); // the critical section
            self.lock.store(false, SeqCst);
            left -= 1;
        }
        self.refused[me].fetch_add(u64::MAX / 4, SeqCst);
    }
}

fn main() {
    println!("expect    two threads behind the notes' lock lose increments of a counter");
    let (mut races, mut lost, mut stuck) = (0, 0, false);
    while races < 1000 && (lost == 0 || !stuck) {
        races += 1;
        let race = Race::default();
        thread::scope(|scope| {
            scope.spawn(|| race.increment(0));
            scope.spawn(|| race.increment(1));
        });
        lost += race.entered.into_inner() - race.counter.into_inner();
        stuck |= race.lock.into_inner();
    }
    let end = ["clear", "set, with nobody inside"][usize::from(stuck)];
    println!("races     {races} until both failures had shown");
    println!("observed  increments lost by the literal pseudo-code: {lost}");
    println!("observed  flag of the literal pseudo-code in the end: {end}");
}
