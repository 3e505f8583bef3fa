//! The heat-map as SVG. Rendering only.

use std::fmt::Write as _;

use super::Comparison;
use super::lock_name::LockName;
use super::render::{nanoseconds, of, plural, ratio, regimes, section, shade};

const LEFT: usize = 190;
const TOP: usize = 96;
const WIDTH: usize = 74;
const HEIGHT: usize = 24;

/// A document that stands alone: locks down, regimes across, the ratio to the best lock in each field,
/// the time per operation as its tooltip.
pub fn svg(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let regimes = regimes(rows);
    let locks = rows.len() / regimes.len().max(1);
    let (width, height) = (LEFT + regimes.len() * WIDTH + 16, TOP + locks * HEIGHT + 44);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="DejaVu Sans, sans-serif" font-size="12" fill="#222">
<title>Time per operation of each lock, as a multiple of the best lock's</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="22" font-size="15" font-weight="bold">Time per operation, as a multiple of the best lock's</text>
"##
    );
    let mut heading = |y: usize, name: &str, value: &dyn Fn(usize) -> String| {
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{y}" text-anchor="end" fill="#666">{name}</text>"##,
            LEFT - 8
        );
        for column in 0..regimes.len() {
            let x = LEFT + column * WIDTH + WIDTH / 2;
            let _ = writeln!(
                svg,
                r#"<text x="{x}" y="{y}" text-anchor="middle">{}</text>"#,
                value(column)
            );
        }
    };
    heading(48, "threads", &|column| regimes[column].threads.to_string());
    heading(66, "critical section", &|column| {
        section(regimes[column].critical_ns)
    });
    heading(84, "think time", &|column| {
        nanoseconds(regimes[column].think_ns as f64)
    });
    for (column, regime) in regimes.iter().enumerate() {
        for (line, row) in of(rows, regime).enumerate() {
            let (x, y) = (LEFT + column * WIDTH, TOP + line * HEIGHT);
            if column == 0 {
                let _ = writeln!(
                    svg,
                    r#"<text x="{}" y="{}" text-anchor="end">{}</text>"#,
                    LEFT - 8,
                    y + 16,
                    row.lock
                );
            }
            let fill = match row.ratio_to_best {
                Some(ratio) if row.lock != LockName::None.as_str() => shade(ratio).1,
                _ => "#e6e6e6", // no lock, or no operation
            };
            let shown = row.ratio_to_best.map_or_else(|| "-".into(), ratio);
            let each = row
                .ns_per_operation
                .map_or_else(|| "no operation".into(), nanoseconds);
            let _ = writeln!(
                svg,
                r##"<g><title>{}, {} threads: {each} per operation</title><rect x="{x}" y="{y}" width="{}" height="{}" fill="{fill}"/><text x="{}" y="{}" text-anchor="middle">{shown}</text></g>"##,
                row.lock,
                row.threads,
                WIDTH - 2,
                HEIGHT - 2,
                x + WIDTH / 2,
                y + 16,
            );
        }
    }
    let _ = writeln!(
        svg,
        r##"<text x="12" y="{}" fill="#666">{} windows of {}, {} refused, {}, seed {}; green: within 5 %, then 20 %, 2 x, 10 x, red: worse</text>
</svg>"##,
        height - 14,
        comparison.windows,
        nanoseconds(comparison.window_ns as f64),
        comparison.refused,
        plural(comparison.cpus, "CPU"),
        comparison.seed,
    );
    svg
}
