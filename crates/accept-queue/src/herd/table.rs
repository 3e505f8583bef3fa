//! The rows for a person: wasted wakeups, their cost, and which workers got the connections.

use std::fmt::Write;

use present::{Column, Table, fill_sentences, fold_lines};

use super::HerdRow as Row;

const LEGEND: &str = "wasted: woken and given no connection. kernel: it slept again inside its \
                      call. visible: it returned to user space first. Jain: 1 all alike, 1/N one \
                      has all.\n\n";

/// The table of the columns that matter most, at most 80 characters wide, with its notes and with
/// what it says about this machine, in `width` columns of a terminal. `refused` is why the
/// tracepoint did not count.
pub fn table(rows: &[Row], refused: Option<&str>, width: Option<usize>) -> String {
    let mut text = String::new();
    for group in rows.chunk_by(|a, b| a.workers == b.workers) {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(
            text,
            "{} workers, {} connections, pace {}; all figures per connection",
            first.workers, first.connections, first.pace
        );
        text += &main_columns(group).render(width);
        text.push('\n');
    }
    text += &fill_sentences(&(LEGEND.to_owned() + &evidence(rows, refused)), width);
    text += &advice(rows, width);
    text += &notes(rows);
    fold_lines(&text, width)
}

fn main_columns(group: &[Row]) -> Table {
    let mut table = Table::new([
        Column::left("\nstrategy").at_least(20),
        Column::right("wakeups").at_least(7),
        Column::right("wasted:\nkernel").at_least(8),
        Column::right("wasted:\nvisible").at_least(8),
        Column::right("CPU\nus").at_least(7),
        Column::right("latency\np99 us").at_least(8),
        Column::right("accepts\nmin..max").at_least(11),
        Column::right("Jain").at_least(4),
    ])
    .gap(1);
    for row in group {
        table.row([
            row.strategy.clone(),
            number(row.wakeups_per_connection, 3),
            number(row.wasted_in_kernel, 3),
            number(row.wasted_visible, 3),
            number(row.cpu_us_per_connection, 1),
            number(row.latency_us.map(|latency| latency.p99), 0),
            accepts(row),
            number(row.jain, 2),
        ]);
    }
    table
}

/// The columns that the table leaves out.
pub fn details(rows: &[Row], width: Option<usize>) -> String {
    let mut table = Table::new([
        Column::left("strategy").at_least(21),
        Column::right("N").at_least(3),
        Column::right("tracept.").at_least(8),
        Column::right("returns").at_least(8),
        Column::right("EAGAIN").at_least(7),
        Column::right("switch").at_least(7),
        Column::right("p50 us").at_least(8),
        Column::right("p99").at_least(7),
        Column::right("p99.9").at_least(7),
        Column::right("max").at_least(7),
    ])
    .gap(1);
    for row in rows {
        let latency = row.latency_us;
        table.row([
            row.strategy.clone(),
            row.workers.to_string(),
            number(row.wakeups_kernel_per_connection, 3),
            number(row.returns_per_connection, 3),
            number(row.eagain_per_connection, 2),
            number(row.switches_per_connection, 2),
            number(latency.map(|latency| latency.p50), 0),
            number(latency.map(|latency| latency.p99), 0),
            number(latency.map(|latency| latency.p999), 0),
            number(latency.map(|latency| latency.max), 0),
        ]);
    }
    format!("\n{}", table.render(width))
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".to_owned(), |value| {
        let decimals = if value < 999.5 { decimals } else { 0 };
        format!("{value:.decimals$}")
    })
}

fn accepts(row: &Row) -> String {
    match (row.accepted_min, row.accepted_max) {
        (Some(min), Some(max)) => format!("{min}..{max}"),
        _ => "-".to_owned(),
    }
}

/// Which ways to count there were, and how far apart they are.
fn evidence(rows: &[Row], refused: Option<&str>) -> String {
    let apart = rows.iter().filter_map(|row| {
        let (a, b) = (
            row.wakeups_per_connection?,
            row.wakeups_kernel_per_connection?,
        );
        Some((a - b).abs() / a.max(b).max(f64::MIN_POSITIVE))
    });
    let by = "evidence: voluntary context switches (counters)";
    match apart.reduce(f64::max) {
        Some(apart) => format!(
            "{by} and sched:sched_waking (kernel), at most {:.2} % apart.\n",
            apart * 100.0
        ),
        None => refused.map_or(
            "evidence: none, nothing was measured.\n".to_owned(),
            |why| format!("{by} alone; the tracepoint: {why}.\n"),
        ),
    }
}

/// What stands out on this machine, for each number of workers.
fn advice(rows: &[Row], width: Option<usize>) -> String {
    let mut table = Table::new([
        Column::right("").at_least(13),
        Column::left("").at_least(11),
        Column::left("").at_least(20),
        Column::right("").at_least(8),
        Column::left(""),
    ])
    .gap(1);
    for group in rows
        .chunk_by(|a, b| a.workers == b.workers)
        .filter(|group| group.len() > 1)
    {
        let mut line = |what: &str, unit: &str, value: fn(&Row) -> Option<f64>| {
            let measured = group.iter().filter_map(|row| Some((row, value(row)?)));
            if let Some((row, least)) = measured.min_by(|a, b| a.1.total_cmp(&b.1)) {
                table.row([
                    format!("{} workers:", row.workers),
                    what.to_owned(),
                    row.strategy.clone(),
                    format!("{:.2}", least.abs()),
                    unit.to_owned(),
                ]);
            }
        };
        line("least CPU", "us", |row| row.cpu_us_per_connection);
        line("lowest p99", "us", |row| {
            row.latency_us.map(|latency| latency.p99)
        });
        line("evenest", "Jain", |row| row.jain.map(|jain| -jain));
    }
    table.render(width)
}

fn notes(rows: &[Row]) -> String {
    let noted = rows.iter().filter(|row| !row.note.is_empty());
    noted
        .map(|row| {
            format!(
                "note: {}, {} workers: {}\n",
                row.strategy, row.workers, row.note
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_a_terminal_and_keeps_the_notes() {
        let row = Row {
            strategy: "epoll-exclusive-edge".into(),
            workers: 100,
            connections: 1000,
            accepted_min: Some(0),
            accepted_max: Some(1000),
            wakeups_per_connection: Some(100.015),
            note: "io_uring_setup: EPERM".into(),
            ..Row::default()
        };
        let text = table(&[row], None, Some(80));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.contains("EPERM") && text.contains("100.015") && text.contains("0..1000"));
    }
}
