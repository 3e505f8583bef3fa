//! The rows as comma-separated values (RFC 4180), a head line first.

use super::HerdRow;

const HEADER: &str = "strategy,workers,connections,pace,evidence,wakeups_per_connection,\
wakeups_kernel_per_connection,wasted_in_kernel,wasted_visible,returns_per_connection,\
eagain_per_connection,switches_per_connection,cpu_us_per_connection,latency_p50_us,latency_p99_us,\
latency_p999_us,latency_max_us,accepted_min,accepted_max,jain,note\n";

/// The whole file.
pub fn csv(rows: &[HerdRow]) -> String {
    rows.iter()
        .map(line)
        .fold(HEADER.to_owned(), |file, line| file + &line)
}

fn line(row: &HerdRow) -> String {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.4}"));
    let count = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    let latency = row.latency_us;
    let cells = [
        row.strategy.clone(),
        row.workers.to_string(),
        row.connections.to_string(),
        row.pace.clone(),
        row.evidence.to_owned(),
        number(row.wakeups_per_connection),
        number(row.wakeups_kernel_per_connection),
        number(row.wasted_in_kernel),
        number(row.wasted_visible),
        number(row.returns_per_connection),
        number(row.eagain_per_connection),
        number(row.switches_per_connection),
        number(row.cpu_us_per_connection),
        number(latency.map(|latency| latency.p50)),
        number(latency.map(|latency| latency.p99)),
        number(latency.map(|latency| latency.p999)),
        number(latency.map(|latency| latency.max)),
        count(row.accepted_min),
        count(row.accepted_max),
        number(row.jain),
        quote(&row.note),
    ];
    cells.join(",") + "\n"
}

fn quote(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_for_each_head() {
        let row = HerdRow {
            strategy: "poll".into(),
            note: "a \"b\"; c".into(),
            ..HerdRow::default()
        };
        let file = csv(&[row]);
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
        assert!(lines[1].ends_with("\"a \"\"b\"\"; c\""));
    }
}
