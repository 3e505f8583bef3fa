//! Which lock for how many threads, how long a section, how long a pause: rules over measured
//! costs. Pure.

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

/// Cases to advise on when none is given: as many threads as CPUs and four times as many, sections
/// short to long.
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

/// The lock for `regime` by the rules, and why; None where the costs that decide were not measured.
///
/// A waiter should sleep where its wait is longer than going to sleep and being woken; it must not
/// merely spin where the holder may need its CPU.
pub fn advise(costs: &Costs, regime: Regime) -> Option<Advice> {
    let swap = costs.swap_and_store_ns?;
    let std_mutex = costs.std_mutex_ns?;
    let Regime {
        threads,
        critical_ns,
        ..
    } = regime;
    let sleep = costs.futex_hop_ns.unwrap_or(50_000.0) * 2.0;
    let crowded = threads > costs.cpus;
    let (lock, because) = if threads <= 1 {
        let alone = "one thread contends with nobody: a plain variable would do".to_owned();
        let least = format!(
            "if it must be a lock, test-and-set costs {}, which is the least there is",
            nanoseconds(swap)
        );
        (LockName::TestAndSet, vec![alone, least])
    } else if critical_ns as f64 > sleep {
        let long = format!(
            "a section of {} outlasts going to sleep and being woken ({}): who waits should sleep \
             at once",
            nanoseconds(critical_ns as f64),
            nanoseconds(sleep)
        );
        let beside = "what std's second locked operation costs does not show beside such a section";
        (LockName::Std, vec![long, beside.to_owned()])
    } else if costs.membarrier_refused {
        let refused = "membarrier(2) is refused here, so the asymmetric lock has no advantage";
        (LockName::Std, vec![refused.to_owned()])
    } else {
        let price = format!(
            "uncontended it costs what test-and-set does ({}), std's Mutex {}",
            nanoseconds(swap),
            nanoseconds(std_mutex)
        );
        let mut because = vec![price];
        because.extend(reasons_to_stay_awake(costs.cpus, swap, sleep, regime));
        (LockName::Asymmetric, because)
    };
    let never = "ticket, mcs: the next in line is seldom the one that runs; nor any lock that only \
                 spins";
    Some(Advice {
        regime,
        lock: lock.as_str(),
        because,
        never: crowded.then(|| never.to_owned()),
    })
}

/// Why waiters should not sleep at once in `regime`, where a swap costs `swap` ns and going to
/// sleep and being woken `sleep` ns.
fn reasons_to_stay_awake(cpus: usize, swap: f64, sleep: f64, regime: Regime) -> Vec<String> {
    let Regime {
        threads,
        critical_ns,
        think_ns,
    } = regime;
    let wait = threads.saturating_sub(1) as f64 * critical_ns as f64;
    let mut reasons = vec![if threads > cpus {
        format!(
            "{threads} threads on {}: the holder will be preempted, and only a lock that yields \
             and sleeps lets it run",
            plural(cpus, "CPU")
        )
    } else {
        format!(
            "a wait of up to {} ends before a sleep would ({}): stay awake, but not at the \
             holder's cache line",
            nanoseconds(wait.max(swap)),
            nanoseconds(sleep)
        )
    }];
    let busy = critical_ns as f64 / (critical_ns + think_ns).max(1) as f64 * threads as f64;
    if busy >= 1.0 {
        reasons.push(format!(
            "the section is asked for {busy:.1} times as often as it can be had: what counts is \
             the time from unlock to lock"
        ));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        cpus: 2,
        swap_and_store_ns: Some(6.0),
        std_mutex_ns: Some(11.0),
        pause_ns: Some(27.0),
        sched_yield_ns: Some(430.0),
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
        .expect("the costs are known")
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
            .expect("the costs are known")
            .never
            .is_some()
        };
        assert!(!warned(2));
        assert!(warned(3));
    }

    #[test]
    fn without_the_costs_there_is_no_advice() {
        let unmeasured = Costs {
            std_mutex_ns: None,
            ..COSTS
        };
        assert_eq!(
            advise(&unmeasured, cases(2)[0]).map(|advice| advice.lock),
            None
        );
    }
}
