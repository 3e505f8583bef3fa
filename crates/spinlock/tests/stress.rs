//! Every lock under threads that hammer it, with a detector inside the critical section.
//!
//! `STRESS_SECONDS=10 cargo test --release -p spinlock --test stress` hammers each lock for ten
//! seconds; the default is a fraction of one.
#![expect(clippy::expect_used, reason = "what cannot start has failed")]

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use spinlock::compare::arena::Arena;
use spinlock::compare::contender::{Contender, Visitor};
use spinlock::compare::lock_name::LockName;

const THREADS: u64 = 4;

/// Hammers a lock until the time is over, or until `stop_at_overlap` and one was seen.
struct Hammer {
    time: Duration,
    stop_at_overlap: bool,
}

struct Found {
    entries: u64,
    counted: u64,
    overlaps: u64,
}

impl Visitor for Hammer {
    type Output = Found;

    fn visit<C: Contender>(self) -> Found {
        let arena = Arena::<C>::new();
        let lock = arena.lock();
        let (inside, overlaps) = (AtomicU32::new(0), AtomicU64::new(0));
        let counter = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let hammer = || {
            let mut entries = 0;
            while !stop.load(Relaxed) {
                lock.section(|| {
                    if inside.fetch_add(1, Relaxed) != 0 {
                        overlaps.fetch_add(1, Relaxed);
                    }
                    counter.store(counter.load(Relaxed) + 1, Relaxed);
                    inside.fetch_sub(1, Relaxed);
                });
                entries += 1;
                let seen = self.stop_at_overlap && overlaps.load(Relaxed) > 0;
                if seen || start.elapsed() > self.time {
                    stop.store(true, Relaxed);
                }
            }
            entries
        };
        let entries = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(hammer)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a hammer panicked"))
                .sum()
        });
        Found {
            entries,
            counted: counter.into_inner(),
            overlaps: overlaps.into_inner(),
        }
    }
}

fn time() -> Duration {
    let seconds = std::env::var("STRESS_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(0.15))
}

#[test]
fn no_two_are_ever_inside() {
    for lock in LockName::ALL.iter().filter(|&&lock| lock != LockName::None) {
        let found = lock.visit(Hammer {
            time: time(),
            stop_at_overlap: false,
        });
        assert!(found.entries > 0, "{lock}: nobody ever entered");
        assert_eq!(found.overlaps, 0, "{lock}: two were inside");
        assert_eq!(found.counted, found.entries, "{lock}: lost updates");
    }
}

#[test]
fn the_detector_sees_an_overlap_where_there_is_no_lock() {
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
        return; // with one CPU threads overlap so seldom that nothing can be promised
    }
    let patience = Duration::from_secs(20);
    let found = LockName::None.visit(Hammer {
        time: patience,
        stop_at_overlap: true,
    });
    assert!(
        found.overlaps > 0,
        "no overlap in {} unprotected entries",
        found.entries
    );
}
