//! One race of two threads.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::Builder;

use anyhow::{Context, Result};
use harness::pin::pin;
use nix::sched::sched_getcpu;
use nix::unistd::gettid;
use observe::{Error, Operation};

use super::watchdog::{Racer, watch};
use super::{Course, Entry, Outcome};

/// What the two threads and the watchdog share.
struct Race {
    course: Course,
    entry: Entry,
    /// Increments of each thread.
    times: u64,
    /// Threads that have come to the start.
    arrived: AtomicU64,
    /// No thread waits any longer.
    give_up: AtomicBool,
}

impl Race {
    /// One thread's part: it waits at the start for the other thread, and then races.
    fn run(&self, racer: &Racer, other: &Racer, cpu: usize) -> Result<()> {
        let pinned = pin(cpu).map_err(anyhow::Error::from);
        self.arrived.fetch_add(1, Relaxed);
        while self.arrived.load(Relaxed) < 2 && !self.give_up.load(Relaxed) {
            std::hint::spin_loop();
        }
        let before = preemptions()?;
        let (mut refused, mut met) = (0, 0);
        for turn in 0..self.times {
            while self.course.test_and_set(self.entry) {
                refused += 1;
                racer.refused.store(refused, Release);
                if self.give_up.load(Relaxed) {
                    racer.say_where(met)?;
                    return pinned;
                }
            }
            racer.inside.store(true, Relaxed);
            racer.entered.store(turn + 1, Release);
            met += u64::from(other.inside.load(Relaxed));
            self.course.increment();
            racer.inside.store(false, Relaxed);
            self.course.leave(self.entry);
        }
        racer.say_where(met)?;
        racer.preempted.store(preemptions()? - before, Release);
        racer.done.store(true, Release);
        pinned
    }
}

impl Racer {
    /// Says which thread this was, on which CPU it ended, and how often it met the other.
    fn say_where(&self, met: u64) -> Result<()> {
        let thread = u64::from(gettid().as_raw().unsigned_abs());
        self.thread.store(thread, Release);
        let cpu = sched_getcpu().context("getcpu")?;
        self.cpu.store(cpu as u64, Release);
        self.met.store(met, Release);
        Ok(())
    }
}

/// Two threads, pinned to `cpus`, increment `times` times each. The calling thread is the watchdog
/// that ends a race in which no thread can win any more.
///
/// # Errors
/// A thread that cannot be created or pinned.
pub fn two_threads(entry: Entry, times: u64, cpus: [usize; 2]) -> Result<Outcome> {
    let race = Race {
        course: Course::new(entry),
        entry,
        times,
        arrived: AtomicU64::new(0),
        give_up: AtomicBool::new(false),
    };
    let racers = [Racer::default(), Racer::default()];
    let lost_unlock = std::thread::scope(|scope| -> Result<bool> {
        let mut threads = Vec::new();
        let [first, second] = &racers;
        for ((racer, other), cpu) in [(first, second), (second, first)].into_iter().zip(cpus) {
            let race = &race;
            let run = move || race.run(racer, other, cpu);
            let thread = Builder::new().spawn_scoped(scope, run);
            if thread.is_err() {
                // The first thread must not wait for the second.
                race.give_up.store(true, Relaxed);
            }
            let refused =
                |e| Error::from_io("spawn a racing thread", &e).with_kind(Operation::Thread);
            threads.push(thread.map_err(refused)?);
        }
        let lost = watch(&racers, || {
            threads.iter().all(|thread| thread.is_finished())
        });
        race.give_up.store(true, Relaxed);
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a racing thread panicked"))??;
        }
        Ok(lost)
    })?;
    let each = |count: fn(&Racer) -> &AtomicU64| racers.iter().map(move |r| count(r).load(Acquire));
    let both = |count: fn(&Racer) -> &AtomicU64| racers.each_ref().map(|r| count(r).load(Acquire));
    let [first, second] = both(|racer| &racer.thread);
    let ended_on = both(|racer| &racer.cpu);
    let entered = each(|racer| &racer.entered).sum();
    let counted = race.course.count();
    Ok(Outcome {
        entered,
        counted,
        races: 1,
        races_with_loss: u64::from(counted < entered),
        refused: each(|racer| &racer.refused).sum(),
        preempted: each(|racer| &racer.preempted).min().unwrap_or(0),
        lost_unlock,
        met: each(|racer| &racer.met).sum(),
        races_of_two: u64::from(first != 0 && second != 0 && first != second),
        races_in_place: u64::from(ended_on == cpus.map(|cpu| cpu as u64)),
        races_on_one_cpu: u64::from(ended_on[0] == ended_on[1]),
        races_at_broken_flag: u64::from(entered > 0 && race.course.is_behind_broken_flag()),
    })
}

/// Involuntary context switches of this thread so far.
fn preemptions() -> Result<u64> {
    Ok(observe::status::read(gettid().as_raw())?.involuntary_switches)
}
