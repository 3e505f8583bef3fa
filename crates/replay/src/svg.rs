//! Memory over time as an SVG picture: what was asked for, and how far each policy had to reach.

use present::svg::{Anchor, Colour, Document, Element, FAINT, GRID, SERIES, shorten};
use present::units::{bytes, count};

use super::ReplayReport;
use super::report::Sample;
use super::report::{PolicyRow, SearchOutcome};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 690.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 700.0;
const MARGIN: f64 = 16.0;
const FONT: f64 = 12.0;

/// One plot of the picture, in the picture's coordinates.
struct Panel {
    top: f64,
    bottom: f64,
    operations: f64,
    highest: f64,
    /// The distance of two marks of its scale.
    step: f64,
}

/// How the lines of a policy are drawn, and those of no other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stroke {
    colour: Colour,
    width: f64,
    is_dashed: bool,
}

impl Stroke {
    /// That of the policy at `index`. The first are the widest, so that they are seen below one
    /// that takes the same course; once every colour was had, lines are dashed.
    fn at(index: usize) -> Stroke {
        let round = index / SERIES.len();
        Stroke {
            colour: SERIES[index % SERIES.len()],
            width: (4.0 - 0.3 * (index % SERIES.len()) as f64) / (1.0 + 0.25 * round as f64),
            is_dashed: round % 2 == 1,
        }
    }

    fn draw(self, line: Element) -> Element {
        let line = line.stroke(self.colour, self.width);
        if self.is_dashed { line.dashed() } else { line }
    }
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

    /// Whether a value lies above the plot.
    fn is_above(&self, value: f64) -> bool {
        value > self.highest
    }

    fn frame(&self, title: &str, label: impl Fn(f64) -> String) -> Element {
        let title = Element::text(LEFT, self.top - 12.0, title).heading(14.0);
        let mut group = Element::group().with(title);
        let marks = (0..=8).map(|index| f64::from(index) * self.step);
        for value in marks.take_while(|&value| !self.is_above(value)) {
            let (_, y) = self.point(0, value);
            group.add(Element::line(LEFT, y, RIGHT, y).stroke(GRID, 1.0));
            group.add(Element::text(LEFT - 8.0, y + 4.0, &label(value)).anchor(Anchor::End));
        }
        group
    }

    /// A line through the samples. Where they lie above the plot, it ends, and an arrow points up.
    fn line(&self, row: &PolicyRow, stroke: Stroke, value: impl Fn(&Sample) -> f64) -> Element {
        let mut group = Element::group();
        let is_above = |sample: &Sample| self.is_above(value(sample));
        for part in row.samples.chunk_by(|a, b| is_above(a) == is_above(b)) {
            let points = self.points(part, &value);
            match (points.first(), part.first().is_some_and(is_above)) {
                (Some(&(x, y)), true) => group.add(arrow_up(x, y).fill(stroke.colour)),
                _ => group.add(stroke.draw(Element::polyline(points))),
            }
        }
        group
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

fn arrow_up(x: f64, y: f64) -> Element {
    Element::polygon([(x - 5.0, y + 8.0), (x + 5.0, y + 8.0), (x, y)])
}

/// The picture of a report. Of the page sizes only the one nearest 4 KiB is drawn.
pub fn svg(report: &ReplayReport) -> String {
    let rows = drawn_rows(report);
    let [memory, external, internal] = panels(report, &rows);
    let description = "Three plots over the operations of a trace: memory in use, external and \
                       internal fragmentation, a line for each policy. An arrow stands where a \
                       line leaves its plot.";
    let title = "Memory that each placement policy needed";
    let mut picture =
        Document::new(WIDTH, HEIGHT, title, description).font("DejaVu Sans, sans-serif", FONT);
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
    for &(row, stroke) in &rows {
        picture.add(memory.line(row, stroke, |sample| sample.footprint_bytes as f64));
        picture.add(external.line(row, stroke, Sample::external));
        picture.add(internal.line(row, stroke, Sample::internal));
    }
    picture.add(legend(report, &rows, &memory));
    let arena = match report.search {
        SearchOutcome::Yes => "the smallest arena found for it".to_owned(),
        _ => format!("an arena of {}", bytes(report.given_arena_bytes)),
    };
    let operations = count(report.trace.operations);
    let foot = format!("operations, 0 to {operations}; each policy in {arena}");
    picture.add(Element::text(LEFT, 668.0, &foot));
    picture.render()
}

fn panels(report: &ReplayReport, rows: &[(&PolicyRow, Stroke)]) -> [Panel; 3] {
    let reach = rows.iter().filter_map(|(row, _)| reach(row)).max();
    // A policy that needs many times the peak would press all others flat; it leaves through the
    // top.
    let highest = reach
        .unwrap_or(1)
        .min(report.trace.peak_live_bytes.saturating_mul(5) / 2)
        .max(8) as f64;
    [
        (60.0, 300.0, highest, byte_step(highest)),
        (360.0, 470.0, 1.0, 0.25),
        (530.0, 640.0, 1.0, 0.25),
    ]
    .map(|(top, bottom, highest, step)| Panel {
        top,
        bottom,
        operations: report.trace.operations.max(1) as f64,
        highest,
        step,
    })
}

/// How far a policy reached: bytes.
fn reach(row: &PolicyRow) -> Option<u64> {
    let samples = row.samples.iter();
    samples.map(|sample| sample.footprint_bytes).max()
}

/// The distance of two marks on a scale of bytes: a power of two, at most eight to the scale.
fn byte_step(highest: f64) -> f64 {
    (highest / 8.0).log2().ceil().exp2()
}

fn legend(report: &ReplayReport, rows: &[(&PolicyRow, Stroke)], memory: &Panel) -> Element {
    let x = RIGHT + 24.0;
    let room = WIDTH - MARGIN - x - 24.0;
    let mut y = 70.0;
    let peak = bytes(report.trace.peak_live_bytes);
    let asked_for = format!("asked for, at most {peak}");
    let mut group = Element::group()
        .with(Element::rect(x, y - 9.0, 16.0, 10.0).fill(GRID))
        .with(Element::text(x + 24.0, y, &shorten(&asked_for, FONT, room)));
    for (row, stroke) in rows {
        y += 24.0;
        let arena = row
            .smallest_arena_of_peak
            .map_or(String::new(), |ratio| format!(", {ratio:.3} x"));
        let name = format!("{}{arena}", row.policy);
        let line = stroke.draw(Element::line(x, y - 4.0, x + 16.0, y - 4.0));
        let short = Element::text(x + 24.0, y, &shorten(&name, FONT, room));
        group.add(Element::group().tooltip(&name).with(line).with(short));
        if let Some(reach) = reach(row).filter(|&reach| memory.is_above(reach as f64)) {
            y += 18.0;
            let above = format!("leaves the plot: {}", bytes(reach));
            group.add(arrow_up(x + 8.0, y - 8.0).fill(stroke.colour));
            group.add(Element::text(x + 24.0, y, &shorten(&above, FONT, room)).fill(FAINT));
        }
    }
    group
}

/// The rows in the picture, each with its stroke.
fn drawn_rows(report: &ReplayReport) -> Vec<(&PolicyRow, Stroke)> {
    let paging = |row: &&PolicyRow| row.policy.starts_with("paging");
    let mut rows: Vec<&PolicyRow> = report.policies.iter().filter(|row| !paging(row)).collect();
    let mut pages = report.policies.iter().filter(paging);
    rows.extend(
        pages
            .clone()
            .find(|row| row.policy == "paging 4 KiB")
            .or_else(|| pages.next()),
    );
    rows.into_iter().zip((0..).map(Stroke::at)).collect()
}

#[cfg(test)]
mod tests {
    use present::svg::text_width;
    use samples::picture::faults;

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
        assert_eq!(faults(&picture, text_width), [""; 0]);
        let long = svg(&report(vec![row(&"a long name ".repeat(20))]));
        assert_eq!(faults(&long, text_width), [""; 0]);
    }

    /// More policies than colours once left the last ones out.
    #[test]
    fn every_policy_has_its_lines_and_its_place_in_the_legend() {
        let policies: Vec<PolicyRow> = (0..9)
            .map(|number| PolicyRow {
                samples: vec![Sample::default()],
                ..row(&format!("policy {number}"))
            })
            .collect();
        let picture = svg(&report(policies));
        assert_eq!(picture.matches("<polyline").count(), 27);
        assert_eq!(picture.matches(", 1.500 x</text>").count(), 9);
        assert_eq!(faults(&picture, text_width), [""; 0]);
    }

    #[test]
    fn no_two_policies_have_one_stroke_and_each_can_be_seen() {
        let strokes: Vec<Stroke> = (0..2 * SERIES.len()).map(Stroke::at).collect();
        assert!(
            strokes.iter().all(|stroke| stroke.width >= 1.5),
            "{strokes:?}"
        );
        let has_twin = |(index, stroke)| strokes[..index].contains(stroke);
        assert!(!strokes.iter().enumerate().any(has_twin));
    }

    /// Paging wastes so much for small blocks that its line once lay flat on the upper edge.
    #[test]
    fn a_policy_that_leaves_the_plot_is_marked_and_not_drawn_elsewhere() {
        let sample = |operation, footprint_bytes| Sample {
            operation,
            footprint_bytes,
            ..Sample::default()
        };
        let mut paging = row("paging 4 KiB");
        paging.samples = vec![sample(1, 200), sample(2, 4096), sample(3, 8192)];
        let picture = svg(&report(vec![row("first fit"), paging]));
        assert_eq!(faults(&picture, text_width), [""; 0]);
        assert!(
            picture.contains(">leaves the plot: 8 KiB</text>"),
            "{picture}"
        );
        assert_eq!(
            picture.matches("<polygon").count(),
            3,
            "area, arrow, legend"
        );
    }

    #[test]
    fn marks_are_powers_of_two() {
        for (highest, expected) in [(8.0, 1.0), (400.0, 64.0), (409.0 * 1024.0, 65536.0)] {
            assert_eq!(byte_step(highest), expected, "{highest}");
        }
    }
}
