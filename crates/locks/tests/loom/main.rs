//! loom models: the locks' own source files, run through every order of events that the memory
//! model allows.
//!
//! `RUSTFLAGS='--cfg loom' cargo test --release -p locks --test loom`; without the cfg it is empty.
//!
//! A model checks mutual exclusion (loom's `UnsafeCell` panics when two threads are inside, or when
//! the second has not seen what the first wrote) and that nobody waits for ever (loom reports a
//! deadlock). A check that cannot fail proves nothing, so the same models run on broken machines
//! and must fail there.
#![cfg(loom)]
#![allow(clippy::duplicate_mod, reason = "the same files on several machines")]
#![expect(clippy::expect_used, reason = "a panic is how a model fails")]
#![expect(
    clippy::arc_with_non_send_sync,
    reason = "whether it may be shared is what loom checks"
)]
#![expect(
    unsafe_code,
    reason = "loom's UnsafeCell gives raw pointers, as std's does"
)]

#[path = "../family/mod.rs"]
mod family;
mod refused;
mod refused_first;
mod sound;
mod unfenced;
mod unreleased;
mod without_heavy;
mod without_light;

use family::every_lock;
use lock_api::{Mutex, RawMutex};
use loom::{cell::UnsafeCell, thread};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// `threads` threads (the model's main thread is one) increment a counter `rounds` times each under
/// `L`.
fn excludes<L: RawMutex + Send + Sync + 'static>(threads: usize, rounds: u32) {
    // Two threads: every execution with at most five preemptions; more: with at most three, or
    // there would be no end.
    excludes_within::<L>(if threads > 2 { 3 } else { 5 }, threads, rounds);
}

/// As [`excludes`], in every execution with at most `preemptions`.
fn excludes_within<L: RawMutex + Send + Sync + 'static>(
    preemptions: usize,
    threads: usize,
    rounds: u32,
) {
    explore(preemptions, move || {
        let counter = Arc::new(Mutex::<L, _>::new(UnsafeCell::new(0)));
        drop(counter.lock()); // creates the atomics in this thread: see platform.rs
        let work = move |counter: Arc<Mutex<L, UnsafeCell<u32>>>| {
            for _ in 0..rounds {
                increment(&counter.lock());
            }
        };
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || work(counter))
            })
            .collect();
        work(Arc::clone(&counter));
        for other in others {
            other.join().expect("a thread of the model panicked");
        }
        let total = u32::try_from(threads).expect("small") * rounds;
        counter.lock().with(|value| {
            // SAFETY: we hold the lock; loom checks that nobody writes meanwhile.
            assert_eq!(unsafe { *value }, total, "lost an update");
        });
    });
}

/// try_lock never waits, never lets two in, and succeeds on a free lock.
fn tries<L: RawMutex + Send + Sync + 'static>() {
    explore(5, || {
        let counter = Arc::new(Mutex::<L, _>::new(UnsafeCell::new(0)));
        drop(counter.try_lock().expect("free, nobody else is there"));
        drop(counter.lock());
        let other = Arc::clone(&counter);
        let other = thread::spawn(move || {
            if let Some(inside) = other.try_lock() {
                increment(&inside);
            }
        });
        if let Some(inside) = counter.try_lock() {
            increment(&inside);
        }
        other.join().expect("a thread of the model panicked");
        assert!(counter.try_lock().is_some(), "free again");
    });
}

fn increment(value: &UnsafeCell<u32>) {
    // SAFETY: the caller holds the lock; loom panics if that does not exclude others.
    value.with_mut(|value| unsafe { *value += 1 });
}

/// What the heavy barrier of a machine does.
#[allow(dead_code, reason = "every kind is some machine's")]
enum Heavy {
    /// It orders, and says so.
    Orders,
    /// It orders nothing, and says that it did: the broken machine.
    Silent,
    /// It orders nothing, and says so: membarrier(2) has come to be refused.
    Refused,
    /// The first one in an execution is refused, those after it order.
    RefusedFirst,
}

thread_local! {
    /// Waits in the execution that runs now; all threads of a model share one real thread.
    static WAITS: Cell<u32> = const { Cell::new(0) };
    /// Heavy barriers in the execution that runs now.
    static BARRIERS: Cell<u32> = const { Cell::new(0) };
}

/// Whether the execution has had a heavy barrier before this one.
fn second_barrier() -> bool {
    BARRIERS.replace(BARRIERS.get() + 1) > 0
}

/// A wait of a spinning thread. Two spinners can wait for each other's turn for ever, and loom
/// would follow them. A turn in which nobody moved brings back the same state, so after
/// [`MOST_WAITS`] of them the execution is finished without branching further.
fn waited() {
    if WAITS.replace(WAITS.get() + 1) >= MOST_WAITS {
        loom::skip_branch();
    }
    thread::yield_now();
}
const MOST_WAITS: u32 = 6;

/// Every execution with at most so many preemptions.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(move || {
        WAITS.set(0);
        BARRIERS.set(0);
        model();
    });
}

/// The model must fail, and with a message that names the failure looked for.
fn must_fail(model: impl FnOnce(), expected: &[&str]) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(model)) else {
        panic!("the model passed on a broken machine: it is blind")
    };
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without message");
    assert!(
        expected.iter().any(|part| message.contains(part)),
        "failed for another reason than {expected:?}: {message}"
    );
}

/// The ways in which loom says that two threads were inside, or the second one blind.
const OVERLAP: &[&str] = &["Causality violation", "lost an update"];
const DEADLOCK: &[&str] = &["deadlock"];

macro_rules! models {
    ($($name:ident: $lock:ident),* $(,)?) => { $(
        mod $name {
            use super::*;
            #[test]
            fn two_threads_exclude_each_other() {
                excludes::<sound::$lock>(2, 2);
            }
            #[test]
            fn three_threads_exclude_each_other() {
                excludes::<sound::$lock>(3, 1);
            }
            #[test]
            fn try_lock_keeps_its_law() {
                tries::<sound::$lock>();
            }
            #[test]
            fn a_relaxed_unlock_is_found() {
                must_fail(|| excludes::<unreleased::$lock>(2, 2), OVERLAP);
            }
        }
    )* };
}
every_lock!(models);

#[test]
fn asymmetric_without_its_barriers_loses_a_wakeup() {
    must_fail(|| excludes::<unfenced::Asymmetric>(2, 2), DEADLOCK);
}

#[test]
fn asymmetric_needs_the_light_barrier() {
    must_fail(|| excludes::<without_light::Asymmetric>(2, 2), DEADLOCK);
}

#[test]
fn asymmetric_needs_the_heavy_barrier() {
    must_fail(|| excludes::<without_heavy::Asymmetric>(2, 2), DEADLOCK);
}

#[test]
fn asymmetric_sleeps_briefly_where_membarrier_is_refused() {
    // Without barriers a long sleep is for ever, as above; one that ends by itself is what saves
    // the lock here.
    excludes::<refused::Asymmetric>(2, 2);
    tries::<refused::Asymmetric>();
}

#[test]
fn a_brief_sleeper_takes_no_wakeup_away_from_a_long_one() {
    excludes::<refused_first::Asymmetric>(2, 2);
    excludes_within::<refused_first::Asymmetric>(2, 3, 1);
}

/// One attempt each: who got `false` enters. `enter` is one of the two readings of the pseudo-code.
fn pseudo_code(enter: fn(&sound::NotAtomic) -> bool) {
    explore(5, move || {
        let shared = Arc::new((sound::NotAtomic::new(), UnsafeCell::new(0)));
        shared.0.clear();
        let other = Arc::clone(&shared);
        let attempt = move |(flag, value): &(sound::NotAtomic, UnsafeCell<u32>)| {
            if !enter(flag) {
                increment(value);
                flag.clear();
            }
        };
        let other = thread::spawn(move || attempt(&other));
        attempt(&shared);
        other.join().expect("a thread of the model panicked");
    });
}

#[test]
fn the_pseudo_code_lets_two_in() {
    must_fail(
        || pseudo_code(sound::NotAtomic::literal_test_and_set),
        OVERLAP,
    );
    must_fail(|| pseudo_code(sound::NotAtomic::check_then_set), OVERLAP);
}

/// After everyone has left, the flag must be clear; the literal reading leaves it set: a lost
/// unlock.
fn unlock_survives(enter: fn(&sound::NotAtomic) -> bool) {
    explore(5, move || {
        let flag = Arc::new(sound::NotAtomic::new());
        flag.clear();
        let other = Arc::clone(&flag);
        let attempt = move |flag: &sound::NotAtomic| {
            if !enter(flag) {
                flag.clear();
            }
        };
        let other = thread::spawn(move || attempt(&other));
        attempt(&flag);
        other.join().expect("a thread of the model panicked");
        assert!(!flag.is_set(), "lost an unlock");
    });
}

#[test]
fn the_literal_pseudo_code_loses_an_unlock() {
    must_fail(
        || unlock_survives(sound::NotAtomic::literal_test_and_set),
        &["lost an unlock"],
    );
    unlock_survives(sound::NotAtomic::check_then_set);
}
