//! The comparison as text: a table for each regime, then the heat-map. Rendering only; nothing is
//! measured here.

use super::{Comparison, ComparisonRow, window::Regime};
use harness::quiet::WINDOW_TOLERANCE;
use std::fmt::Write as _;

use anstyle::Ansi256Color;
use present::svg::Colour;
use present::{Cell, Column, Table, fill_sentences, fold_lines};

/// The regimes of the rows, in order.
pub(super) fn regimes(rows: &[ComparisonRow]) -> Vec<Regime> {
    let mut regimes: Vec<Regime> = Vec::new();
    for row in rows {
        let regime = Regime {
            threads: row.threads,
            critical_ns: row.critical_ns,
            think_ns: row.think_ns,
        };
        if !regimes.contains(&regime) {
            regimes.push(regime);
        }
    }
    regimes
}

/// The locks of the rows, in order.
pub(super) fn locks(rows: &[ComparisonRow]) -> Vec<&'static str> {
    let mut locks: Vec<&str> = Vec::new();
    for row in rows {
        if !locks.contains(&row.lock) {
            locks.push(row.lock);
        }
    }
    locks
}

pub(super) fn rows_of<'a>(
    rows: &'a [ComparisonRow],
    regime: &Regime,
) -> impl Iterator<Item = &'a ComparisonRow> {
    let Regime {
        threads,
        critical_ns,
        think_ns,
    } = *regime;
    rows.iter().filter(move |row| {
        (row.threads, row.critical_ns, row.think_ns) == (threads, critical_ns, think_ns)
    })
}

/// The whole text in `width` columns of a terminal: tables, heat-map, and what has to be said about
/// the windows. The heat-map has colours, which the output strips where they are not wanted.
pub fn text(comparison: &Comparison, width: Option<usize>) -> String {
    let mut text = tables(&comparison.rows, width);
    text += &heat_map(&comparison.rows, width);
    text += &fill_sentences(&remarks(comparison), width);
    text
}

/// One table for each regime.
pub fn tables(rows: &[ComparisonRow], width: Option<usize>) -> String {
    let mut text = String::new();
    for regime in regimes(rows) {
        let heading = format!(
            "{}, critical section {}, think time {}\n",
            plural(regime.threads, "thread"),
            section(regime.critical_ns),
            nanoseconds(regime.think_ns as f64),
        );
        text += &fold_lines(&heading, width);
        text += &table(rows_of(rows, &regime)).render(width);
        text.push('\n');
    }
    text
}

fn table<'a>(rows: impl Iterator<Item = &'a ComparisonRow>) -> Table {
    let mut table = Table::new([
        Column::left("  lock").at_least(23),
        Column::right("per op").at_least(6),
        Column::right("spread").at_least(6),
        Column::right("ratio").at_least(5),
        Column::right("Jain").at_least(4),
        Column::right("zero").at_least(4),
        Column::right("void").at_least(4),
        Column::right("CPU/op").at_least(6),
        Column::right("wait").at_least(6),
        Column::right("max wait").at_least(8),
    ])
    .gap(1);
    for row in rows {
        table.row([
            format!("{} {}", if row.disturbed { "!" } else { " " }, row.lock),
            show_known(row.ns_per_operation, nanoseconds),
            show_known(row.spread, |spread| format!("{:.0}%", spread * 100.0)),
            show_known(row.ratio_to_best, ratio),
            show_known(row.jain, |jain| format!("{jain:.2}")),
            row.threads_at_zero.to_string(),
            row.windows_without_operation.to_string(),
            show_known(row.cpu_ns_per_operation, nanoseconds),
            show_known(row.wait_weighted_ns, nanoseconds),
            show_known(row.wait_max_ns.map(|ns| ns as f64), nanoseconds),
        ]);
    }
    table
}

/// Locks down, regimes across, in each field the ratio to the best lock of its column.
pub fn heat_map(rows: &[ComparisonRow], width: Option<usize>) -> String {
    let regimes = regimes(rows);
    let names = Column::right("").at_least(21);
    let fields = regimes.iter().map(|_| Column::right("").at_least(5));
    let mut table = Table::new(std::iter::once(names).chain(fields)).gap(1);
    let mut heading = |name: &str, value: &dyn Fn(&Regime) -> String| {
        let values = regimes.iter().map(value);
        table.row(std::iter::once(name.to_owned()).chain(values));
    };
    heading("threads", &|regime| regime.threads.to_string());
    heading("critical section", &|regime| {
        section(regime.critical_ns).replace(' ', "")
    });
    heading("think time", &|regime| {
        nanoseconds(regime.think_ns as f64).replace(' ', "")
    });
    for lock in locks(rows) {
        let field = |regime| {
            let row = rows_of(rows, regime).find(|row| row.lock == lock);
            heat(row.and_then(|row| row.ratio_to_best))
        };
        table.row(std::iter::once(Cell::from(lock)).chain(regimes.iter().map(field)));
    }
    let title = "Time per operation, as a multiple of the best lock's\n";
    fold_lines(title, width) + &table.render(width) + "\n"
}

fn heat(ratio_to_best: Option<f64>) -> Cell {
    let cell = Cell::from(show_known(ratio_to_best, ratio));
    match ratio_to_best {
        Some(value) => cell.with_style(Ansi256Color(16).on(Ansi256Color(shade(value).0))),
        None => cell,
    }
}

/// Five shades, as a 256-colour index and for SVG: within 5 %, 20 %, twice, ten times, worse.
pub(super) fn shade(ratio: f64) -> (u8, Colour) {
    match ratio {
        r if r <= 1.05 => (114, Colour::fixed("#7bc87b")),
        r if r <= 1.2 => (150, Colour::fixed("#b5d78b")),
        r if r <= 2.0 => (222, Colour::fixed("#f3d98b")),
        r if r <= 10.0 => (215, Colour::fixed("#f2ae66")),
        _ => (203, Colour::fixed("#e8675f")),
    }
}

fn remarks(comparison: &Comparison) -> String {
    let mut text = format!(
        "{} of {} on {}, seed {}.\n",
        plural(comparison.windows, "window"),
        nanoseconds(comparison.window_ns as f64),
        plural(comparison.cpus, "CPU"),
        comparison.seed,
    );
    if comparison.refused > 0 {
        let _ = write!(
            text,
            "{} refused: others used more than {:.0} % of the CPUs.",
            comparison.refused,
            WINDOW_TOLERANCE * 100.0
        );
    } else if comparison.bystanders_seen {
        text += "None refused.";
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if comparison.rows.iter().any(|row| row.disturbed) {
        text += "! every window of this lock was refused: its figures are of the least \
                 disturbed ones. Run again on a quieter machine.\n";
    }
    let mut rows = comparison.rows.iter();
    let lacking = rows.any(|row| row.windows + row.refused == 0 || row.wait_max_ns.is_none());
    // Where a signal ended it, the heading has said so.
    if lacking && comparison.partial.is_none() {
        text += "-: the time was over before this could be measured. Run again on a quieter \
                 machine, or with fewer --locks.\n";
    }
    if comparison
        .rows
        .iter()
        .any(|row| row.windows_without_operation > 0)
    {
        text += "void: windows in which no thread finished an operation. They count with their \
                 whole length, which is the least that an operation can have taken.\n";
    }
    if !comparison.bystanders_seen {
        text += "Whether others used the CPU could not be seen (no root control group, no \
                 /proc/stat): nothing was refused.\n";
    }
    if !comparison.pinned {
        text += "Threads could not be pinned (sched_setaffinity was refused): they ran where \
                 the scheduler put them.\n";
    }
    if comparison.cpus == 1 {
        text += "With one CPU no two threads ever run at once: this compares hand-overs by the \
                 scheduler, not contention.\n";
    }
    text
}

fn show_known(value: Option<f64>, show: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "-".into(), show)
}

pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The length of a critical section, with its unit; 0 is "short".
pub fn section(ns: u64) -> String {
    if ns == 0 {
        "short".into()
    } else {
        nanoseconds(ns as f64)
    }
}

/// At most four characters: 1.04, 12.3, 123, 4.2k, 260k.
pub(super) fn ratio(ratio: f64) -> String {
    match ratio {
        r if r < 9.995 => format!("{r:.2}"),
        r if r < 99.95 => format!("{r:.1}"),
        r if r < 999.5 => format!("{r:.0}"),
        r if r < 9950.0 => format!("{:.1}k", r / 1e3),
        r if r < 999_500.0 => format!("{:.0}k", r / 1e3),
        r => format!("{:.0}M", r / 1e6),
    }
}

/// A duration with its unit and two or three digits: 5.8 ns, 540 ns, 1.1 us, 7.1 ms.
pub fn nanoseconds(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 999.5 => (ns, "ns"),
        ns if ns < 999_500.0 => (ns / 1e3, "us"),
        ns if ns < 999_500_000.0 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    if value < 9.95 && value.fract() != 0.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{comparison, row};
    use super::*;

    #[test]
    fn a_ratio_fits_its_field() {
        let shown = [
            1.04, 9.999, 12.34, 99.96, 123.4, 4213.0, 9999.0, 260_000.0, 3e6,
        ]
        .map(ratio);
        assert_eq!(
            shown,
            [
                "1.04", "10.0", "12.3", "100", "123", "4.2k", "10k", "260k", "3M"
            ]
        );
    }

    /// A paragraph that the source breaks is broken a second time in a narrow terminal.
    #[test]
    fn what_is_said_of_the_windows_is_broken_by_the_width_alone() {
        let disturbed = ComparisonRow {
            disturbed: true,
            windows_without_operation: 1,
            ..row("ticket", 2, Some(1.0))
        };
        let comparison = Comparison {
            cpus: 1,
            pinned: false,
            bystanders_seen: false,
            ..comparison(vec![disturbed], None)
        };
        let remarks = remarks(&comparison);
        assert_eq!(remarks.lines().count(), 7, "{remarks}");
        let ends = |line: &str| line.ends_with('.');
        assert!(remarks.lines().all(ends), "{remarks}");
    }

    #[test]
    fn durations_carry_their_unit() {
        let shown = [0.27, 5.8, 0.0, 540.0, 1060.0, 7.1e6, 2e9].map(nanoseconds);
        assert_eq!(
            shown,
            [
                "0.3 ns", "5.8 ns", "0 ns", "540 ns", "1.1 us", "7.1 ms", "2 s"
            ]
        );
    }
}
