//! The tools of this topic: what they take, what they print, how they end.

mod compare;
mod doctor;
mod handover;

use std::ops::RangeInclusive;

use anyhow::Result;
use clap::Subcommand;
use runner::Tools;

/// The most threads that contend: each takes a stack, and 1000 for each CPU show nothing new.
const THREADS: RangeInclusive<usize> = 1..=4096;

/// Lengths of a critical section, and of the time between two, in nanoseconds: up to a second.
const NANOSECONDS: RangeInclusive<u64> = 0..=1_000_000_000;

/// A tool of this topic.
#[derive(Subcommand)]
pub enum Tool {
    /// Measure every lock under contention: time, fairness, CPU time, waits
    ///
    /// Threads contend for a fixed time (a window); the windows of all locks are interleaved and
    /// shuffled, and one in which others used the CPU is refused and repeated. Only ratios within
    /// one run mean anything. Without --threads, --critical and --think, ten regimes from 1 to 8
    /// threads are measured.
    Compare(compare::CompareArgs),
    /// Measure what waiting costs here, and say which lock to take, and why
    Doctor(doctor::DoctorArgs),
    /// Kill the holder of a robust mutex again and again, and time the next owner's wait
    Handover(handover::HandoverArgs),
}

impl Tools for Tool {
    const ABOUT: &'static str =
        "Test-and-set and its family: compare locks under contention, on this machine";
    const EXAMPLES: &'static str = "\
spinlock claims                                 this topic's claims
spinlock compare --threads 2,8 --locks std,mcs  two locks, in two regimes
spinlock doctor --threads 4 --critical 500      which lock for 500 ns sections
spinlock handover --tries 100                   a lock whose holder is killed";

    fn run(self) -> Result<u8> {
        match self {
            Tool::Compare(compare) => compare.run(),
            Tool::Doctor(doctor) => doctor.run(),
            Tool::Handover(handover) => handover.run(),
        }
    }
}
