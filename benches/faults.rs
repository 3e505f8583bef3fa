//! What does a page cost when it is first touched, and what does it cost to move pages instead of
//! bytes?
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot start has nothing to measure"
)]
#![expect(clippy::print_stdout, reason = "says what is left out")]

use std::time::{Duration, Instant};

use anyhow::Result;
use benches::Reference;
use criterion::{Criterion, Throughput, criterion_group};
use harness::memory::{Memory, resident};
use nix::sys::mman::MmapAdvise;

const PAGE: usize = 4096;
/// Bytes of a huge page on x86-64, and where pages are of 4 KiB.
const HUGE_PAGE: usize = 2 << 20;
const SIZE: usize = 8 * HUGE_PAGE;

/// Memory that has no frame yet.
fn fresh(advice: MmapAdvise) -> Memory {
    let memory = Memory::aligned(SIZE, HUGE_PAGE).expect("mmap of 16 MiB");
    memory.advise(advice).expect("madvise");
    memory
}

/// Times what `work` does to what `make` makes, without the making and the giving back.
fn timed<T, R>(rounds: u64, mut make: impl FnMut() -> T, mut work: impl FnMut(T) -> R) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..rounds {
        let made = make();
        let start = Instant::now();
        let left = work(made);
        time += start.elapsed();
        drop(left);
    }
    time
}

fn faults(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first touch");
    let pages = (SIZE / PAGE) as u64;
    group.throughput(Throughput::Elements(pages));
    let touch = |step: usize| {
        move |mut memory: Memory| {
            memory.write_every(step, 1);
            memory
        }
    };
    let small = MmapAdvise::MADV_NOHUGEPAGE;
    group.bench_function("write, one fault each 4 KiB", |bencher| {
        bencher.iter_custom(|rounds| timed(rounds, || fresh(small), touch(PAGE)));
    });
    group.bench_function("read, the shared frame of zeros each 4 KiB", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(
                rounds,
                || fresh(small),
                |memory| (memory.read_every(PAGE), memory),
            )
        });
    });
    group.bench_function("write again, no fault", |bencher| {
        let make = || touch(PAGE)(fresh(small));
        bencher.iter_custom(|rounds| timed(rounds, make, touch(PAGE)));
    });
    let huge = MmapAdvise::MADV_HUGEPAGE;
    let mut probe = fresh(huge);
    probe.write_every(HUGE_PAGE, 1);
    let is_huge = resident(&probe).is_ok_and(|(_, huge)| huge == SIZE as u64);
    drop(probe);
    if is_huge {
        // The same 4096 pages, in 8 faults.
        group.bench_function("write, one fault each 2 MiB", |bencher| {
            bencher.iter_custom(|rounds| timed(rounds, || fresh(huge), touch(HUGE_PAGE)));
        });
    } else {
        println!("no transparent huge pages here: that fault is not measured");
    }
    group.finish();
}

fn moving(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("16 MiB elsewhere");
    group.throughput(Throughput::Bytes(SIZE as u64));
    let small = MmapAdvise::MADV_NOHUGEPAGE;
    let touched = move || {
        let mut memory = fresh(small);
        memory.write_every(PAGE, 1);
        memory
    };
    group.bench_function("mremap", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(
                rounds,
                || (touched(), fresh(small)),
                |(from, to)| from.move_onto(to),
            )
        });
    });
    group.bench_function("memcpy, the target's pages there", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(
                rounds,
                || (touched(), touched()),
                |(mut from, mut to)| {
                    to.bytes().copy_from_slice(from.bytes());
                    (from, to)
                },
            )
        });
    });
    group.bench_function("memcpy, the target's pages fault", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(
                rounds,
                || (touched(), fresh(small)),
                |(mut from, mut to)| {
                    to.bytes().copy_from_slice(from.bytes());
                    (from, to)
                },
            )
        });
    });
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = faults, moving
}

fn main() -> Result<()> {
    let measure = || {
        all();
        Criterion::default().configure_from_args().final_summary();
    };
    benches::run(
        measure,
        Reference::InGroup(&["write, one fault each 4 KiB", "mremap"]),
    )
}
