//! The heat-map as SVG. Rendering only.

use present::svg::{Anchor, Colour, Document, Element, FAINT, WARNING, shorten, text_width, wrap};

use super::lock_name::LockName;
use super::render::{locks, nanoseconds, plural, ratio, regimes, rows_of, section, shade};
use super::window::Regime;
use super::{Comparison, ComparisonRow};

const MARGIN: f64 = 16.0;
const LEFT: f64 = 190.0;
const TOP: f64 = 96.0;
/// A field.
const WIDTH: f64 = 74.0;
const HEIGHT: f64 = 24.0;
/// So wide is the picture at least: its title and its legend.
const LEAST_WIDTH: f64 = 640.0;
const FONT: f64 = 12.0;
const LINE: f64 = 17.0;
const TITLE: &str = "Time per operation, as a multiple of the best lock's";
/// A ratio of each shade, and what it is called in the legend.
const SHADES: [(f64, &str); 5] = [
    (1.0, "within 5 %"),
    (1.2, "within 20 %"),
    (2.0, "up to 2 x"),
    (10.0, "up to 10 x"),
    (11.0, "more"),
];

/// The ground of a field without a ratio, or without a lock.
const NO_RATIO: Colour = Colour::fixed("#e6e6e6");
/// Text on the grounds, which are pale in both themes.
const ON_GROUND: Colour = Colour::fixed("#222222");
/// What is drawn over a field whose windows were all refused.
const REFUSED: Colour = Colour::fixed("#ffffff");

/// A document that stands alone: locks down, regimes across, the ratio to the best lock in each
/// field, the time per operation as its tooltip.
pub fn svg(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let (regimes, locks) = (regimes(rows), locks(rows));
    let width = (LEFT + regimes.len() as f64 * WIDTH + MARGIN).max(LEAST_WIDTH);
    let legend = TOP + locks.len() as f64 * HEIGHT + 12.0;
    let mut remarks = wrap(&footer(comparison), FONT, width - 2.0 * MARGIN);
    if rows.iter().any(|row| row.disturbed) {
        let refused = "! hatched: every window of this field was refused, because others used the \
                       processors; its figure is of the least disturbed of them";
        remarks.extend(wrap(refused, FONT, width - 2.0 * MARGIN));
    }
    let description = "Locks down, cases of contention across; green is the best lock of its case, \
                       red more than ten times as slow. Hatched and with an exclamation mark: \
                       every window was refused.";
    let height = legend + 48.0 + LINE * remarks.len() as f64;
    let mut picture =
        Document::new(width, height, TITLE, description).font("DejaVu Sans, sans-serif", FONT);
    picture.add(Element::text(MARGIN, 22.0, TITLE).heading(15.0));
    picture.add(headings(&regimes));
    for (line, lock) in locks.iter().enumerate() {
        let y = TOP + line as f64 * HEIGHT;
        let name = shorten(lock, FONT, LEFT - MARGIN - 8.0);
        let name = Element::text(LEFT - 8.0, y + 16.0, &name).anchor(Anchor::End);
        picture.add(Element::group().tooltip(lock).with(name));
        for (column, regime) in regimes.iter().enumerate() {
            if let Some(row) = rows_of(rows, regime).find(|row| row.lock == *lock) {
                picture.add(field(row, LEFT + column as f64 * WIDTH, y));
            }
        }
    }
    picture.add(shades(legend));
    for (index, line) in remarks.iter().enumerate() {
        let colour = match line.starts_with("PARTIAL") {
            true => WARNING,
            false => FAINT,
        };
        let y = legend + 44.0 + LINE * index as f64;
        picture.add(Element::text(MARGIN, y, line).fill(colour));
    }
    picture.render()
}

fn headings(regimes: &[Regime]) -> Element {
    let mut group = Element::group();
    let mut heading = |y: f64, name: &str, value: &dyn Fn(&Regime) -> String| {
        let name = Element::text(LEFT - 8.0, y, name);
        let mut line = Element::group().with(name.anchor(Anchor::End).fill(FAINT));
        for (column, regime) in regimes.iter().enumerate() {
            let x = LEFT + column as f64 * WIDTH + WIDTH / 2.0;
            let value = shorten(&value(regime), FONT, WIDTH - 4.0);
            line.add(Element::text(x, y, &value).anchor(Anchor::Middle));
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
    let (mark, refused) = match row.disturbed {
        true => ("! ", "; every window was refused"),
        false => ("", ""),
    };
    let tooltip = format!(
        "{}, {} threads: {time} per operation{refused}",
        row.lock, row.threads
    );
    let (width, height) = (WIDTH - 2.0, HEIGHT - 2.0);
    let mut field = Element::group()
        .tooltip(&tooltip)
        .with(Element::rect(x, y, width, height).fill(ground));
    if row.disturbed {
        let lines = Element::hatch(x, y, width, height);
        field.add(lines.stroke(REFUSED, 2.0).opacity(0.6));
    }
    let text = Element::text(x + WIDTH / 2.0, y + 16.0, &format!("{mark}{shown}"));
    field.with(text.anchor(Anchor::Middle).fill(ON_GROUND))
}

/// What each shade stands for.
fn shades(y: f64) -> Element {
    let mut x = MARGIN;
    let mut group = Element::group();
    for (ratio, name) in SHADES {
        group.add(Element::rect(x, y, 16.0, 16.0).fill(shade(ratio).1));
        group.add(Element::text(x + 22.0, y + 12.5, name));
        x += 22.0 + text_width(name, FONT) + 16.0;
    }
    group
}

fn footer(comparison: &Comparison) -> String {
    let partial = comparison.partial.map(|it| format!("PARTIAL: {it}; "));
    partial.unwrap_or_default()
        + &format!(
            "{} windows of {}, {} refused, {}, seed {}",
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
    use samples::picture::faults;

    use super::super::example::{comparison, row};
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
        assert_eq!(faults(&picture, text_width), [""; 0]);
        assert!(!svg(&comparison(Vec::new(), None)).contains("PARTIAL"));
    }

    #[test]
    fn every_row_has_a_field_and_a_hostile_name_stays_text() {
        let hostile = "</text><b>\x1b&";
        let rows = vec![row("ticket", 2, Some(1.0)), row(hostile, 2, None)];
        let picture = svg(&comparison(rows, None));
        assert_eq!(faults(&picture, text_width), [""; 0]);
        assert_eq!(picture.matches("per operation</title>").count(), 2);
        assert!(picture.contains(r"&lt;/text&gt;&lt;b&gt;\x1b&amp;"));
    }

    /// A run that a signal ended has not every lock in every case.
    #[test]
    fn a_field_stands_beside_the_name_of_its_lock() {
        let rows = [("mcs", 1), ("ticket", 1), ("ticket", 2)];
        let rows = rows.map(|(lock, threads)| row(lock, threads, Some(1.0)));
        let picture = svg(&comparison(rows.into(), None));
        let field = format!("x=\"{}\" y=\"{}\"", LEFT + WIDTH, TOP + HEIGHT);
        assert!(picture.contains(&field), "{picture}");
        assert_eq!(faults(&picture, text_width), [""; 0]);
    }

    #[test]
    fn a_field_of_refused_windows_is_marked() {
        let mark = |disturbed| {
            let row = ComparisonRow {
                disturbed,
                ..row("ticket", 2, Some(1.0))
            };
            let picture = svg(&comparison(vec![row], None));
            assert_eq!(faults(&picture, text_width), [""; 0]);
            let says = ["! 1.00", "every window was refused<", "! hatched"];
            says.map(|it| picture.contains(it))
        };
        assert_eq!(mark(true), [true; 3]);
        assert_eq!(mark(false), [false; 3]);
    }
}
