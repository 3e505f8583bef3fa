//! The rows for a person: what was woken for nothing, what it cost, who got the connections.

use std::fmt::Write;

use super::HerdRow as Row;

/// The table of the columns that matter most, at most 80 characters wide, with its notes and with what
/// it says about this machine. `refused` is why the tracepoint did not count.
pub fn table(rows: &[Row], refused: Option<&str>) -> String {
    let mut text = String::new();
    for group in rows.chunk_by(|a, b| a.workers == b.workers) {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(
            text,
            "{} workers, {} connections, pace {}; all figures per connection",
            first.workers, first.connections, first.pace
        );
        let _ = writeln!(
            text,
            "{:<20}{:>8}{:>9}{:>9}{:>8}{:>9}{:>12}{:>5}",
            "", "wakeups", "wasted:", "wasted:", "CPU", "latency", "accepts", "Jain"
        );
        let _ = writeln!(
            text,
            "{:<20}{:>8}{:>9}{:>9}{:>8}{:>9}{:>12}",
            "strategy", "", "kernel", "visible", "us", "p99 us", "min..max"
        );
        for row in group {
            let _ = writeln!(
                text,
                "{:<20}{:>8}{:>9}{:>9}{:>8}{:>9}{:>12}{:>5}",
                row.strategy,
                number(row.wakeups_per_connection, 3),
                number(row.wasted_in_kernel, 3),
                number(row.wasted_visible, 3),
                number(row.cpu_us_per_connection, 1),
                number(row.latency_us.map(|latency| latency.p99), 0),
                accepts(row),
                number(row.jain, 2),
            );
        }
        text.push('\n');
    }
    text.push_str(
        "wasted: woken and given no connection. kernel: it slept again inside its call.\n\
         visible: it returned to user space first. Jain: 1 all alike, 1/N one has all.\n\n",
    );
    text + &witnesses(rows, refused) + &advice(rows) + &notes(rows)
}

/// The columns that the table leaves out.
pub fn details(rows: &[Row]) -> String {
    let mut text = format!(
        "\n{:<21}{:>4}{:>9}{:>9}{:>8}{:>8}{:>9}{:>8}{:>8}{:>8}\n",
        "strategy", "N", "tracept.", "returns", "EAGAIN", "switch", "p50 us", "p99", "p99.9", "max"
    );
    for row in rows {
        let latency = row.latency_us;
        let _ = writeln!(
            text,
            "{:<21}{:>4}{:>9}{:>9}{:>8}{:>8}{:>9}{:>8}{:>8}{:>8}",
            row.strategy,
            row.workers,
            number(row.wakeups_kernel_per_connection, 3),
            number(row.returns_per_connection, 3),
            number(row.eagain_per_connection, 2),
            number(row.switches_per_connection, 2),
            number(latency.map(|latency| latency.p50), 0),
            number(latency.map(|latency| latency.p99), 0),
            number(latency.map(|latency| latency.p999), 0),
            number(latency.map(|latency| latency.max), 0),
        );
    }
    text
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
fn witnesses(rows: &[Row], refused: Option<&str>) -> String {
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
            "{by} and sched:sched_waking\n(kernel), at most {:.2} % apart.\n",
            apart * 100.0
        ),
        None => refused.map_or(
            "evidence: none, nothing was measured.\n".to_owned(),
            |why| format!("{by} alone; the tracepoint:\n{why}.\n"),
        ),
    }
}

/// What stands out on this machine, for each number of workers.
fn advice(rows: &[Row]) -> String {
    let mut text = String::new();
    for group in rows
        .chunk_by(|a, b| a.workers == b.workers)
        .filter(|group| group.len() > 1)
    {
        let mut line = |what: &str, unit: &str, value: fn(&Row) -> Option<f64>| {
            let measured = group.iter().filter_map(|row| Some((row, value(row)?)));
            if let Some((row, least)) = measured.min_by(|a, b| a.1.total_cmp(&b.1)) {
                let (workers, strategy, least) = (row.workers, &row.strategy, least.abs());
                let _ = writeln!(
                    text,
                    "{workers:>4} workers: {what:<12}{strategy:<21}{least:>8.2} {unit}"
                );
            }
        };
        line("least CPU", "us", |row| row.cpu_us_per_connection);
        line("lowest p99", "us", |row| {
            row.latency_us.map(|latency| latency.p99)
        });
        line("evenest", "Jain", |row| row.jain.map(|jain| -jain));
    }
    text
}

fn notes(rows: &[Row]) -> String {
    let told = rows.iter().filter(|row| !row.note.is_empty());
    told.map(|row| {
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
        let text = table(&[row], None);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.contains("EPERM") && text.contains("100.015") && text.contains("0..1000"));
    }
}
