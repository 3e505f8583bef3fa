//! What does lock and unlock cost, alone and against one other thread?
//!
//! `cargo bench -p benches --bench spinlock`. Criterion is right for the uncontended lock and for
//! two threads; it knows no fairness and cannot plan operations of milliseconds. For contention in
//! general: `spinlock compare`.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use benches::Reference;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group};
use harness::pin::{cpus, pin};
use spinlock::compare::arena::Arena;
use spinlock::compare::contender::{Contender, Visitor};
use spinlock::compare::lock_name::LockName;

/// Lock, increment, unlock by one thread.
struct Alone<'a, 'b>(&'a mut BenchmarkGroup<'b, WallTime>, LockName);

impl Visitor for Alone<'_, '_> {
    type Output = ();

    fn visit<C: Contender>(self) {
        let arena = Arena::<C>::new();
        self.0.bench_function(self.1.as_str(), |bencher| {
            bencher.iter(|| {
                black_box(&*arena)
                    .lock()
                    .section(|| increment(&arena.value))
            });
        });
    }
}

/// The same by two threads at once, each on a CPU of its own; the time is that of one operation of
/// either.
struct Against<'a, 'b>(&'a mut BenchmarkGroup<'b, WallTime>, LockName, [usize; 2]);

impl Visitor for Against<'_, '_> {
    type Output = ();

    fn visit<C: Contender>(self) {
        let arena = Arena::<C>::new();
        self.0.bench_function(self.1.as_str(), |bencher| {
            bencher.iter_custom(|times| {
                two_threads(self.2, times, || {
                    arena.lock().section(|| increment(&arena.value));
                })
            });
        });
    }
}

fn increment(value: &AtomicU64) {
    value.store(value.load(Relaxed) + 1, Relaxed);
}

/// Half the time from the common start to the end of the later thread: each does `times`
/// operations.
fn two_threads(cpus: [usize; 2], times: u64, operation: impl Fn() + Sync) -> Duration {
    let start = Barrier::new(2);
    let run = |cpu: usize| {
        // Where pinning is refused the two may share a CPU, and the spread will show it.
        let _ = pin(cpu);
        start.wait();
        let begun = Instant::now();
        (0..times).for_each(|_| operation());
        begun.elapsed()
    };
    thread::scope(|scope| {
        let threads = cpus.map(|cpu| {
            let run = &run;
            scope.spawn(move || run(cpu))
        });
        threads
            .map(|thread| thread.join().unwrap_or_default())
            .into_iter()
            .max()
            .unwrap_or_default()
            / 2
    })
}

fn spinlock(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("uncontended");
    let flag = AtomicBool::new(false);
    group.bench_function("swap-and-store", |bencher| {
        let value = AtomicU64::new(0);
        bencher.iter(|| {
            black_box(&flag).swap(true, Acquire);
            increment(&value);
            flag.store(false, Release);
        });
    });
    for &lock in LockName::ALL {
        lock.visit(Alone(&mut group, lock));
    }
    group.finish();

    let Ok(all) = cpus() else { return };
    let [first, second, ..] = all[..] else {
        return; // two threads on one CPU take turns by the millisecond: nothing to time here
    };
    let two = [first, second];
    let mut group = criterion.benchmark_group("two threads");
    for &lock in LockName::ALL {
        lock.visit(Against(&mut group, lock, two));
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = spinlock
}

fn main() -> Result<()> {
    let measure = || {
        all();
        Criterion::default().configure_from_args().final_summary();
    };
    benches::run(measure, Reference::InGroup(&["std"]))
}
