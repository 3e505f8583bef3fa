//! The map of a process as an SVG picture: one bar a mapping, as long as the logarithm of its size.

use std::fmt::Write as _;

use present::units::bytes;

use super::InspectReport;
use super::map::Kind;

const ROW: f64 = 18.0;
const LEFT: f64 = 150.0;
const WIDTH: f64 = 420.0;
/// Mappings drawn; a process with more is cut, and the picture says so.
const MOST: usize = 400;

/// The picture, high addresses at the top.
pub fn svg(report: &InspectReport) -> String {
    let drawn: Vec<_> = report.mappings.iter().rev().take(MOST).collect();
    let height = 70.0 + ROW * drawn.len() as f64;
    let largest = drawn.iter().map(|mapping| mapping.size).max().unwrap_or(1);
    // A page is the shortest bar, the largest mapping the longest; each step right doubles the size.
    let scale = |size: u64| match size {
        0 => 0.0,
        size => {
            (size as f64 / 2048.0).log2().max(0.5) / (largest as f64 / 2048.0).log2().max(1.0)
                * WIDTH
        }
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 {height}\" width=\"960\" height=\"{height}\">\n\
         <style>text{{font:11px ui-monospace,monospace;fill:#222;white-space:pre}}.title{{font:600 14px system-ui,sans-serif}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let left_out = report.mappings.len() - drawn.len();
    let note = if left_out > 0 {
        format!("; {left_out} lower mappings left out")
    } else {
        String::new()
    };
    let _ = writeln!(
        svg,
        r#"<text x="16" y="24" class="title">process {} ({}), high addresses first{note}</text><text x="16" y="42">pale: addresses; solid: resident. Lengths are logarithms: each equal step doubles the size.</text>"#,
        report.pid,
        escape(&report.command)
    );
    for (i, mapping) in drawn.iter().enumerate() {
        let y = 58.0 + ROW * i as f64;
        let colour = colour(mapping.part);
        let name = mapping.path.rsplit('/').next().unwrap_or_default();
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{:.0}" text-anchor="end">{}</text><rect x="{LEFT}" y="{y:.0}" width="{:.1}" height="14" fill="{colour}" opacity="0.3"/><rect x="{LEFT}" y="{y:.0}" width="{:.1}" height="14" fill="{colour}"/><text x="{}" y="{:.0}">{} {:>9} {} {}</text>"#,
            LEFT - 8.0,
            y + 11.0,
            mapping.start.trim_start_matches("0x"),
            scale(mapping.size),
            scale(mapping.resident),
            LEFT + WIDTH + 12.0,
            y + 11.0,
            mapping.permissions,
            bytes(mapping.size),
            mapping.part.name(),
            escape(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Code => "#d55e00",
        Kind::Constants => "#e69f00",
        Kind::Variables => "#b8860b",
        Kind::Heap => "#0072b2",
        Kind::Anonymous => "#56b4e9",
        Kind::Reserved => "#999999",
        Kind::Library | Kind::File => "#009e73",
        Kind::Shared => "#cc79a7",
        Kind::Stack => "#6a3d9a",
        Kind::Kernel => "#444444",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
