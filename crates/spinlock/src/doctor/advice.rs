//! Which lock for how many threads, how long a section, how long a pause: rules over measured costs. Pure.

use super::Costs;
use crate::compare::lock_name::LockName;
use crate::compare::render::{nanoseconds, plural};
use crate::compare::window::Regime;

/// A recommendation and its reasons.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Advice {
    /// What it is for.
    pub regime: Regime,
    /// The lock to take.
    pub lock: &'static str,
    /// Why, each a sentence with the figure that decides.
    pub because: Vec<String>,
    /// What not to take, and why.
    pub never: Option<String>,
}

/// Cases to advise on when none is given: as many threads as CPUs and four times as many, sections short to long.
pub fn cases(cpus: usize) -> Vec<Regime> {
    let regime = |threads, critical_ns, think_ns| Regime {
        threads,
        critical_ns,
        think_ns,
    };
    vec![
        regime(1, 0, 0),
        regime(cpus, 0, 1000),
        regime(cpus, 1000, 0),
        regime(4 * cpus, 0, 1000),
        regime(4 * cpus, 1000, 1000),
        regime(4 * cpus, 1_000_000, 0),
    ]
}

/// The rules. A waiter should sleep where its wait is longer than going to sleep and being woken; it must not merely spin
/// where the holder may need its CPU.
pub fn advise(costs: &Costs, regime: Regime) -> Advice {
    let Regime {
        threads,
        critical_ns,
        think_ns,
    } = regime;
    let ns = |value: f64| nanoseconds(value);
    let waiters = threads.saturating_sub(1) as f64;
    let sleep = costs.futex_hop_ns.unwrap_or(50_000.0) * 2.0;
    let wait = waiters * critical_ns as f64;
    let crowded = threads > costs.cpus;
    let mut because = Vec::new();

    let lock = if threads <= 1 {
        because.push("one thread contends with nobody: a plain variable would do".to_owned());
        because.push(format!(
            "if it must be a lock, test-and-set costs {}, which is the least there is",
            ns(costs.swap_and_store_ns)
        ));
        LockName::TestAndSet
    } else if critical_ns as f64 > sleep {
        because.push(format!(
            "a section of {} outlasts going to sleep and being woken ({}): who waits should sleep at once",
            ns(critical_ns as f64),
            ns(sleep)
        ));
        because.push(
            "what std's second locked operation costs does not show beside such a section"
                .to_owned(),
        );
        LockName::Std
    } else if costs.membarrier_refused {
        because.push(
            "membarrier(2) is refused here, so the asymmetric lock has no advantage".to_owned(),
        );
        LockName::Std
    } else {
        because.push(format!(
            "uncontended it costs what test-and-set does ({}), std's Mutex {}",
            ns(costs.swap_and_store_ns),
            ns(costs.std_mutex_ns)
        ));
        because.push(if crowded {
            format!(
                "{threads} threads on {}: the holder will be preempted, and only a lock that yields and sleeps lets it run",
                plural(costs.cpus, "CPU")
            )
        } else {
            format!(
                "a wait of up to {} ends before a sleep would ({}): stay awake, but not at the holder's cache line",
                ns(wait.max(costs.swap_and_store_ns)),
                ns(sleep)
            )
        });
        let busy = critical_ns as f64 / (critical_ns + think_ns).max(1) as f64 * threads as f64;
        if busy >= 1.0 {
            because.push(format!(
                "the section is asked for {busy:.1} times as often as it can be had: what counts is the time from unlock to lock"
            ));
        }
        LockName::Asymmetric
    };
    let never = crowded.then(|| {
        "ticket, mcs: the next in line is seldom the one that runs; nor any lock that only spins".to_owned()
    });
    Advice {
        regime,
        lock: lock.as_str(),
        because,
        never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        cpus: 2,
        swap_and_store_ns: 6.0,
        std_mutex_ns: 11.0,
        pause_ns: 27.0,
        sched_yield_ns: 430.0,
        cache_line_round_trip_ns: Some(100.0),
        futex_hop_ns: Some(25_000.0),
        membarrier_ns: Some(11_000.0),
        membarrier_refused: false,
    };

    fn lock(costs: &Costs, threads: usize, critical_ns: u64) -> &'static str {
        advise(
            costs,
            Regime {
                threads,
                critical_ns,
                think_ns: 0,
            },
        )
        .lock
    }

    #[test]
    fn the_figures_decide() {
        assert_eq!(lock(&COSTS, 1, 0), "test-and-set");
        assert_eq!(lock(&COSTS, 2, 0), "asymmetric");
        assert_eq!(lock(&COSTS, 8, 1000), "asymmetric");
        assert_eq!(lock(&COSTS, 8, 1_000_000), "std");
        assert_eq!(
            lock(
                &Costs {
                    membarrier_ns: None,
                    membarrier_refused: true,
                    ..COSTS
                },
                8,
                1000
            ),
            "std"
        );
        // On a busy machine it may not have been seen.
        let unseen = Costs {
            membarrier_ns: None,
            ..COSTS
        };
        assert_eq!(lock(&unseen, 8, 1000), "asymmetric");
        let slow_sleep = Costs {
            futex_hop_ns: Some(1e6),
            ..COSTS
        };
        assert_eq!(lock(&slow_sleep, 8, 1_000_000), "asymmetric");
    }

    #[test]
    fn only_a_crowd_is_warned() {
        let warned = |threads| {
            advise(
                &COSTS,
                Regime {
                    threads,
                    critical_ns: 0,
                    think_ns: 0,
                },
            )
            .never
            .is_some()
        };
        assert!(!warned(2));
        assert!(warned(3));
    }
}
