//! The numbers of a claim beside their predictions: a row a quantity where the terminal is wide
//! enough, else a line for its name and one for each arm.

use present::{Column, Table};
use textwrap::core::display_width;

use super::layout::{BOLD, DIM, amount, indent, shown};
use claim::{Claim, Prediction, Report, Value};

/// What was predicted of the experiment and observed there, and the same of the control. Behind
/// what was not as predicted stands `(!)`.
pub(super) fn quantities(claim: &Claim, report: &Report, width: usize) -> String {
    let rows = rows(claim, report);
    let columns = ["\nquantity", "experiment\npredicted", "\nobserved"];
    let columns = columns
        .into_iter()
        .chain(["control\npredicted", "\nobserved"]);
    let mut table = Table::new(columns.map(Column::left)).indent(4);
    for Row { name, values } in &rows {
        let values = values.iter().map(String::as_str);
        table.row([*name].into_iter().chain(values));
    }
    let drawn = table.render(None);
    match drawn.lines().all(|line| display_width(line) <= width) {
        true => drawn,
        false => rows.iter().map(|row| row.below_its_name(width)).collect(),
    }
}

/// A quantity: of the experiment what was predicted and observed, and of the control the same.
struct Row {
    name: &'static str,
    values: [String; 4],
}

impl Row {
    fn below_its_name(&self, width: usize) -> String {
        let [predicted, observed, due, control] = &self.values;
        let wide = display_width(predicted).max(display_width(due));
        let arm = |arm: &str, predicted: &str, observed: &str| {
            let pad = " ".repeat(wide - display_width(predicted));
            let line = format!("{arm:<10}  predicted {predicted}{pad}  observed {observed}");
            match 6 + display_width(&line) <= width {
                true => format!(
                    "      {DIM}{arm:<10}  predicted{DIM:#} {predicted}{pad}  \
                     {DIM}observed{DIM:#} {BOLD}{observed}{BOLD:#}\n"
                ),
                false => indent(&line, 6, width),
            }
        };
        indent(self.name, 4, width)
            + &arm("experiment", predicted, observed)
            + &arm("control", due, control)
    }
}

fn rows(claim: &Claim, report: &Report) -> Vec<Row> {
    let row = |quantity: &claim::Quantity| {
        let experiment = report.observed.get(quantity.name)?;
        let control = report.control.observed.get(quantity.name)?;
        let observed = |prediction: &Prediction, value: &Value| {
            let mark = if prediction.allows(value) { "" } else { " (!)" };
            shown(&(amount(value, quantity.unit) + mark))
        };
        Some(Row {
            name: quantity.name,
            values: [
                amount(quantity.experiment, quantity.unit),
                observed(&quantity.experiment, experiment),
                amount(quantity.control, quantity.unit),
                observed(&quantity.control, control),
            ],
        })
    };
    claim.quantities.iter().filter_map(row).collect()
}
