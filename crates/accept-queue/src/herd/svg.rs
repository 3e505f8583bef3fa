//! The rows as a picture: wakeups per connection on a logarithmic scale, a panel for each number of
//! workers. Wasted wakeups are set apart from the one that was needed.

use std::fmt::Write;

use super::HerdRow as Row;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const HEAD: f64 = 64.0;
const FOOT: f64 = 30.0;

/// The whole file.
pub fn svg(kernel: &str, rows: &[Row]) -> String {
    let panels: Vec<&[Row]> = rows.chunk_by(|a, b| a.workers == b.workers).collect();
    let height = |panel: &[Row]| HEAD + STEP * panel.len() as f64 + FOOT;
    let total: f64 = panels.iter().map(|panel| height(panel)).sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" \
         width=\"{WIDTH}\" height=\"{total}\" font-family=\"DejaVu Sans, sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let mut top = 0.0;
    for panel in panels {
        draw(&mut svg, kernel, panel, top);
        top += height(panel);
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, kernel: &str, panel: &[Row], top: f64) {
    let Some(first) = panel.first() else { return };
    // From half a wakeup, so that the one that is needed has a length, to twice the herd.
    let (low, high) = (0.5_f64, (first.workers.max(1) as f64) * 2.0);
    let x = |value: f64| {
        let share = (value.max(low) / low).ln() / (high / low).ln();
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    };
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{:.0}\" font-size=\"15\" font-weight=\"bold\">{} workers: wakeups per \
         connection</text>\n<text x=\"16\" y=\"{:.0}\" fill=\"#555\">{} connections, pace {}, Linux {}; \
         logarithmic; dark: needed, light: wasted</text>",
        top + 22.0,
        first.workers,
        top + 40.0,
        first.connections,
        escape(&first.pace),
        escape(kernel),
    );
    let (from, to) = (top + HEAD - 12.0, top + HEAD + STEP * panel.len() as f64);
    let decades = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    for mark in decades.into_iter().filter(|&mark| mark <= high) {
        let _ = writeln!(
            svg,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\" fill=\"#555\">{mark}</text>",
            x(mark),
            to + 16.0,
        );
    }
    for (index, row) in panel.iter().enumerate() {
        let y = top + HEAD + STEP * index as f64;
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 12.5,
            escape(&row.strategy),
        );
        let Some(wakeups) = row.wakeups_per_connection else {
            let _ = writeln!(
                svg,
                "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#a33\">not measured: {}</text>",
                y + 12.5,
                escape(&row.note),
            );
            continue;
        };
        let wasted = row.wasted_in_kernel.unwrap_or(0.0) + row.wasted_visible.unwrap_or(0.0);
        let needed = (wakeups - wasted).max(0.0);
        let mut bar = |from: f64, to: f64, fill: &str| {
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{fill}\"/>",
                (to - from).max(0.0),
            );
        };
        bar(x(0.0), x(wakeups), "#f2b279");
        bar(x(0.0), x(needed), "#2b5f8a");
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\">{wakeups:.3}</text>",
            x(wakeups) + 6.0,
            y + 12.5,
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_every_row_is_there() {
        let row = |name: &str, wakeups| Row {
            strategy: name.into(),
            workers: 8,
            wakeups_per_connection: wakeups,
            note: "<refused> & why".into(),
            ..Row::default()
        };
        let picture = svg("6.18", &[row("poll", Some(8.0)), row("io-uring", None)]);
        assert!(picture.contains("poll") && picture.contains("8.000"));
        assert!(picture.contains("&lt;refused&gt; &amp; why"));
        assert!(!picture.contains("NaN"));
    }
}
