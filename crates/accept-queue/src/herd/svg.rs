//! The rows as a picture: wakeups per connection on a logarithmic scale, a panel for each number of
//! workers. Wasted wakeups are set apart from the one that was needed.

use present::svg::{Anchor, Colour, Document, Element, FAINT, GRID, WARNING};

use super::HerdRow as Row;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const ROW_HEIGHT: f64 = 22.0;
const HEADER_HEIGHT: f64 = 64.0;
const FOOTER_HEIGHT: f64 = 30.0;
/// From the upper edge of a bar to the baseline of its text.
const BASELINE: f64 = 12.5;

const NEEDED_COLOUR: Colour = Colour::pair("#2b5f8a", "#6ba3d0");
const WASTED: Colour = Colour::fixed("#f2b279");

/// The whole file.
pub fn svg(kernel: &str, rows: &[Row]) -> String {
    let panels: Vec<&[Row]> = rows.chunk_by(|a, b| a.workers == b.workers).collect();
    let height = |panel: &[Row]| HEADER_HEIGHT + ROW_HEIGHT * panel.len() as f64 + FOOTER_HEIGHT;
    let mut picture = Document::new(
        WIDTH,
        panels.iter().map(|panel| height(panel)).sum(),
        "Wakeups per connection of each strategy",
        "A panel for each number of workers, a bar for each strategy: dark the wakeups that were \
         needed, light those that were wasted, on a logarithmic scale.",
    )
    .font("DejaVu Sans, sans-serif", 12.0);
    let mut top = 0.0;
    for panel in panels {
        if let Some(first) = panel.first() {
            picture.add(heading(kernel, first, top));
            picture.add(scale(first.workers, panel.len(), top));
            for (index, row) in panel.iter().enumerate() {
                picture.add(bar(row, top + HEADER_HEIGHT + ROW_HEIGHT * index as f64));
            }
        }
        top += height(panel);
    }
    picture.render()
}

fn heading(kernel: &str, first: &Row, top: f64) -> Element {
    let title = format!("{} workers: wakeups per connection", first.workers);
    let note = format!(
        "{} connections, pace {}, Linux {kernel}; logarithmic; dark: needed, light: wasted",
        first.connections, first.pace
    );
    Element::group()
        .with(Element::text(16.0, top + 22.0, &title).heading(15.0))
        .with(Element::text(16.0, top + 40.0, &note).fill(FAINT))
}

/// Where so many wakeups lie. The scale goes from half a wakeup, so that the one that is needed has
/// a length, to twice the herd.
fn x_of_wakeups(workers: usize, wakeups: f64) -> f64 {
    let (low, high) = (0.5_f64, (workers.max(1) as f64) * 2.0);
    let share = (wakeups.max(low) / low).ln() / (high / low).ln();
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn scale(workers: usize, rows: usize, top: f64) -> Element {
    let (from, to) = (
        top + HEADER_HEIGHT - 12.0,
        top + HEADER_HEIGHT + ROW_HEIGHT * rows as f64,
    );
    let marks = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    let shown = marks
        .into_iter()
        .filter(|&mark| mark <= workers.max(1) as f64 * 2.0);
    shown.fold(Element::group(), |group, mark| {
        let x = x_of_wakeups(workers, mark);
        let label = Element::text(x, to + 16.0, &mark.to_string());
        group
            .with(Element::line(x, from, x, to).stroke(GRID, 1.0))
            .with(label.anchor(Anchor::Middle).fill(FAINT))
    })
}

fn bar(row: &Row, y: f64) -> Element {
    let name = Element::text(LEFT - 8.0, y + BASELINE, &row.strategy).anchor(Anchor::End);
    let group = Element::group().with(name);
    let Some(wakeups) = row.wakeups_per_connection else {
        let why = format!("not measured: {}", row.note);
        return group.with(Element::text(LEFT, y + BASELINE, &why).fill(WARNING));
    };
    let wasted = row.wasted_in_kernel.unwrap_or(0.0) + row.wasted_visible.unwrap_or(0.0);
    let x = |wakeups| x_of_wakeups(row.workers, wakeups);
    let part = |wakeups| Element::rect(LEFT, y, x(wakeups) - LEFT, BAR);
    let value = Element::text(x(wakeups) + 6.0, y + BASELINE, &format!("{wakeups:.3}"));
    group
        .with(part(wakeups).fill(WASTED))
        .with(part(wakeups - wasted).fill(NEEDED_COLOUR))
        .with(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_and_a_hostile_name_stays_text() {
        let row = |name: &str, wakeups| Row {
            strategy: name.into(),
            workers: 8,
            wakeups_per_connection: wakeups,
            note: "</text><script>\x1b & why".into(),
            ..Row::default()
        };
        let picture = svg("6.18", &[row("poll", Some(8.0)), row("io-uring", None)]);
        assert!(picture.contains("poll") && picture.contains("8.000"));
        assert!(picture.contains(r"&lt;/text&gt;&lt;script&gt;\x1b &amp; why"));
        assert!(!picture.contains("NaN") && !picture.contains('\x1b'));
    }
}
