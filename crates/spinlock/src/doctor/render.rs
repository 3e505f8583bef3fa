//! The doctor's findings as text. Rendering only.

use std::fmt::Write as _;

use super::{Costs, advice::Advice};
use crate::compare::render::{nanoseconds, section};

/// The costs, then each case with its advice.
pub fn text(costs: &Costs, advice: &[Advice]) -> String {
    let mut text = String::from("What waiting costs here (medians)\n");
    for (name, ns, otherwise) in lines(costs) {
        let shown = ns.map_or_else(|| otherwise.to_owned(), nanoseconds);
        let _ = writeln!(text, "  {name:<52} {shown:>8}");
    }
    for advice in advice {
        let regime = &advice.regime;
        let _ = writeln!(
            text,
            "\n{} thread{}, critical section {}, think time {}: {}",
            regime.threads,
            if regime.threads == 1 { "" } else { "s" },
            section(regime.critical_ns),
            nanoseconds(regime.think_ns as f64),
            advice.lock,
        );
        for reason in &advice.because {
            let _ = writeln!(text, "  because {reason}");
        }
        if let Some(never) = &advice.never {
            let _ = writeln!(text, "  never   {never}");
        }
    }
    text
}

/// Each cost with its name, and what stands in its place where it was not measured.
fn lines(costs: &Costs) -> [(&'static str, Option<f64>, &'static str); 7] {
    // Nothing but a signal leaves one out that needs no second CPU.
    let unmeasured = "not measured";
    let alone = if costs.cpus == 1 {
        "needs a second CPU"
    } else {
        unmeasured
    };
    let no_membarrier = match (costs.membarrier_refused, costs.cpus) {
        (true, _) => "refused",
        (false, 1) => alone,
        (false, _) => "not seen: the CPU was busy",
    };
    [
        (
            "swap and store, uncontended",
            costs.swap_and_store_ns,
            unmeasured,
        ),
        ("std Mutex, uncontended", costs.std_mutex_ns, unmeasured),
        ("one PAUSE", costs.pause_ns, unmeasured),
        ("sched_yield", costs.sched_yield_ns, unmeasured),
        (
            "cache line to the other CPU and back",
            costs.cache_line_round_trip_ns,
            alone,
        ),
        (
            "futex: from wake to running on the other CPU",
            costs.futex_hop_ns,
            alone,
        ),
        (
            "membarrier to a busy CPU",
            costs.membarrier_ns,
            no_membarrier,
        ),
    ]
}
