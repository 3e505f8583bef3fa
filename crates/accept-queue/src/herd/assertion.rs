//! `--assert`: bounds that every row must keep.

use std::str::FromStr;

use super::HerdRow;

/// Bounds, all of which must hold.
#[derive(Clone, Debug)]
pub struct Assertions(Vec<Bound>);

#[derive(Clone, Debug)]
struct Bound {
    metric: &'static str,
    value: fn(&HerdRow) -> Option<f64>,
    operator: &'static str,
    limit: f64,
}

type Metric = (&'static str, fn(&HerdRow) -> Option<f64>);

/// Names that an assertion may use, and what they mean.
pub const METRICS: &[Metric] = &[
    ("wakeups", |row| row.wakeups_per_connection),
    ("wakeups_kernel", |row| row.wakeups_kernel_per_connection),
    ("wasted_in_kernel", |row| row.wasted_in_kernel),
    ("wasted_visible", |row| row.wasted_visible),
    ("returns", |row| row.returns_per_connection),
    ("eagain", |row| row.eagain_per_connection),
    ("switches", |row| row.switches_per_connection),
    ("cpu_us", |row| row.cpu_us_per_connection),
    ("p50", |row| row.latency_us.map(|latency| latency.p50)),
    ("p99", |row| row.latency_us.map(|latency| latency.p99)),
    ("p999", |row| row.latency_us.map(|latency| latency.p999)),
    ("max", |row| row.latency_us.map(|latency| latency.max)),
    ("accepted_min", |row| {
        row.accepted_min.map(|count| count as f64)
    }),
    ("accepted_max", |row| {
        row.accepted_max.map(|count| count as f64)
    }),
    ("jain", |row| row.jain),
];

/// Longest first, so that `<=` is not read as `<`.
const OPERATORS: &[&str] = &["<=", ">=", "==", "<", ">"];

impl FromStr for Assertions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(parse_bound)
            .collect::<Result<_, _>>()
            .map(Assertions)
    }
}

fn parse_bound(text: &str) -> Result<Bound, String> {
    let found = OPERATORS
        .iter()
        .find_map(|operator| Some((operator, text.split_once(operator)?)));
    let Some((operator, (name, limit))) = found else {
        return Err(format!(
            "`{text}` is not a bound; an example is wakeups<=1.01"
        ));
    };
    let name = name.trim().trim_end_matches("_per_connection");
    let Some((metric, value)) = METRICS.iter().find(|(metric, _)| *metric == name) else {
        let names: Vec<&str> = METRICS.iter().map(|(metric, _)| *metric).collect();
        return Err(format!(
            "no metric `{name}`; there are {}",
            names.join(", ")
        ));
    };
    let limit = limit
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|limit| limit.is_finite());
    Ok(Bound {
        metric,
        value: *value,
        operator,
        limit: limit.ok_or_else(|| format!("`{text}` has no number after {operator}"))?,
    })
}

impl Assertions {
    /// A sentence for each bound that `row` breaks. What was not measured breaks every bound.
    pub fn violations(&self, row: &HerdRow) -> Vec<String> {
        let violations = self.0.iter().filter_map(|bound| {
            let Bound {
                metric,
                operator,
                limit,
                ..
            } = bound;
            let value = (bound.value)(row);
            let kept = value.is_some_and(|value| match *operator {
                "<=" => value <= *limit,
                ">=" => value >= *limit,
                "==" => value == *limit,
                "<" => value < *limit,
                _ => value > *limit,
            });
            let measured = value.map_or("not measured".to_owned(), |value| format!("{value:.3}"));
            let HerdRow {
                strategy, workers, ..
            } = row;
            (!kept).then(|| {
                format!(
                    "{strategy}, {workers} workers: {metric} is {measured}, not {operator} {limit}"
                )
            })
        });
        violations.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_a_sentence() {
        let row = HerdRow {
            strategy: "poll".into(),
            workers: 8,
            wakeups_per_connection: Some(8.0),
            jain: Some(0.95),
            ..HerdRow::default()
        };
        let broken = |text: &str| text.parse::<Assertions>().unwrap().violations(&row);
        assert_eq!(
            broken("wakeups<=1.01, jain>=0.9"),
            ["poll, 8 workers: wakeups is 8.000, not <= 1.01"]
        );
        assert!(broken("wakeups_per_connection==8,jain<1").is_empty());
        assert_eq!(
            broken("cpu_us<5"),
            ["poll, 8 workers: cpu_us is not measured, not < 5"]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "wakeups",
            "wakeups<=",
            "wakeups<=x",
            "sleep<=1",
            "jain>=nan",
            "jain>=0.9,",
        ] {
            assert!(text.parse::<Assertions>().is_err(), "{text}");
        }
    }
}
