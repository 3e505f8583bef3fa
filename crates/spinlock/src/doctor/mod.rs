//! The doctor: what waiting costs on this machine, and which lock follows from that.

pub mod advice;
mod error;
pub mod render;

pub use error::Error;

use std::hint::spin_loop;
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::{Duration, Instant};

use harness::interrupt::Interrupt;
use harness::pin::{cpus, pin};
use harness::statistics::median;
use locks::TestAndSet;
use locks::system_calls::{
    PRIVATE_EXPEDITED, REGISTER_PRIVATE_EXPEDITED, futex_wait, futex_wait_briefly, futex_wake,
    membarrier,
};
use nix::sys::signal::Signal;

use crate::partial::PartialMeasurement;

/// What was measured: medians, in ns. None needs a second CPU. Each is None, too, where a signal
/// came before its turn.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Costs {
    /// CPUs that this process may use.
    pub cpus: usize,
    /// A swap and a plain store without contention: the least that a lock can cost.
    pub swap_and_store_ns: Option<f64>,
    /// Lock and unlock of a std Mutex without contention.
    pub std_mutex_ns: Option<f64>,
    /// One PAUSE (x86-64) or ISB/YIELD (aarch64).
    pub pause_ns: Option<f64>,
    /// sched_yield(2) where no other thread is ready.
    pub sched_yield_ns: Option<f64>,
    /// A cache line to the other CPU and back.
    pub cache_line_round_trip_ns: Option<f64>,
    /// From FUTEX_WAKE to the woken thread running on the other CPU.
    pub futex_hop_ns: Option<f64>,
    /// membarrier(2), private expedited, while the other CPU runs a thread of this process. None
    /// also where it is refused, or where the other CPU ran other programs all the time.
    pub membarrier_ns: Option<f64>,
    /// Whether the kernel refuses membarrier(2).
    pub membarrier_refused: bool,
}

/// The costs that [`measure`] found, and how far it came.
#[derive(Debug, Clone, Copy)]
pub struct Findings {
    /// The costs.
    pub costs: Costs,
    /// Where a signal ended it.
    pub partial: Option<PartialMeasurement>,
}

/// Measures all of them, in about half a second. A signal is noticed between two of them.
///
/// # Errors
/// An unreadable affinity mask; threads that cannot be created or pinned.
pub fn measure(interrupt: &Interrupt) -> Result<Findings, Error> {
    let cpus = cpus().map_err(Error::Affinity)?;
    let two = (cpus.len() > 1).then(|| [cpus[0], cpus[1]]);
    let lock = lock_api::Mutex::<TestAndSet, ()>::new(());
    let mutex = Mutex::new(());
    let membarrier_refused = membarrier(REGISTER_PRIVATE_EXPEDITED).is_err();
    let barriers = two.filter(|_| !membarrier_refused);
    let mut probes = Probes {
        interrupt,
        signal: None,
        measured: 0,
    };
    let costs = Costs {
        cpus: cpus.len(),
        swap_and_store_ns: probes.measure_alone(20_000, || drop(lock.lock())),
        std_mutex_ns: probes.measure_alone(20_000, || drop(mutex.lock())),
        pause_ns: probes.measure_alone(20_000, spin_loop),
        sched_yield_ns: probes.measure_alone(5_000, thread::yield_now),
        cache_line_round_trip_ns: probes.measure_on_two_cpus(two, round_trip)?,
        futex_hop_ns: probes.measure_on_two_cpus(two, futex_hop)?,
        membarrier_ns: probes.measure_on_two_cpus(barriers, barrier)?,
        membarrier_refused,
    };
    Ok(Findings {
        costs,
        partial: probes.partial(),
    })
}

/// How many costs are measured.
const PROBE_COUNT: usize = 7;

/// Measures one cost after the other, until a signal comes.
struct Probes<'a> {
    interrupt: &'a Interrupt,
    signal: Option<Signal>,
    measured: usize,
}

impl Probes<'_> {
    /// The time of an `operation` of one thread.
    fn measure_alone(&mut self, times: u32, operation: impl FnMut()) -> Option<f64> {
        self.may_continue().then(|| median_time(times, operation))
    }

    /// What `probe` measures between two CPUs, where there are two.
    fn measure_on_two_cpus(
        &mut self,
        cpus: Option<[usize; 2]>,
        probe: fn([usize; 2]) -> Result<Option<f64>, Error>,
    ) -> Result<Option<f64>, Error> {
        match cpus {
            _ if !self.may_continue() => Ok(None),
            Some(cpus) => probe(cpus),
            None => Ok(None),
        }
    }

    /// Whether the next one is measured: no signal has come.
    fn may_continue(&mut self) -> bool {
        self.signal = self.signal.or_else(|| self.interrupt.take());
        let goes_on = self.signal.is_none();
        self.measured += usize::from(goes_on);
        goes_on
    }

    /// How many costs were measured, where a signal ended the probes, the last one included.
    fn partial(&self) -> Option<PartialMeasurement> {
        let signal = self.signal.or_else(|| self.interrupt.take())?;
        Some(PartialMeasurement {
            signal,
            measured: self.measured,
            planned: PROBE_COUNT,
            unit: "costs",
        })
    }
}

/// No probe goes on for longer: where others take the CPUs, fewer batches must do.
const MAX_PROBE_TIME: Duration = Duration::from_millis(400);

/// Median over 15 batches, or as many as fit in [`MAX_PROBE_TIME`], of the time of one `operation`
/// in a batch of `times`.
fn median_time(times: u32, mut operation: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let batch = |_| {
        let start = Instant::now();
        for _ in 0..times {
            operation();
        }
        start.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let batches = (0..15)
        .map(batch)
        .take_while(|_| begun.elapsed() < MAX_PROBE_TIME);
    median(batches.collect())
        .unwrap_or_else(|| begun.elapsed().as_nanos() as f64 / f64::from(times))
}

/// Runs `other` on the second CPU while `this` runs on the first; tells `other` to stop after.
fn run_beside<T: Send>(
    [first, second]: [usize; 2],
    other: impl Fn(&AtomicBool) + Sync,
    this: impl FnOnce() -> T + Send,
) -> Result<T, Error> {
    let (stop, here) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let helper = thread::Builder::new().spawn_scoped(scope, || {
            let pinned = pin(second);
            here.store(true, Release);
            other(&stop);
            pinned
        });
        let helper = helper.map_err(Error::Spawn)?;
        // This, too, in a thread of its own: the caller's affinity stays as it is.
        let prober = thread::Builder::new().spawn_scoped(scope, || {
            let pinned = pin(first);
            while !here.load(Acquire) {
                thread::yield_now();
            }
            let result = this();
            stop.store(true, Release);
            pinned.map(|()| result)
        });
        if prober.is_err() {
            stop.store(true, Release);
        }
        let prober = prober.map_err(Error::Spawn)?;
        let result = prober.join().map_err(|_| Error::Panicked)?;
        let helped = helper.join().map_err(|_| Error::Panicked)?;
        helped.and(result).map_err(Error::Affinity)
    })
}

fn round_trip(cpus: [usize; 2]) -> Result<Option<f64>, Error> {
    let ball = AtomicU32::new(0);
    let echo = |stop: &AtomicBool| {
        while !stop.load(Relaxed) {
            if ball.load(Acquire) == 1 {
                ball.store(0, Release);
            }
        }
    };
    let serve = || {
        ball.store(1, Release);
        while ball.load(Acquire) == 1 {}
    };
    run_beside(cpus, echo, || Some(median_time(2_000, serve)))
}

fn futex_hop(cpus: [usize; 2]) -> Result<Option<f64>, Error> {
    let ball = AtomicU32::new(0);
    let echo = |stop: &AtomicBool| {
        while !stop.load(Relaxed) {
            futex_wait_briefly(&ball, 0); // briefly: no wakeup comes at the end
            if ball.swap(0, Release) == 1 {
                futex_wake(&ball);
            }
        }
    };
    let serve = || {
        ball.store(1, Release);
        futex_wake(&ball);
        while ball.load(Acquire) == 1 {
            futex_wait(&ball, 1);
        }
    };
    run_beside(cpus, echo, || Some(median_time(100, serve) / 2.0))
}

/// None where no call was seen to meet our thread on the other CPU. The process is registered.
fn barrier(cpus: [usize; 2]) -> Result<Option<f64>, Error> {
    // Proof that the other CPU ran our thread meanwhile: without it the barrier has no thread to
    // interrupt, and no cost.
    let beats = AtomicU32::new(0);
    let busy = |stop: &AtomicBool| {
        while !stop.load(Relaxed) {
            beats.store(beats.load(Relaxed).wrapping_add(1), Relaxed);
        }
    };
    let call = || {
        let begun = Instant::now();
        let tries = (0..3000).take_while(|_| begun.elapsed() < MAX_PROBE_TIME);
        let times = tries.filter_map(|_| {
            let (before, start) = (beats.load(Relaxed), Instant::now());
            membarrier(PRIVATE_EXPEDITED).ok()?;
            let time = start.elapsed().as_nanos() as f64;
            (beats.load(Relaxed) != before).then_some(time)
        });
        median(times.collect())
    };
    run_beside(cpus, busy, call)
}
