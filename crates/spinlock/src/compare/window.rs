//! One window: some threads, one lock, a fixed time; what each thread got.
//!
//! Counting in a fixed window, instead of timing a fixed count, is what makes the unfair comparable: a thread that
//! gets nothing still ends with the window, and shows as a zero.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Barrier, RwLock};
use std::time::{Duration, Instant};
use std::{io, thread};

use harness::clock::{Work, process_cpu_ns, rounds};
use harness::pin::pin;
use harness::quiet::Reading;
use locks::barriers;

use super::arena::Arena;
use super::contender::{Contender, Visitor};

/// Who contends, and how hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Regime {
    /// Threads, pinned to the CPUs in turn.
    pub threads: usize,
    /// Length of the critical section in ns; 0 is one increment.
    pub critical_ns: u64,
    /// Time between two sections in ns.
    pub think_ns: u64,
}

/// How a window is run. It is a [`Visitor`] of locks.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Who contends.
    pub regime: Regime,
    /// How long is counted.
    pub length: Duration,
    /// The calibrated work of sections and pauses.
    pub work: Work,
    /// Where threads are pinned: thread i to CPU i modulo their number.
    pub cpus: &'a [usize],
    /// Whether each wait is timed. That costs two clock readings an operation, so such a window gives no throughput.
    pub time_waits: bool,
}

/// What a window showed.
#[derive(Debug, Clone)]
pub struct Window {
    /// Operations of each thread while it was open.
    pub operations: Vec<u64>,
    /// How long it was open, in ns.
    pub elapsed_ns: u64,
    /// CPU time for one operation, user and system, of all threads from their start to their end; None without any.
    pub cpu_ns_per_operation: Option<f64>,
    /// Share of the CPUs that others used; None where that cannot be known.
    pub others: Option<f64>,
    /// Whether each thread could be pinned.
    pub pinned: bool,
    /// The waits, if they were timed.
    pub waits: Waits,
}

/// Waits of all threads of a window, those still going on at its end included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    /// The longest, in ns.
    pub max_ns: u64,
    sum: f64,
    squares: f64,
}

impl Waits {
    fn add(&mut self, ns: u64) {
        self.max_ns = self.max_ns.max(ns);
        self.sum += ns as f64;
        self.squares += ns as f64 * ns as f64;
    }

    fn merge(&mut self, other: &Self) {
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// The mean wait weighted by its own length, in ns: how long a wait is in which a moment of waiting
    /// falls. A mean over operations hides the starving thread, which makes few.
    pub fn weighted_ns(&self) -> f64 {
        if self.sum > 0.0 {
            self.squares / self.sum
        } else {
            0.0
        }
    }
}

/// What a thread tells, in a cache line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Slot {
    operations: AtomicU64,
    /// When the wait that is going on began, in ns of the window's clock, plus 1; 0 if none is.
    waiting_since: AtomicU64,
}

const WARM_UP: u8 = 0;
const COUNT: u8 = 1;
const STOP: u8 = 2;

impl Visitor for Setup<'_> {
    type Output = io::Result<Window>;

    fn visit<C: Contender>(self) -> io::Result<Window> {
        barriers(); // registered now, and not by the first unlock of the window
        let threads = self.regime.threads;
        let arena = Arena::<C>::new();
        let slots: Vec<Slot> = (0..threads).map(|_| Slot::default()).collect();
        let phase = AtomicU8::new(WARM_UP);
        let pinned = AtomicBool::new(true);
        let clock = Instant::now();
        let before = Reading::now();
        let cpu_before = process_cpu_ns();

        // Threads that exist wait behind the gate until all exist, so that a failing spawn strands none at the barrier.
        let gate = RwLock::new(false);
        let start = Barrier::new(threads + 1);
        let (operations, elapsed_ns, waits) = thread::scope(|scope| {
            let closed = gate.write();
            let mut handles = Vec::with_capacity(threads);
            for (index, slot) in slots.iter().enumerate() {
                let worker = Worker {
                    setup: &self,
                    arena: &arena,
                    slot,
                    phase: &phase,
                    clock,
                };
                let cpu = self.cpus[index % self.cpus.len()];
                let (gate, start, pinned) = (&gate, &start, &pinned);
                let body = move || {
                    if pin(cpu).is_err() {
                        pinned.store(false, Relaxed);
                    }
                    if !gate.read().is_ok_and(|all_are_here| *all_are_here) {
                        return Waits::default();
                    }
                    start.wait();
                    worker.run()
                };
                // On failure `closed` is dropped with the gate still shut, and the threads go home.
                handles.push(thread::Builder::new().spawn_scoped(scope, body).map_err(|error| {
                    let what = format!("spawn thread {} of {threads}: {error} (ulimit -u, cgroup pids.max)", index + 1);
                    io::Error::new(error.kind(), what)
                })?);
            }
            if let Ok(mut closed) = closed {
                *closed = true;
            }
            start.wait();

            thread::sleep(self.length / 10);
            phase.store(COUNT, Relaxed);
            let (opened, first) = (Instant::now(), counts(&slots));
            thread::sleep(self.length);
            let (closed, last) = (Instant::now(), counts(&slots));
            phase.store(STOP, Relaxed);

            let mut waits = Waits::default();
            if self.time_waits {
                let now = closed.duration_since(clock).as_nanos() as u64 + 1;
                for since in slots.iter().map(|slot| slot.waiting_since.load(Relaxed)) {
                    if since != 0 {
                        waits.add(now.saturating_sub(since));
                    }
                }
            }
            for handle in handles {
                if let Ok(of_thread) = handle.join() {
                    waits.merge(&of_thread);
                }
            }
            let operations = first
                .iter()
                .zip(&last)
                .map(|(first, last)| last - first)
                .collect();
            Ok::<_, io::Error>((
                operations,
                closed.duration_since(opened).as_nanos() as u64,
                waits,
            ))
        })?;

        let all: u64 = counts(&slots).iter().sum();
        let cpu_ns = process_cpu_ns() - cpu_before;
        Ok(Window {
            operations,
            elapsed_ns,
            cpu_ns_per_operation: (all > 0).then(|| cpu_ns as f64 / all as f64),
            others: Reading::now().others_since(&before, self.cpus.len()),
            pinned: pinned.into_inner(),
            waits,
        })
    }
}

fn counts(slots: &[Slot]) -> Vec<u64> {
    slots
        .iter()
        .map(|slot| slot.operations.load(Relaxed))
        .collect()
}

/// One contending thread.
struct Worker<'a, C> {
    setup: &'a Setup<'a>,
    arena: &'a Arena<C>,
    slot: &'a Slot,
    phase: &'a AtomicU8,
    clock: Instant,
}

impl<C: Contender> Worker<'_, C> {
    fn run(self) -> Waits {
        let Regime {
            critical_ns,
            think_ns,
            ..
        } = self.setup.regime;
        let (inside, outside) = (
            self.setup.work.rounds_for(critical_ns),
            self.setup.work.rounds_for(think_ns),
        );
        if self.setup.time_waits {
            self.timed(inside, outside)
        } else {
            self.counted(inside, outside)
        }
    }

    fn counted(self, inside: u64, outside: u64) -> Waits {
        let mut operations = 0;
        while self.phase.load(Relaxed) != STOP {
            self.arena.lock().section(|| self.work(inside));
            operations += 1;
            self.slot.operations.store(operations, Relaxed);
            rounds(outside);
        }
        Waits::default()
    }

    fn timed(self, inside: u64, outside: u64) -> Waits {
        let (mut operations, mut waits) = (0, Waits::default());
        while self.phase.load(Relaxed) != STOP {
            let since = self.now();
            self.slot.waiting_since.store(since, Relaxed);
            self.arena.lock().section(|| {
                // A wait that outlived the window was counted from outside when the window closed.
                if self.phase.load(Relaxed) == COUNT {
                    waits.add(self.now() - since);
                }
                self.slot.waiting_since.store(0, Relaxed);
                self.work(inside);
            });
            operations += 1;
            self.slot.operations.store(operations, Relaxed);
            rounds(outside);
        }
        waits
    }

    /// The critical section: read and write the guarded value, then work. Relaxed atomics compile to plain moves, and
    /// leave `none`, which guards nothing, without undefined behaviour.
    #[inline]
    fn work(&self, inside: u64) {
        let value = &self.arena.value;
        value.store(value.load(Relaxed).wrapping_add(1), Relaxed);
        rounds(inside);
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64 + 1
    }
}
