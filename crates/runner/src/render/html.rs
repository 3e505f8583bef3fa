//! One self-contained page: no script, no outside resource.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use present::foreign_text::{escape_controls, escape_lines};

use claim::{
    Act, ActReport, Claim, Detail, Document, Quantity, Register, Report, Summary, Table, Verdict,
};

use super::machine;

const STYLE: &str = include_str!("report.css");

/// Renders `document` with the statements that `register` holds.
pub fn render(register: &Register, document: &Document) -> String {
    let machine = &document.machine;
    let summary = Summary::count(&document.reports);
    let title = escape_controls(&format!("witness: {}", machine::kernel(machine)));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "What this kernel does" }
                    p {
                        (escape_controls(&machine::sentence(machine))) "."
                        @if let Some(limits) = machine::limits(machine) { " " (limits) "." }
                    }
                    p {
                        (summary.claims) " claims: " (summary.holds) " hold, "
                        (summary.holds_with) " hold with a caveat, " (summary.refuted) " refuted, "
                        (summary.not_measured) " not measured, " (summary.error) " broken."
                    }
                    @if let Some(partial) = &document.partial {
                        p { strong { "PARTIAL" } ": " (partial) "." }
                    }
                }
                @for topic in register.topics() {
                    @let of_topic = |report: &&Report| report.topic == topic.name;
                    @let reports: Vec<&Report> = document.reports.iter().filter(of_topic).collect();
                    @if !reports.is_empty() {
                        section {
                            h2 { (topic.name) }
                            p.title { (topic.title) }
                            @for report in reports {
                                @if let Some((_, claim)) = register.get(&report.id) {
                                    (article(claim, report))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn article(claim: &Claim, report: &Report) -> Markup {
    html! {
        article id=(report.id) class=(report.verdict.name()) {
            h3 { (report.id) " " span.verdict { (report.verdict.name().replace('_', " ")) } }
            p { (claim.statement) }
            @match &report.verdict {
                Verdict::HoldsWith(caveat) => p.caveat { "But: " (escape_controls(caveat)) },
                Verdict::NotMeasured { why, enable } | Verdict::ControlFailed { why, enable } => {
                    p { (escape_controls(why)) }
                    p { "To measure it: " (escape_controls(enable)) }
                },
                Verdict::Error(why) => p { (escape_controls(why)) },
                Verdict::Holds | Verdict::Refuted => {},
            }
            @if !report.observed.is_empty() {
                table {
                    thead { tr {
                        th { "quantity" } th { "predicted" } th { "observed" }
                        th { "control predicted" } th { "control observed" }
                    } }
                    tbody { @for quantity in claim.quantities { (row(quantity, report)) } }
                }
            }
            @if !report.acts.is_empty() && !report.observed.is_empty() {
                table {
                    thead { tr {
                        th { "act" } th { "evidence" } th { "experiment" } th { "control" }
                    } }
                    tbody {
                        @for (act, found) in claim.acts.iter().zip(&report.acts) {
                            (act_row(act, found))
                        }
                    }
                }
            }
            p.control {
                "Control: " (claim.control) "."
                @if let Some(evidence) = report.evidence { " Evidence: " (evidence) "." }
            }
            @for detail in &report.details { (detail_markup(detail)) }
        }
    }
}

fn row(quantity: &Quantity, report: &Report) -> Markup {
    let observed = report.observed.get(quantity.name);
    let control = report.control.observed.get(quantity.name);
    html! {
        tr {
            td { (quantity.name) @if !quantity.unit.is_empty() { " (" (quantity.unit) ")" } }
            td { (quantity.experiment) }
            td.observed { @if let Some(value) = observed { (escape_controls(&value.to_string())) } }
            td { (quantity.control) }
            td { @if let Some(value) = control { (escape_controls(&value.to_string())) } }
        }
    }
}

fn act_row(act: &Act, found: &ActReport) -> Markup {
    let word = |shown: Option<bool>| match shown {
        Some(true) => "shown",
        Some(false) => "not done",
        None => "",
    };
    html! {
        tr {
            td {
                (act.who) " " (act.does)
                @if let Some(call) = act.call { " (" code { (call) } ")" }
            }
            td { (act.evidence) }
            td.observed { (word(found.experiment)) }
            td { (word(found.control)) }
        }
    }
}

fn detail_markup(detail: &Detail) -> Markup {
    html! {
        @match detail {
            Detail::Note(note) => p.note { (escape_controls(note)) },
            Detail::Figure(figure) => pre { (escape_lines(figure)) },
            Detail::Table(Table { title, columns, rows }) => table {
                caption { (escape_controls(title)) }
                thead { tr { @for column in columns { th { (escape_controls(column)) } } } }
                tbody {
                    @for row in rows { tr { @for cell in row { td { (escape_controls(cell)) } } } }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claim::Machine;

    #[test]
    fn what_a_machine_calls_itself_is_escaped() {
        let document = Document {
            machine: Machine {
                kernel: "6.18<b>".to_owned(),
                hypervisor: Some("\x1b[2J&".to_owned()),
                ..Machine::default()
            },
            reports: Vec::new(),
            partial: None,
        };
        let register = Register::new(&[]).expect("a register");
        let page = render(&register, &document);
        assert!(
            page.contains("<title>witness: Linux 6.18&lt;b&gt;</title>"),
            "{page}"
        );
        assert!(page.contains(r"hypervisor \x1b[2J&amp;"), "{page}");
        assert!(!page.contains('\x1b'));
    }
}
