//! One window: some threads, one lock, a fixed time; what each thread got.
//!
//! Counting in a fixed window, instead of timing a fixed count, is what makes the unfair
//! comparable: a thread that gets nothing still ends with the window, and shows as a zero.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64};
use std::sync::{Barrier, RwLock};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use harness::clock::{Work, process_cpu_ns, rounds};
use harness::interrupt::{Interrupt, Interrupted};
use harness::quiet::Reading;
use locks::barriers;
use nix::unistd::gettid;
use observe::Operation;

use super::arena::Arena;
use super::contender::{Contender, Visitor};
use super::error::Error;
use super::lock_memory::LockMemory;
use super::places::Places;
use super::waits::Waits;

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
    /// What is timed of each operation.
    pub timed: Timed,
    /// What ends the window early, if anything does.
    pub interrupt: Option<&'a Interrupt>,
}

/// What of each operation is timed. That costs two clock readings an operation, so a window in
/// which something is timed gives no throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// Nothing: the window gives the throughput.
    Nothing,
    /// How long a thread waits for the lock.
    Waits,
    /// How long it is inside.
    Sections,
}

/// A section of a microsecond that takes this long was interrupted by a preemption: a scheduler's
/// slice is longer, an interrupt shorter.
const INTERRUPTED: Duration = Duration::from_micros(500);

/// What a window showed.
#[derive(Debug, Clone)]
pub struct ContentionWindow {
    /// Operations of each thread while it was open.
    pub operations: Vec<u64>,
    /// How long it was open, in ns.
    pub elapsed_ns: u64,
    /// CPU time for one operation, user and system, of all threads from their start to their end;
    /// None without any.
    pub cpu_ns_per_operation: Option<f64>,
    /// Share of the CPUs that others used; None where that cannot be known.
    pub others: Option<f64>,
    /// Whether each thread was on its CPU in the end (getcpu(2)).
    pub pinned: bool,
    /// Whether each thread was bound to its CPU in the end (sched_getaffinity(2)).
    pub bound: bool,
    /// What the lock wrote into its memory.
    pub memory: LockMemory,
    /// Thread ids of the threads, each once.
    pub threads: BTreeSet<i32>,
    /// Sections that the guarded value does not count, of all from start to end: the lock let two
    /// threads in together.
    pub lost: u64,
    /// Involuntary context switches of all threads (/proc/TID/status).
    pub preempted: u64,
    /// Sections in whose middle the thread was preempted, if sections were timed.
    pub interrupted_sections: u64,
    /// The waits, if they were timed.
    pub waits: Waits,
}

impl ContentionWindow {
    /// In ns. No operation is a collapse, too: it counts as one that took the whole window.
    pub fn time_per_operation(&self) -> f64 {
        let operations: u64 = self.operations.iter().sum();
        self.elapsed_ns as f64 / operations.max(1) as f64
    }
}

/// What a thread has got so far, in a cache line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Slot {
    operations: AtomicU64,
    /// When the wait that is going on began, in ns of the window's clock, plus 1; 0 if none is.
    waiting_since: AtomicU64,
    /// Its thread id, and its involuntary context switches in the end.
    thread: AtomicI32,
    preempted: AtomicU64,
    interrupted_sections: AtomicU64,
}

const WARM_UP: u8 = 0;
const COUNT: u8 = 1;
const STOP: u8 = 2;

/// What the threads of a window share.
struct Shared<C> {
    arena: Pin<Box<Arena<C>>>,
    slots: Vec<Slot>,
    phase: AtomicU8,
    places: Places,
    clock: Instant,
    /// Threads that exist wait behind the gate until all exist, so that a failing spawn strands
    /// none at the barrier.
    gate: RwLock<bool>,
    start: Barrier,
}

/// What was counted between the opening of a window and its end.
struct Counted {
    operations: Vec<u64>,
    elapsed_ns: u64,
    /// The waits that were going on at the end.
    waits: Waits,
}

impl Visitor for Setup<'_> {
    type Output = Result<ContentionWindow, Error>;

    fn visit<C: Contender>(self) -> Result<ContentionWindow, Error> {
        barriers(); // registered now, and not by the first unlock of the window
        let shared = Shared::<C>::new(self.regime.threads);
        let inside = shared.arena.bytes_inside();
        let before = Reading::now();
        let cpu_before = process_cpu_ns();
        let counted = thread::scope(|scope| -> Result<Counted, Error> {
            let closed = shared.gate.write();
            // On failure `closed` is dropped with the gate still shut, and the threads go home.
            let workers = self.spawn(scope, &shared)?;
            if let Ok(mut closed) = closed {
                *closed = true;
            }
            shared.start.wait();
            let counted = self.count(&shared);
            shared.phase.store(STOP, Relaxed);
            let waits: Vec<Waits> = workers.into_iter().flat_map(|it| it.join()).collect();
            let mut counted = counted?;
            waits.iter().for_each(|it| counted.waits.merge(it));
            Ok(counted)
        })?;
        let all: u64 = shared.operations().iter().sum();
        let cpu_ns = process_cpu_ns() - cpu_before;
        Ok(ContentionWindow {
            operations: counted.operations,
            elapsed_ns: counted.elapsed_ns,
            cpu_ns_per_operation: (all > 0).then(|| cpu_ns as f64 / all as f64),
            others: Reading::now().others_since(&before, self.cpus.len()),
            pinned: shared.places.are_running(),
            bound: shared.places.are_bound(),
            memory: LockMemory {
                inside,
                end: shared.arena.lock_bytes(),
                sections: all + 1,
            },
            threads: shared
                .slots
                .iter()
                .map(|it| it.thread.load(Relaxed))
                .collect(),
            lost: all.saturating_sub(shared.arena.value.load(Relaxed)),
            preempted: shared.sum(|slot| &slot.preempted),
            interrupted_sections: shared.sum(|slot| &slot.interrupted_sections),
            waits: counted.waits,
        })
    }
}

impl Setup<'_> {
    /// Starts the threads, each of which waits for the gate and then for the others.
    fn spawn<'scope, C: Contender>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        shared: &'scope Shared<C>,
    ) -> Result<Vec<ScopedJoinHandle<'scope, Waits>>, Error> {
        let threads = self.regime.threads;
        let spawn = |(index, slot): (usize, &'scope Slot)| {
            let worker = Worker {
                setup: self,
                shared,
                slot,
            };
            let cpu = self.cpus[index % self.cpus.len()];
            let builder = thread::Builder::new();
            let spawned = builder.spawn_scoped(scope, move || worker.start(cpu));
            spawned.map_err(|e| {
                let what = format!("spawn thread {} of {threads}", index + 1);
                Error::Spawn(observe::Error::from_io(what, &e).with_kind(Operation::Thread))
            })
        };
        shared.slots.iter().enumerate().map(spawn).collect()
    }

    /// Opens the window after a warm-up, and looks at what each thread has at its two ends.
    fn count<C: Contender>(&self, shared: &Shared<C>) -> Result<Counted, Interrupted> {
        self.stand_by(self.length / 10)?;
        shared.phase.store(COUNT, Relaxed);
        let (opened, first) = (Instant::now(), shared.operations());
        self.stand_by(self.length)?;
        let (closed, last) = (Instant::now(), shared.operations());
        // At once: a wait that ends from here on is counted below.
        shared.phase.store(STOP, Relaxed);
        let mut waits = Waits::default();
        if self.timed == Timed::Waits {
            let now = closed.duration_since(shared.clock).as_nanos() as u64 + 1;
            let since = shared
                .slots
                .iter()
                .map(|slot| slot.waiting_since.load(Relaxed));
            since
                .filter(|&since| since != 0)
                .for_each(|since| waits.add(now.saturating_sub(since)));
        }
        let both = first.iter().zip(&last);
        Ok(Counted {
            operations: both.map(|(first, last)| last - first).collect(),
            elapsed_ns: closed.duration_since(opened).as_nanos() as u64,
            waits,
        })
    }

    /// Leaves the CPUs to the threads for `time`.
    fn stand_by(&self, time: Duration) -> Result<(), Interrupted> {
        let Some(interrupt) = self.interrupt else {
            #[expect(clippy::disallowed_methods, reason = "a window of time is measured")]
            thread::sleep(time);
            return Ok(());
        };
        match interrupt.wait(time) {
            Some(signal) => Err(Interrupted(signal)),
            None => Ok(()),
        }
    }
}

impl<C: Contender> Shared<C> {
    fn new(threads: usize) -> Shared<C> {
        Shared {
            arena: Arena::new(),
            slots: (0..threads).map(|_| Slot::default()).collect(),
            phase: AtomicU8::new(WARM_UP),
            places: Places::new(),
            clock: Instant::now(),
            gate: RwLock::new(false),
            start: Barrier::new(threads + 1),
        }
    }

    /// The sum of a number of each thread.
    fn sum(&self, number: fn(&Slot) -> &AtomicU64) -> u64 {
        self.slots
            .iter()
            .map(|slot| number(slot).load(Relaxed))
            .sum()
    }

    /// How many each thread has so far.
    fn operations(&self) -> Vec<u64> {
        let slots = self.slots.iter();
        slots.map(|slot| slot.operations.load(Relaxed)).collect()
    }
}

/// One contending thread.
struct Worker<'a, C> {
    setup: &'a Setup<'a>,
    shared: &'a Shared<C>,
    slot: &'a Slot,
}

impl<C: Contender> Worker<'_, C> {
    /// The thread's whole life, on `cpu`.
    fn start(self, cpu: usize) -> Waits {
        self.shared.places.pin(cpu);
        if !self
            .shared
            .gate
            .read()
            .is_ok_and(|all_are_here| *all_are_here)
        {
            return Waits::default();
        }
        self.shared.start.wait();
        let Regime {
            critical_ns,
            think_ns,
            ..
        } = self.setup.regime;
        let inside = self.setup.work.rounds_for(critical_ns);
        let outside = self.setup.work.rounds_for(think_ns);
        self.slot.thread.store(gettid().as_raw(), Relaxed);
        let waits = match self.setup.timed {
            Timed::Nothing => self.count(inside, outside),
            Timed::Waits => self.time_waits(inside, outside),
            Timed::Sections => self.time_sections(inside, outside),
        };
        self.shared.places.look(cpu);
        // Without it none is known to have been preempted.
        let status = observe::status::read(gettid().as_raw());
        let preempted = status.map_or(0, |status| status.involuntary_switches);
        self.slot.preempted.store(preempted, Relaxed);
        waits
    }

    fn count(&self, inside: u64, outside: u64) -> Waits {
        let (phase, lock) = (&self.shared.phase, self.shared.arena.lock());
        let mut operations = 0;
        while phase.load(Relaxed) != STOP {
            lock.section(|| self.work(inside));
            operations += 1;
            self.slot.operations.store(operations, Relaxed);
            rounds(outside);
        }
        Waits::default()
    }

    fn time_sections(&self, inside: u64, outside: u64) -> Waits {
        let (phase, lock) = (&self.shared.phase, self.shared.arena.lock());
        let (mut operations, mut interrupted) = (0, 0);
        while phase.load(Relaxed) != STOP {
            lock.section(|| {
                let entry = Instant::now();
                self.work(inside);
                interrupted += u64::from(entry.elapsed() >= INTERRUPTED);
            });
            operations += 1;
            self.slot.operations.store(operations, Relaxed);
            rounds(outside);
        }
        self.slot.interrupted_sections.store(interrupted, Relaxed);
        Waits::default()
    }

    fn time_waits(&self, inside: u64, outside: u64) -> Waits {
        let (phase, lock) = (&self.shared.phase, self.shared.arena.lock());
        let (mut operations, mut waits) = (0, Waits::default());
        while phase.load(Relaxed) != STOP {
            let since = self.now();
            self.slot.waiting_since.store(since, Relaxed);
            lock.section(|| {
                // A wait that outlived the window was counted from outside when the window closed.
                if phase.load(Relaxed) == COUNT {
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

    /// The critical section: read and write the guarded value, then work. Relaxed atomics compile
    /// to plain moves, and leave `none`, which guards nothing, without undefined behaviour.
    #[inline]
    fn work(&self, inside: u64) {
        let value = &self.shared.arena.value;
        value.store(value.load(Relaxed).wrapping_add(1), Relaxed);
        rounds(inside);
    }

    fn now(&self) -> u64 {
        self.shared.clock.elapsed().as_nanos() as u64 + 1
    }
}
