//! The tour's columns: a line a claim.

use anstyle::Style;
use textwrap::core::display_width;

use super::super::layout::{BOLD, Layout, amount, dimmed, indent, shown};
use super::super::marks::{self, mark, style};
use claim::{Claim, Prediction, Quantity, Report, Topic, Value, Verdict};

const LEGEND: &str = "Predicted before, then observed; the control must differ.";

/// A blank at which no line is broken.
const UNBROKEN: &str = "\u{a0}";

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// Columns that a number and its unit take, unless the prediction is a longer word.
const VALUE_WIDTH: usize = 13;

/// The columns of the tour, as wide for all rows as the claims of the run need them.
#[derive(Clone, Debug)]
pub struct Columns {
    id: usize,
    /// None where the terminal has no room for it.
    quantity: Option<usize>,
    values: [usize; 3],
    layout: Layout,
}

impl Columns {
    /// Columns for rows of these claims.
    pub fn new<'a>(claims: impl Iterator<Item = &'a Claim> + Clone, layout: Layout) -> Columns {
        let widest = |text: &dyn Fn(&Claim) -> String| {
            let widths = claims.clone().map(|claim| display_width(&text(claim)));
            widths.max().unwrap_or(0)
        };
        let of_main = |text: &dyn Fn(&Quantity) -> String| {
            widest(&|claim| claim.main_quantity().map_or(String::new(), text))
        };
        let predicted = of_main(&|quantity| predicted(&quantity.experiment));
        let control = of_main(&|quantity| predicted_value(&quantity.control));
        let values = [
            predicted.max("predicted".len()),
            predicted.max(VALUE_WIDTH),
            control.max("control".len()),
        ];
        // Behind the id stands the mark of a surprise.
        let id = 2 + widest(&|claim| claim.id.to_owned()) + 2;
        let mut columns = Columns {
            id,
            quantity: None,
            values,
            layout,
        };
        let quantity = of_main(&|quantity| quantity.name.to_owned());
        if columns.width() + GAP + quantity <= layout.width {
            columns.quantity = Some(quantity);
        }
        columns
    }

    fn width(&self) -> usize {
        let values: usize = self.values.iter().map(|width| GAP + width).sum();
        self.id + self.quantity.map_or(0, |width| GAP + width) + values
    }

    /// Whether a claim takes one line, rather than one for its name and one for its values.
    fn is_one_line(&self) -> bool {
        self.width() <= self.layout.width
    }

    /// What the marks mean, and the heads of the columns.
    pub fn heading(&self) -> String {
        // A line breaks between two marks, and not between a mark and its meaning.
        let marks = format!("{}, * surprises.", marks::LEGEND);
        let marks = marks
            .replace(' ', UNBROKEN)
            .replace(&format!(",{UNBROKEN}"), ", ");
        let legend = textwrap::fill(&format!("{LEGEND} {marks}"), self.layout.width);
        // The blank is none of the characters that ASCII has.
        let lines = legend.lines().map(|line| line.replace(UNBROKEN, " "));
        let legend: String = lines
            .map(|line| dimmed(&line, 0, self.layout.width))
            .collect();
        let heads = ["predicted", "observed", "control"].map(str::to_owned);
        let row = self.row("  claim", "what is counted", heads, Style::new());
        let row: String = row
            .lines()
            .map(|line| format!("{BOLD}{line}{BOLD:#}\n"))
            .collect();
        legend + &row
    }

    /// The line of a topic.
    pub fn topic(&self, topic: &Topic) -> String {
        let line = indent(
            &format!("{}: {}", topic.name, topic.title),
            0,
            self.layout.width,
        );
        format!("{BOLD}{}{BOLD:#}\n", line.trim_end())
    }

    /// The line of a claim.
    pub fn claim(&self, claim: &Claim, report: &Report) -> String {
        let star = match surprises(claim, report) {
            true => " *",
            false => "",
        };
        let style = style(&report.verdict);
        let head = format!("{} {}{star}", mark(&report.verdict), report.id);
        let row = match &report.verdict {
            Verdict::NotMeasured { why, .. } | Verdict::ControlFailed { why, .. } => {
                self.reason(&head, "not measured", why)
            }
            Verdict::Error(why) => self.reason(&head, "error", why),
            Verdict::Holds | Verdict::HoldsWith(_) | Verdict::Refuted => {
                self.values(&head, claim, report)
            }
        };
        // The mark is what the row begins with, and has a colour of its own.
        let mark = mark(&report.verdict);
        let rest = row.get(mark.len()..).unwrap_or_default();
        format!("{style}{mark}{style:#}{rest}")
    }

    fn values(&self, head: &str, claim: &Claim, report: &Report) -> String {
        let Some(quantity) = decisive(claim, report) else {
            return format!("{head}\n");
        };
        let of = |values: &indexmap::IndexMap<String, Value>| values.get(quantity.name).map(short);
        let observed = of(&report.observed).map(|value| amount(value, quantity.unit));
        let cells = [
            predicted(&quantity.experiment),
            observed.unwrap_or_default(),
            of(&report.control.observed).unwrap_or_default(),
        ];
        let cells = cells.map(|cell| shown(&cell));
        let plain = self.row(head, quantity.name, cells.clone(), Style::new());
        if plain
            .lines()
            .any(|line| display_width(line) > self.layout.width)
        {
            // A word that nobody predicted.
            let [predicted, observed, control] = cells;
            let line = format!("{predicted} predicted, {observed} observed, control {control}");
            return format!("{head}\n{}", indent(&line, 4, self.layout.width));
        }
        self.row(head, quantity.name, cells, BOLD)
    }

    /// A row, in which the observed value has this style.
    fn row(&self, head: &str, quantity: &str, cells: [String; 3], style: Style) -> String {
        let [predicted, observed, control] = &cells;
        let pad =
            |text: &str, width: usize| " ".repeat(width.saturating_sub(display_width(text)) + GAP);
        let mut line = match self.is_one_line() {
            true => head.to_owned() + &pad(head, self.id),
            false => format!("{head}\n    "),
        };
        if let Some(width) = self.quantity {
            line += quantity;
            line += &pad(quantity, width);
        }
        let [first, second, _] = self.values;
        let styled = format!("{style}{observed}{style:#}");
        line += predicted;
        line += &pad(predicted, first);
        line += &styled;
        line += &pad(observed, second);
        line += control;
        line.trim_end().to_owned() + "\n"
    }

    /// A claim without values, and why.
    fn reason(&self, head: &str, word: &str, why: &str) -> String {
        let pad = " ".repeat(self.id.saturating_sub(display_width(head)) + GAP);
        let options = textwrap::Options::new(self.layout.width.min(110)).subsequent_indent("    ");
        let text = shown(&format!("{head}{pad}{word}: {why}"));
        textwrap::fill(&text, options) + "\n"
    }
}

/// The quantity that decided the verdict: of a claim that is refuted the first that contradicts it.
fn decisive<'a>(claim: &'a Claim, report: &Report) -> Option<&'a Quantity> {
    let contradicts = |quantity: &&Quantity| {
        let observed = report.observed.get(quantity.name);
        observed.is_some_and(|value| !quantity.experiment.allows(value))
    };
    let mut contradicting = claim.quantities.iter().filter(contradicts);
    match report.verdict {
        Verdict::Refuted => contradicting.next().or(claim.main_quantity()),
        _ => claim.main_quantity(),
    }
}

pub(super) fn surprises(claim: &Claim, report: &Report) -> bool {
    claim.surprise.is_some() && report.verdict.holds()
}

/// A prediction in as few columns as it can be understood in.
pub(super) fn predicted(prediction: &Prediction) -> String {
    match *prediction {
        Prediction::AtLeast(low) => format!(">= {}", short(&Value::Number(low))),
        Prediction::AtMost(high) => format!("<= {}", short(&Value::Number(high))),
        ref other => other.to_string(),
    }
}

/// About as wide as the value that is predicted.
fn predicted_value(prediction: &Prediction) -> String {
    match *prediction {
        Prediction::AtLeast(bound) | Prediction::AtMost(bound) => short(&Value::Number(bound)),
        Prediction::Between(_, high) => short(&Value::Number(high)),
        ref other => other.to_string(),
    }
}

/// A value with three digits behind the point at most, and none where it has three before it.
pub(super) fn short(value: &Value) -> String {
    let Value::Number(number) = value else {
        return value.to_string();
    };
    let digits = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
