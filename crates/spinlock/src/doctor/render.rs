//! The doctor's findings as text. Rendering only.

use std::fmt::Write as _;

use present::{Column, Table, fold_lines};

use super::{Costs, advice::Advice};
use crate::compare::render::{nanoseconds, section};

/// The costs, then each case with its advice, in `width` columns of a terminal.
pub fn text(costs: &Costs, advice: &[Advice], width: Option<usize>) -> String {
    let mut text = String::from("What waiting costs here (medians)\n");
    text += &table(costs, width);
    text += &cases(advice);
    fold_lines(&text, width)
}

fn table(costs: &Costs, width: Option<usize>) -> String {
    let mut table = Table::new([Column::left("").at_least(52), Column::right("").at_least(8)])
        .gap(1)
        .indent(2);
    let mut line = |name: &str, ns: Option<f64>, otherwise: &str| {
        table.row([
            name.to_owned(),
            ns.map_or_else(|| otherwise.to_owned(), nanoseconds),
        ]);
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
    table.render(width)
}

fn cases(advice: &[Advice]) -> String {
    let mut text = String::new();
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
