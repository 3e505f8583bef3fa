//! Memory over time as an SVG picture: what was asked for, and how far each policy had to reach.

use present::svg::{Anchor, Colour, Document, Element, GRID, SERIES};
use present::units::{bytes, count};

use super::ReplayReport;
use super::report::Sample;
use super::report::{PolicyRow, SearchOutcome};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 690.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 700.0;

/// One plot of the picture, in the picture's coordinates.
struct Panel {
    top: f64,
    bottom: f64,
    operations: f64,
    highest: f64,
}

impl Panel {
    fn point(&self, operation: u64, value: f64) -> (f64, f64) {
        let x = LEFT + (RIGHT - LEFT) * operation as f64 / self.operations;
        let y = self.bottom - (self.bottom - self.top) * (value / self.highest).min(1.0);
        (x, y)
    }

    fn points(&self, samples: &[Sample], value: impl Fn(&Sample) -> f64) -> Vec<(f64, f64)> {
        let point = |sample: &Sample| self.point(sample.operation, value(sample));
        samples.iter().map(point).collect()
    }

    fn frame(&self, title: &str, label: impl Fn(f64) -> String) -> Element {
        let title = Element::text(LEFT, self.top - 12.0, title).heading(14.0);
        let mut group = Element::group().with(title);
        for quarter in 0..=4 {
            let value = self.highest * f64::from(quarter) / 4.0;
            let (_, y) = self.point(0, value);
            group.add(Element::line(LEFT, y, RIGHT, y).stroke(GRID, 1.0));
            group.add(Element::text(LEFT - 8.0, y + 4.0, &label(value)).anchor(Anchor::End));
        }
        group
    }

    fn line(&self, row: &PolicyRow, colour: Colour, value: impl Fn(&Sample) -> f64) -> Element {
        Element::polyline(self.points(&row.samples, value)).stroke(colour, 1.6)
    }

    /// The area below a line.
    fn area(&self, row: &PolicyRow, value: impl Fn(&Sample) -> f64) -> Element {
        let line = self.points(&row.samples, value);
        let ends = [line.first(), line.last()].map(|end| end.map_or(LEFT, |&(x, _)| x));
        let mut corners = vec![(ends[0], self.bottom)];
        corners.extend(line);
        corners.push((ends[1], self.bottom));
        Element::polygon(corners).fill(GRID)
    }
}

/// The picture of a report. Of the page sizes only the one nearest 4 KiB is drawn.
pub fn svg(report: &ReplayReport) -> String {
    let rows = drawn_rows(report);
    let [memory, external, internal] = panels(report, &rows);
    let description = "Three plots over the operations of a trace: memory in use, external and \
                       internal fragmentation, a line for each policy.";
    let title = "Memory that each placement policy needed";
    let mut picture = Document::new(WIDTH, HEIGHT, title, description);
    let partial = match report.trace.partial {
        Some(_) => ", PARTIAL",
        None => "",
    };
    let title = format!("Memory in use, up to the highest byte{partial}");
    picture.add(memory.frame(&title, |value| bytes(value as u64)));
    if let Some((row, _)) = rows.first() {
        picture.add(memory.area(row, |sample| sample.live_bytes as f64));
    }
    let share = |value: f64| format!("{:.0}%", value * 100.0);
    picture.add(external.frame(
        "External fragmentation: share of the free bytes beyond the largest possible request",
        share,
    ));
    picture.add(internal.frame(
        "Internal fragmentation: share of the bytes in use that nobody asked for",
        share,
    ));
    for &(row, colour) in &rows {
        picture.add(memory.line(row, colour, |sample| sample.footprint_bytes as f64));
        picture.add(external.line(row, colour, Sample::external));
        picture.add(internal.line(row, colour, Sample::internal));
    }
    picture.add(legend(report, &rows));
    let arena = match report.search {
        SearchOutcome::Yes => "the smallest arena found for it".to_owned(),
        _ => format!("an arena of {}", bytes(report.given_arena_bytes)),
    };
    let operations = count(report.trace.operations);
    let foot = format!("operations, 0 to {operations}; each policy in {arena}");
    picture.add(Element::text(LEFT, 672.0, &foot));
    picture.render()
}

fn panels(report: &ReplayReport, rows: &[(&PolicyRow, Colour)]) -> [Panel; 3] {
    let reach = rows
        .iter()
        .flat_map(|(row, _)| &row.samples)
        .map(|sample| sample.footprint_bytes)
        .max();
    // A policy that needs many times the peak would press all others flat; it leaves through the
    // top.
    let highest = reach
        .unwrap_or(1)
        .min(report.trace.peak_live_bytes.saturating_mul(5) / 2)
        .max(1) as f64;
    [
        (60.0, 300.0, highest),
        (360.0, 470.0, 1.0),
        (530.0, 640.0, 1.0),
    ]
    .map(|(top, bottom, highest)| Panel {
        top,
        bottom,
        operations: report.trace.operations.max(1) as f64,
        highest,
    })
}

fn legend(report: &ReplayReport, rows: &[(&PolicyRow, Colour)]) -> Element {
    let x = RIGHT + 24.0;
    let mut y = 70.0;
    let peak = bytes(report.trace.peak_live_bytes);
    let asked_for = format!("asked for, at most {peak}");
    let mut group = Element::group()
        .with(Element::rect(x, y - 9.0, 16.0, 10.0).fill(GRID))
        .with(Element::text(x + 24.0, y, &asked_for));
    for (row, colour) in rows {
        y += 24.0;
        let arena = row
            .smallest_arena_of_peak
            .map_or(String::new(), |ratio| format!(", {ratio:.3} x"));
        let name = format!("{}{arena}", row.policy);
        group.add(Element::line(x, y - 4.0, x + 16.0, y - 4.0).stroke(*colour, 3.0));
        group.add(Element::text(x + 24.0, y, &name));
    }
    group
}

/// The rows in the picture, each with its colour.
fn drawn_rows(report: &ReplayReport) -> Vec<(&PolicyRow, Colour)> {
    let paging = |row: &&PolicyRow| row.policy.starts_with("paging");
    let mut rows: Vec<&PolicyRow> = report.policies.iter().filter(|row| !paging(row)).collect();
    let mut pages = report.policies.iter().filter(paging);
    rows.extend(
        pages
            .clone()
            .find(|row| row.policy == "paging 4 KiB")
            .or_else(|| pages.next()),
    );
    rows.into_iter().zip(SERIES.into_iter().cycle()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::{GivenArena, TraceSums};
    use super::*;

    fn row(policy: &str) -> PolicyRow {
        PolicyRow {
            policy: policy.to_owned(),
            smallest_arena_bytes: None,
            smallest_arena_of_peak: Some(1.5),
            internal_mean: 0.0,
            internal_max: 0.0,
            external_mean: 0.0,
            external_max: 0.0,
            moved_bytes: 0,
            holes_per_block: None,
            half_p: None,
            given_arena: GivenArena {
                failures: 0,
                failures_with_enough_free: 0,
                internal_mean: 0.0,
                external_mean: 0.0,
            },
            samples: Vec::new(),
        }
    }

    fn report(policies: Vec<PolicyRow>) -> ReplayReport {
        ReplayReport {
            schema: 1,
            trace: TraceSums {
                operations: 10,
                peak_blocks: 1,
                peak_live_bytes: 100,
                total_bytes: 100,
                partial: None,
                notes: Vec::new(),
            },
            given_arena_bytes: 110,
            search: SearchOutcome::No,
            sample_every_operations: 1,
            policies,
            real_memory: None,
        }
    }

    #[test]
    fn a_hostile_name_stays_text() {
        let picture = svg(&report(vec![row("</text><script>\x1b&")]));
        assert!(picture.contains(r"&lt;/text&gt;&lt;script&gt;\x1b&amp;, 1.500 x"));
        assert!(!picture.contains("<script") && !picture.contains('\x1b'));
    }

    /// More policies than colours once left the last ones out.
    #[test]
    fn every_policy_has_its_lines_and_its_place_in_the_legend() {
        let policies: Vec<PolicyRow> = (0..9)
            .map(|number| row(&format!("policy {number}")))
            .collect();
        let picture = svg(&report(policies));
        assert_eq!(picture.matches("<polyline").count(), 27);
        assert_eq!(picture.matches(", 1.500 x").count(), 9);
    }
}
