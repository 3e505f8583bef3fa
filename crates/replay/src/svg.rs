//! Memory over time as an SVG picture: what was asked for, and how far each policy had to reach.

use std::fmt::Write as _;

use present::units::{bytes, count};

use super::ReplayReport;
use super::report::Sample;
use super::report::{PolicyRow, SearchOutcome};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 700.0;
/// Hues that stay apart for colour-blind readers (Okabe and Ito), darkest last.
const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000",
];

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

    fn line(&self, samples: &[Sample], value: impl Fn(&Sample) -> f64) -> String {
        let mut points = String::new();
        for sample in samples {
            let (x, y) = self.point(sample.operation, value(sample));
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        points
    }

    fn frame(&self, svg: &mut String, title: &str, label: impl Fn(f64) -> String) {
        let _ = writeln!(
            svg,
            r#"<text x="{LEFT}" y="{}" class="title">{title}</text>"#,
            self.top - 12.0
        );
        for quarter in 0..=4 {
            let value = self.highest * f64::from(quarter) / 4.0;
            let (_, y) = self.point(0, value);
            let _ = writeln!(
                svg,
                r##"<line x1="{LEFT}" y1="{y:.1}" x2="{RIGHT}" y2="{y:.1}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"##,
                LEFT - 8.0,
                y + 4.0,
                label(value)
            );
        }
    }
}

/// The picture of a report. Of the page sizes only the one nearest 4 KiB is drawn.
pub fn svg(report: &ReplayReport) -> String {
    let rows = drawn(report);
    let operations = report.trace.operations.max(1) as f64;
    let reach = rows
        .iter()
        .flat_map(|row| &row.samples)
        .map(|sample| sample.footprint_bytes)
        .max();
    // A policy that needs many times the peak would press all others flat; it leaves through the top.
    let highest = reach
        .unwrap_or(1)
        .min(report.trace.peak_live_bytes * 5 / 2)
        .max(1) as f64;
    let memory = Panel {
        top: 60.0,
        bottom: 300.0,
        operations,
        highest,
    };
    let external = Panel {
        top: 360.0,
        bottom: 470.0,
        operations,
        highest: 1.0,
    };

    let internal = Panel {
        top: 530.0,
        bottom: 640.0,
        operations,
        highest: 1.0,
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 690\" width=\"{WIDTH}\" height=\"690\">\n\
         <style>text{{font:12px system-ui,sans-serif;fill:#222}}.title{{font-weight:600;font-size:14px}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let partial = if report.trace.partial.is_some() {
        ", PARTIAL"
    } else {
        ""
    };
    memory.frame(
        &mut svg,
        &format!("Memory in use, up to the highest byte{partial}"),
        |value| bytes(value as u64),
    );
    if let Some(row) = rows.first() {
        let line = memory.line(&row.samples, |sample| sample.live_bytes as f64);
        let (x0, y) = memory.point(
            row.samples.first().map_or(0, |sample| sample.operation),
            0.0,
        );
        let (x1, _) = memory.point(row.samples.last().map_or(0, |sample| sample.operation), 0.0);
        let _ = writeln!(
            svg,
            r##"<polygon points="{x0:.1},{y:.1} {line}{x1:.1},{y:.1}" fill="#ddd"/>"##
        );
    }
    let share = |value: f64| format!("{:.0}%", value * 100.0);
    external.frame(
        &mut svg,
        "External fragmentation: share of the free bytes beyond the largest possible request",
        share,
    );
    internal.frame(
        &mut svg,
        "Internal fragmentation: share of the bytes in use that nobody asked for",
        share,
    );
    for (row, colour) in rows.iter().zip(COLOURS) {
        for line in [
            memory.line(&row.samples, |sample| sample.footprint_bytes as f64),
            external.line(&row.samples, Sample::external),
            internal.line(&row.samples, Sample::internal),
        ] {
            let _ = writeln!(
                svg,
                r#"<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>"#
            );
        }
    }
    legend(&mut svg, report, &rows);
    let _ = writeln!(
        svg,
        r#"<text x="{LEFT}" y="672">operations, 0 to {}; each policy in {}</text>"#,
        count(report.trace.operations),
        match report.search {
            SearchOutcome::Yes => "the smallest arena found for it".to_owned(),
            _ => format!("an arena of {}", bytes(report.given_arena_bytes)),
        }
    );
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, report: &ReplayReport, rows: &[&PolicyRow]) {
    let x = RIGHT + 24.0;
    let mut y = 70.0;
    let peak = bytes(report.trace.peak_live_bytes);
    let _ = writeln!(
        svg,
        r##"<rect x="{x}" y="{}" width="16" height="10" fill="#ddd"/><text x="{}" y="{y}">asked for, at most {peak}</text>"##,
        y - 9.0,
        x + 24.0
    );
    for (row, colour) in rows.iter().zip(COLOURS) {
        y += 24.0;
        let arena = row
            .smallest_arena_of_peak
            .map_or(String::new(), |ratio| format!(", {ratio:.3} x"));
        let _ = writeln!(
            svg,
            r#"<line x1="{x}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}" stroke-width="3"/><text x="{}" y="{y}">{}{arena}</text>"#,
            y - 4.0,
            x + 16.0,
            y - 4.0,
            x + 24.0,
            row.policy
        );
    }
}

fn drawn(report: &ReplayReport) -> Vec<&PolicyRow> {
    let paging = |row: &&PolicyRow| row.policy.starts_with("paging");
    let mut rows: Vec<&PolicyRow> = report.policies.iter().filter(|row| !paging(row)).collect();
    let mut pages = report.policies.iter().filter(paging);
    rows.extend(
        pages
            .clone()
            .find(|row| row.policy == "paging 4 KiB")
            .or_else(|| pages.next()),
    );
    rows
}
