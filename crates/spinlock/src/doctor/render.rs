//! The doctor's findings as text. Rendering only.

use std::fmt::Write as _;

use present::{Column, Table, fold_lines};

use super::Findings;
use super::advice::Advice;
use crate::compare::render::{nanoseconds, section};

/// The costs, then each case with its advice, in `width` columns of a terminal.
pub fn text(findings: &Findings, advice: &[Advice], width: Option<usize>) -> String {
    let heading = findings.partial.map(|partial| partial.heading());
    let mut text = heading.unwrap_or_default() + "What waiting costs here (medians)\n";
    text += &table(findings, width);
    text += &cases(advice);
    fold_lines(&text, width)
}

fn table(findings: &Findings, width: Option<usize>) -> String {
    let mut table = Table::new([Column::left("").at_least(52), Column::right("").at_least(8)])
        .gap(1)
        .indent(2);
    let costs = &findings.costs;
    let unmeasured = "not measured";
    let one_cpu = costs.cpus == 1;
    let alone = if one_cpu {
        "needs a second CPU"
    } else {
        unmeasured
    };
    let no_membarrier = match costs.membarrier_refused {
        true => "refused",
        false if one_cpu || findings.partial.is_some() => alone,
        false => "not seen: the CPU was busy",
    };
    let mut line = |name: &str, ns: Option<f64>, otherwise: &str| {
        table.row([
            name.to_owned(),
            ns.map_or_else(|| otherwise.to_owned(), nanoseconds),
        ]);
    };
    line(
        "swap and store, uncontended",
        costs.swap_and_store_ns,
        unmeasured,
    );
    line("std Mutex, uncontended", costs.std_mutex_ns, unmeasured);
    line("one PAUSE", costs.pause_ns, unmeasured);
    line("sched_yield", costs.sched_yield_ns, unmeasured);
    let round_trip = costs.cache_line_round_trip_ns;
    line("cache line to the other CPU and back", round_trip, alone);
    let hop = costs.futex_hop_ns;
    line("futex: from wake to running on the other CPU", hop, alone);
    let barrier = costs.membarrier_ns;
    line("membarrier to a busy CPU", barrier, no_membarrier);
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

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::super::Costs;
    use super::*;
    use crate::PartialMeasurement;

    #[test]
    fn what_a_signal_left_out_is_not_called_busy() {
        let costs = Costs {
            cpus: 2,
            swap_and_store_ns: Some(6.0),
            std_mutex_ns: None,
            pause_ns: None,
            sched_yield_ns: None,
            cache_line_round_trip_ns: None,
            futex_hop_ns: None,
            membarrier_ns: None,
            membarrier_refused: false,
        };
        let partial = PartialMeasurement {
            signal: Signal::SIGINT,
            measured: 1,
            planned: 7,
            unit: "costs",
        };
        let mut findings = Findings {
            costs,
            partial: Some(partial),
        };
        let report = text(&findings, &[], None);
        assert!(report.starts_with("PARTIAL: SIGINT ended the run after 1 of 7 costs\n"));
        assert_eq!(report.matches("not measured").count(), 6, "{report}");
        findings.partial = None;
        assert!(text(&findings, &[], None).contains("not seen: the CPU was busy"));
    }
}
