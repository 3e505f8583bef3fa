//! The doctor's findings as text. Rendering only.

use std::fmt::Write as _;

use super::{Costs, advice::Advice};
use crate::compare::render::{nanoseconds, section};

/// The costs, then each case with its advice.
pub fn text(costs: &Costs, advice: &[Advice]) -> String {
    let mut text = String::from("What waiting costs here (medians)\n");
    let mut line = |name: &str, ns: Option<f64>, otherwise: &str| {
        let shown = ns.map_or_else(|| otherwise.to_owned(), nanoseconds);
        let _ = writeln!(text, "  {name:<52} {shown:>8}");
    };
    let alone = "needs a second CPU";
    let unmeasured = match (costs.membarrier_refused, costs.cpus) {
        (true, _) => "refused",
        (false, 1) => alone,
        (false, _) => "not seen: the CPU was busy",
    };
    line(
        "swap and store, uncontended",
        Some(costs.swap_and_store_ns),
        "",
    );
    line("std Mutex, uncontended", Some(costs.std_mutex_ns), "");
    line("one PAUSE", Some(costs.pause_ns), "");
    line("sched_yield", Some(costs.sched_yield_ns), "");
    line(
        "cache line to the other CPU and back",
        costs.cache_line_round_trip_ns,
        alone,
    );
    line(
        "futex: from wake to running on the other CPU",
        costs.futex_hop_ns,
        alone,
    );
    line("membarrier to a busy CPU", costs.membarrier_ns, unmeasured);
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
