//! The heat-map as SVG. Rendering only.

use present::svg::{Anchor, Colour, Document, Element, FAINT};

use super::lock_name::LockName;
use super::render::{nanoseconds, plural, ratio, regimes, rows_of, section, shade};
use super::window::Regime;
use super::{Comparison, ComparisonRow};

const LEFT: f64 = 190.0;
const TOP: f64 = 96.0;
const WIDTH: f64 = 74.0;
const HEIGHT: f64 = 24.0;
const TITLE: &str = "Time per operation, as a multiple of the best lock's";

/// The ground of a field without a ratio, or without a lock.
const NO_RATIO: Colour = Colour::fixed("#e6e6e6");
/// Text on the grounds, which are pale in both themes.
const ON_GROUND: Colour = Colour::fixed("#222222");

/// A document that stands alone: locks down, regimes across, the ratio to the best lock in each
/// field, the time per operation as its tooltip.
pub fn svg(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let regimes = regimes(rows);
    let locks = rows.len() / regimes.len().max(1);
    let (width, height) = (
        LEFT + regimes.len() as f64 * WIDTH + 16.0,
        TOP + locks as f64 * HEIGHT + 44.0,
    );
    let description = "Locks down, cases of contention across; green is the best lock of its case, \
                       red more than ten times as slow.";
    let mut picture =
        Document::new(width, height, TITLE, description).font("DejaVu Sans, sans-serif", 12.0);
    picture.add(Element::text(12.0, 22.0, TITLE).heading(15.0));
    picture.add(headings(&regimes));
    for (column, regime) in regimes.iter().enumerate() {
        for (line, row) in rows_of(rows, regime).enumerate() {
            let (x, y) = (LEFT + column as f64 * WIDTH, TOP + line as f64 * HEIGHT);
            if column == 0 {
                let name = Element::text(LEFT - 8.0, y + 16.0, row.lock);
                picture.add(name.anchor(Anchor::End));
            }
            picture.add(field(row, x, y));
        }
    }
    picture.add(Element::text(12.0, height - 14.0, &footer(comparison)).fill(FAINT));
    picture.render()
}

fn headings(regimes: &[Regime]) -> Element {
    let mut group = Element::group();
    let mut heading = |y: f64, name: &str, value: &dyn Fn(&Regime) -> String| {
        let name = Element::text(LEFT - 8.0, y, name);
        let mut line = Element::group().with(name.anchor(Anchor::End).fill(FAINT));
        for (column, regime) in regimes.iter().enumerate() {
            let x = LEFT + column as f64 * WIDTH + WIDTH / 2.0;
            line.add(Element::text(x, y, &value(regime)).anchor(Anchor::Middle));
        }
        group.add(line);
    };
    heading(48.0, "threads", &|regime| regime.threads.to_string());
    heading(66.0, "critical section", &|regime| {
        section(regime.critical_ns)
    });
    heading(84.0, "think time", &|regime| {
        nanoseconds(regime.think_ns as f64)
    });
    group
}

fn field(row: &ComparisonRow, x: f64, y: f64) -> Element {
    let ground = match row.ratio_to_best {
        Some(ratio) if row.lock != LockName::None.as_str() => shade(ratio).1,
        _ => NO_RATIO,
    };
    let shown = row.ratio_to_best.map_or_else(|| "-".into(), ratio);
    let time = row.ns_per_operation;
    let time = time.map_or_else(|| "no operation".into(), nanoseconds);
    let tooltip = format!(
        "{}, {} threads: {time} per operation",
        row.lock, row.threads
    );
    let text = Element::text(x + WIDTH / 2.0, y + 16.0, &shown);
    Element::group()
        .tooltip(&tooltip)
        .with(Element::rect(x, y, WIDTH - 2.0, HEIGHT - 2.0).fill(ground))
        .with(text.anchor(Anchor::Middle).fill(ON_GROUND))
}

fn footer(comparison: &Comparison) -> String {
    let partial = comparison.partial.map(|it| format!("PARTIAL: {it}; "));
    partial.unwrap_or_default()
        + &format!(
            "{} windows of {}, {} refused, {}, seed {}; green: within 5 %, then 20 %, 2 x, 10 x, \
         red: worse",
            comparison.windows,
            nanoseconds(comparison.window_ns as f64),
            comparison.refused,
            plural(comparison.cpus, "CPU"),
            comparison.seed,
        )
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::super::environment::Environment;
    use super::*;
    use crate::PartialMeasurement;

    #[test]
    fn a_picture_of_a_part_says_so() {
        let partial = PartialMeasurement {
            signal: Signal::SIGTERM,
            measured: 1,
            planned: 4,
            unit: "windows",
        };
        let picture = svg(&comparison(Vec::new(), Some(partial)));
        assert!(picture.contains("PARTIAL: SIGTERM ended the run after 1 of 4 windows; "));
        assert!(!svg(&comparison(Vec::new(), None)).contains("PARTIAL"));
    }

    fn comparison(rows: Vec<ComparisonRow>, partial: Option<PartialMeasurement>) -> Comparison {
        Comparison {
            schema: 1,
            cpus: 2,
            pinned: true,
            bystanders_seen: true,
            window_ns: 1000,
            seed: 1,
            windows: 2,
            refused: 0,
            environment: Environment::read(&[]),
            partial,
            rows,
        }
    }

    #[test]
    fn every_row_has_a_field_and_a_hostile_name_stays_text() {
        let row = |lock, ratio_to_best| ComparisonRow {
            lock,
            threads: 2,
            critical_ns: 0,
            think_ns: 0,
            ns_per_operation: Some(10.0),
            spread: None,
            jain: None,
            threads_at_zero: 0,
            cpu_ns_per_operation: None,
            wait_max_ns: None,
            wait_weighted_ns: None,
            ratio_to_best,
            windows: 1,
            windows_without_operation: 0,
            refused: 0,
            disturbed: false,
        };
        let rows = vec![row("ticket", Some(1.0)), row("</text><b>\x1b&", None)];
        let picture = svg(&comparison(rows, None));
        assert_eq!(picture.matches("per operation</title>").count(), 2);
        assert_eq!(
            picture.matches(r"&lt;/text&gt;&lt;b&gt;\x1b&amp;").count(),
            2
        );
        assert!(!picture.contains("<b>") && !picture.contains('\x1b'));
    }
}
