//! Clocks and calibrated work.

use std::hint::black_box;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};
use observe::cpu::TICK;

/// CPU time of this process so far, user and system, in ns (CLOCK_PROCESS_CPUTIME_ID).
pub fn process_cpu_ns() -> u64 {
    clock_ns(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of this thread so far, in ns (CLOCK_THREAD_CPUTIME_ID).
pub fn thread_cpu_ns() -> u64 {
    clock_ns(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn clock_ns(clock: ClockId) -> u64 {
    // Both clocks exist on every Linux; a zero would show as "0 CPU-ns", never as a wrong verdict.
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

/// How far the two ways to ask for the time of the reaped lie apart at most: a tick of each clock
/// and process, and some.
const BETWEEN_CLOCKS: Duration = Duration::from_millis(500);

/// CPU time of this process's descendants that have been reaped: by getrusage(2) where
/// /proc/self/stat confirms it, else by that, which counts in ticks.
pub fn reaped_cpu_time() -> Duration {
    let stat = observe::stat::read(std::process::id() as i32);
    let ticks = stat.map_or(0, |stat| stat.reaped_ticks);
    let coarse = TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
    let time = |time: TimeVal| {
        let seconds = Duration::from_secs(time.tv_sec().unsigned_abs());
        seconds.saturating_add(Duration::from_micros(time.tv_usec().unsigned_abs()))
    };
    let fine = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map(|usage| time(usage.user_time()).saturating_add(time(usage.system_time())));
    match fine {
        Ok(fine) if fine.abs_diff(coarse) <= BETWEEN_CLOCKS => fine,
        _ => coarse,
    }
}

/// Work of a known length that touches no memory and asks no clock.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    rounds_per_us: u64,
}

impl Work {
    /// Finds how many rounds last a microsecond here: the fastest of several runs, because only
    /// interruptions make one slower.
    pub fn calibrate() -> Self {
        const ROUNDS: u64 = 20_000;
        let fastest = (0..15)
            .map(|_| {
                let start = Instant::now();
                rounds(ROUNDS);
                start.elapsed().as_nanos().max(1) as u64
            })
            .min()
            .unwrap_or(1);
        Work {
            rounds_per_us: (ROUNDS * 1000 / fastest).max(1),
        }
    }

    /// How many [`rounds`] last `ns` nanoseconds.
    pub fn rounds_for(&self, ns: u64) -> u64 {
        (u128::from(self.rounds_per_us) * u128::from(ns) / 1000) as u64
    }
}

/// A chain of dependent multiplications: the CPU can neither skip nor overlap them.
#[inline]
pub fn rounds(count: u64) {
    let mut value = black_box(count);
    for _ in 0..count {
        value = black_box(value.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    black_box(value);
}
