//! The rows as a picture: wakeups per connection, a panel for each number of workers. Those that
//! were needed lie beside those that were wasted, on one linear scale.

use present::svg::{Anchor, Colour, Document, Element, FAINT, GRID, WARNING, shorten, wrap};

use super::HerdRow as Row;

const WIDTH: f64 = 860.0;
const MARGIN: f64 = 16.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const ROW_HEIGHT: f64 = 22.0;
const HEADER_HEIGHT: f64 = 90.0;
/// The scale below the bars.
const SCALE_HEIGHT: f64 = 36.0;
const NOTE_HEIGHT: f64 = 16.0;
/// From the upper edge of a bar to the baseline of its text.
const BASELINE: f64 = 12.5;
const FONT: f64 = 12.0;

const NEEDED: Colour = Colour::pair("#2b5f8a", "#6ba3d0");
const WASTED: Colour = Colour::pair("#e08a3c", "#f2b279");
/// Wakeups of which nobody knows which were needed.
const UNKNOWN: Colour = Colour::pair("#8a8f98", "#7c828c");

/// The whole file; `partial` says what ended the run before its end.
pub fn svg(kernel: &str, rows: &[Row], partial: Option<&str>) -> String {
    let panels: Vec<Panel<'_>> = rows
        .chunk_by(|a, b| a.workers == b.workers)
        .filter_map(Panel::new)
        .collect();
    let mut picture = Document::new(
        WIDTH,
        panels.iter().map(Panel::height).sum::<f64>().max(MARGIN),
        "Wakeups per connection of each strategy",
        "A panel for each number of workers, a bar for each strategy: first the wakeups that were \
         needed, then those that were wasted, on a linear scale. Hatched: both together, where \
         nothing told them apart.",
    )
    .font("DejaVu Sans, sans-serif", FONT);
    let mut top = 0.0;
    for panel in panels {
        picture.add(panel.draw(kernel, partial, top));
        top += panel.height();
    }
    picture.render()
}

/// The rows with the same number of workers.
struct Panel<'a> {
    first: &'a Row,
    rows: &'a [Row],
    /// The end of the scale, in wakeups.
    highest: f64,
    /// What is to be said about rows.
    notes: Vec<String>,
}

impl Panel<'_> {
    fn new(rows: &[Row]) -> Option<Panel<'_>> {
        let wakeups = rows.iter().filter_map(|row| row.wakeups_per_connection);
        let notes = rows.iter().filter(|row| !row.note.is_empty());
        let notes = notes.flat_map(|row| {
            let note = format!("{}: {}", row.strategy, row.note);
            wrap(&note, FONT, WIDTH - 2.0 * MARGIN)
        });
        Some(Panel {
            first: rows.first()?,
            rows,
            highest: wakeups.fold(2.0, f64::max),
            notes: notes.collect(),
        })
    }

    fn rows_height(&self) -> f64 {
        ROW_HEIGHT * self.rows.len() as f64
    }

    fn height(&self) -> f64 {
        let notes = NOTE_HEIGHT * self.notes.len() as f64;
        HEADER_HEIGHT + self.rows_height() + SCALE_HEIGHT + notes
    }

    fn draw(&self, kernel: &str, partial: Option<&str>, top: f64) -> Element {
        let mut panel = self.heading(kernel, partial, top);
        let bars = top + HEADER_HEIGHT;
        panel.add(self.scale(bars));
        for (index, row) in self.rows.iter().enumerate() {
            panel.add(self.bar(row, bars + ROW_HEIGHT * index as f64));
        }
        let notes = bars + self.rows_height() + SCALE_HEIGHT;
        for (index, note) in self.notes.iter().enumerate() {
            let y = notes + NOTE_HEIGHT * index as f64;
            panel.add(Element::text(MARGIN, y, note).fill(FAINT));
        }
        panel
    }

    fn heading(&self, kernel: &str, partial: Option<&str>, top: f64) -> Element {
        let title = format!("{} workers: wakeups per connection", self.first.workers);
        let note = format!(
            "{} connections, pace {}, Linux {kernel}",
            self.first.connections, self.first.pace
        );
        let (note, colour) = match partial {
            Some(why) => (format!("PARTIAL: {why}; {note}"), WARNING),
            None => (note, FAINT),
        };
        let note = shorten(&note, FONT, WIDTH - 2.0 * MARGIN);
        let mut group = Element::group()
            .with(Element::text(MARGIN, top + 24.0, &title).heading(15.0))
            .with(Element::text(MARGIN, top + 43.0, &note).fill(colour));
        let mut x = LEFT;
        let y = top + 56.0;
        for (name, part) in [
            ("needed", Element::rect(x, y, BAR, BAR).fill(NEEDED)),
            ("wasted", Element::rect(x + 100.0, y, BAR, BAR).fill(WASTED)),
            ("not told apart", hatched(x + 200.0, y, BAR)),
        ] {
            group.add(part);
            group.add(Element::text(x + BAR + 6.0, y + BASELINE, name));
            x += 100.0;
        }
        group
    }

    /// Where so many wakeups lie.
    fn x(&self, wakeups: f64) -> f64 {
        LEFT + (wakeups / self.highest).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn scale(&self, top: f64) -> Element {
        let bottom = top + self.rows_height();
        let step = step(self.highest);
        let marks = (0..=8).map(|index| f64::from(index) * step);
        let shown = marks.take_while(|&mark| mark <= self.highest);
        shown.fold(Element::group(), |group, mark| {
            let x = self.x(mark);
            let label = Element::text(x, bottom + 14.0, &mark.to_string());
            group
                .with(Element::line(x, top - 6.0, x, bottom).stroke(GRID, 1.0))
                .with(label.anchor(Anchor::Middle).fill(FAINT))
        })
    }

    fn bar(&self, row: &Row, y: f64) -> Element {
        let name = shorten(&row.strategy, FONT, LEFT - MARGIN - 8.0);
        let name = Element::text(LEFT - 8.0, y + BASELINE, &name).anchor(Anchor::End);
        let group = Element::group().tooltip(&row.strategy).with(name);
        let Some(wakeups) = row.wakeups_per_connection else {
            let text = Element::text(LEFT + 6.0, y + BASELINE, "not measured");
            return group.with(text.fill(WARNING));
        };
        let end = self.x(wakeups);
        let value = Element::text(end + 6.0, y + BASELINE, &format!("{wakeups:.3}"));
        let group = group.with(value);
        let Some(wasted) = row.wasted_in_kernel.zip(row.wasted_visible) else {
            return group.with(hatched(LEFT, y, end - LEFT));
        };
        let middle = self.x(wakeups - wasted.0 - wasted.1);
        group
            .with(Element::rect(LEFT, y, middle - LEFT, BAR).fill(NEEDED))
            .with(Element::rect(middle, y, end - middle, BAR).fill(WASTED))
    }
}

/// A bar of wakeups that nothing told apart.
fn hatched(x: f64, y: f64, width: f64) -> Element {
    Element::group()
        .with(Element::rect(x, y, width, BAR).fill(UNKNOWN).opacity(0.35))
        .with(Element::hatch(x, y, width, BAR).stroke(UNKNOWN, 1.5))
        .with(Element::rect(x, y, width, BAR).outline(UNKNOWN, 1.0))
}

/// The distance of two marks on a scale up to `highest`: 1, 2 or 5 and zeros, eight at most.
fn step(highest: f64) -> f64 {
    let power = 10_f64.powf((highest / 8.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power.max(0.1));
    let fitting = steps.into_iter().find(|step| highest / step <= 8.0);
    fitting.unwrap_or(highest)
}

#[cfg(test)]
mod tests {
    use present::svg::text_width;
    use samples::picture::faults;

    use super::*;

    fn row(strategy: &str, wakeups: Option<f64>, wasted: Option<f64>, note: &str) -> Row {
        Row {
            strategy: strategy.into(),
            workers: 8,
            wakeups_per_connection: wakeups,
            wasted_in_kernel: wasted,
            wasted_visible: wasted.map(|_| 0.0),
            note: note.into(),
            ..Row::default()
        }
    }

    #[test]
    fn every_row_is_there_and_a_hostile_name_stays_text() {
        let hostile = "</text><script>\x1b & why";
        let long = "not measured: ".to_owned() + &"a reason of many words ".repeat(30);
        let picture = svg(
            &"6.18-".repeat(60),
            &[
                row("poll", Some(8.0), Some(7.0), ""),
                row(hostile, Some(2.0), None, hostile),
                row("io-uring", None, None, &long),
            ],
            None,
        );
        assert_eq!(faults(&picture, text_width), [""; 0]);
        assert!(picture.contains("poll") && picture.contains("8.000"));
        assert!(picture.contains(r"&lt;/text&gt;&lt;script&gt;\x1b &amp; why"));
        assert!(!picture.contains("NaN"));
        assert_eq!(faults(&svg("6.18", &[], None), text_width), [""; 0]);
    }

    /// The wasted seven of eight were once drawn three times as long as the one that was needed.
    #[test]
    fn a_wakeup_is_as_long_in_each_part_of_a_bar() {
        let row = row("poll", Some(8.0), Some(7.0), "");
        let rows = [row];
        let panel = Panel::new(&rows).expect("a row");
        let bar = panel.bar(&rows[0], 0.0).to_string();
        let width = |colour: &str| -> f64 {
            let (before, _) = bar.split_once(colour).expect("a part");
            let (_, rest) = before.rsplit_once(" width=\"").expect("a width");
            rest.split('"')
                .next()
                .expect("it ends")
                .parse()
                .expect("a number")
        };
        let (needed, wasted) = (width("#2b5f8a"), width("#e08a3c"));
        assert!((wasted / needed - 7.0).abs() < 0.01, "{needed} {wasted}");
    }

    #[test]
    fn what_was_not_told_apart_is_not_drawn_as_needed() {
        let told = svg("6.18", &[row("poll", Some(2.0), Some(0.0), "")], None);
        let untold = svg("6.18", &[row("poll", Some(2.0), None, "")], None);
        let needed = |picture: &str| picture.matches("fill=\"#2b5f8a\"").count();
        assert_eq!(
            (needed(&told), needed(&untold)),
            (2, 1),
            "the legend has one"
        );
    }

    #[test]
    fn a_picture_of_a_part_says_so() {
        let rows = [row("poll", Some(2.0), Some(0.0), "")];
        let picture = svg(
            "6.18",
            &rows,
            Some("SIGINT ended the run after 1 of 4 rows"),
        );
        assert!(
            picture.contains("PARTIAL: SIGINT ended the run after 1 of 4 rows; "),
            "{picture}"
        );
        assert_eq!(faults(&picture, text_width), [""; 0]);
    }

    #[test]
    fn marks_are_round_numbers() {
        for (highest, expected) in [(2.0, 0.5), (8.0, 1.0), (9.0, 2.0), (100.0, 20.0)] {
            assert!((step(highest) - expected).abs() < 1e-9, "{highest}");
        }
    }
}
