//! A claim's card: the sentence, its numbers, how they came about, and how to see it oneself.

use maud::{Markup, html};

use claim::{Act, ActReport, Claim, InControl, MEASURER};
use claim::{Prediction, Quantity, Report, Topic, Value, Verdict};

use super::axis::Marks;
use super::detail;
use super::guess;
use super::text::{mark, shown, value, words};
use crate::ask::Asked;
use crate::render::text::amount;

/// The card of `claim`; `asked` is the question about it, if there is one.
pub(super) fn card(
    topic: &Topic,
    claim: &Claim,
    report: &Report,
    asked: Option<Asked<'_>>,
) -> Markup {
    let (id, verdict) = (claim.id, report.verdict.name());
    let asks = if asked.is_some() { "asks" } else { "tells" };
    html! {
        article id=(id) class={ "card " (verdict) " " (asks) } {
            div.card-head {
                h3 {
                    a.permalink href={ "#" (id) } { (id) }
                }
                span.verdict { (mark(&report.verdict)) " " (words(verdict)) }
            }
            @if let Some(asked) = asked { (guess::question(&asked, report)) }
            div.result {
                p.statement { (claim.statement) }
                (reservation(&report.verdict))
                @if let Some(surprise) = claim.surprise.filter(|_| report.verdict.holds()) {
                    p.surprise { span.tag { "surprising" } " " (surprise.finding()) }
                }
                (quantities(claim, report))
                div.more {
                    (measured(claim, report))
                    (detail::seen(report))
                    (prove(topic, claim))
                }
            }
        }
    }
}

fn reservation(verdict: &Verdict) -> Markup {
    html! {
        @match verdict {
            Verdict::HoldsWith(caveat) => p.caveat { strong { "But: " } (shown(caveat)) },
            Verdict::NotMeasured { why, enable } | Verdict::ControlFailed { why, enable } => {
                p.caveat { strong { "Not measured: " } (shown(why)) }
                p.caveat { strong { "To measure it: " } (shown(enable)) }
            },
            Verdict::Error(why) => p.caveat { strong { "Error: " } (shown(why)) },
            Verdict::Holds | Verdict::Refuted => {},
        }
    }
}

fn quantities(claim: &Claim, report: &Report) -> Markup {
    html! {
        table.quantities {
            caption { "The numbers of " (claim.id) }
            thead { tr {
                th { "quantity" }
                th { "on one axis" }
                th { "predicted" }
                th { "observed" }
                th { "control" }
            } }
            tbody {
                @for (index, quantity) in claim.quantities.iter().enumerate() {
                    (row(claim, index + 1, quantity, report))
                }
            }
        }
    }
}

/// A quantity, with a link of its own.
fn row(claim: &Claim, number: usize, quantity: &Quantity, report: &Report) -> Markup {
    let id = format!("{}.{number}", claim.id);
    let observed = report.observed.get(quantity.name);
    let control = report.control.observed.get(quantity.name);
    let marks = Marks {
        quantity,
        observed,
        control,
    };
    html! {
        tr id=(id) {
            th { a href={ "#" (id) } { (quantity.name) } }
            td { (marks.draw()) }
            td { (amount(predicted(&quantity.experiment), quantity.unit)) }
            td { (found(observed, quantity, &quantity.experiment)) }
            td {
                (found(control, quantity, &quantity.control))
                @let (read, wanted) = (control.map(value), predicted(&quantity.control));
                @if read.as_ref() != Some(&wanted) { small { "predicted " (wanted) } }
            }
        }
    }
}

/// What one arm read; marked where that is not what was predicted.
fn found(read: Option<&Value>, quantity: &Quantity, prediction: &Prediction) -> Markup {
    html! {
        @match read {
            Some(read) => {
                @if !prediction.allows(read) { span.otherwise title="not as predicted" { "✘ " } }
                (amount(value(read), quantity.unit))
            },
            None => span.unread { "not read" },
        }
    }
}

/// A prediction as a column has room for it.
fn predicted(prediction: &Prediction) -> String {
    match prediction {
        Prediction::AtLeast(least) => format!("≥ {least}"),
        Prediction::AtMost(most) => format!("≤ {most}"),
        other => other.to_string(),
    }
}

/// How the numbers came about.
fn measured(claim: &Claim, report: &Report) -> Markup {
    html! {
        details.how {
            summary { "How it was measured" }
            dl {
                dt { "Experiment" } dd { (claim.measures) }
                dt { "Control" } dd { (sentence(claim.control)) }
                @if !claim.needs.is_empty() {
                    dt { "Needs" } dd { (sentence(&claim.needs.join("; "))) }
                }
                @if let Some(evidence) = report.evidence {
                    dt { "Evidence" } dd { (evidence_words(evidence)) }
                }
            }
            table.list.acts {
                caption { "What was done, and what shows it" }
                thead { tr {
                    @for head in ["act", "shown by", "experiment", "control"] {
                        th { (head) }
                    }
                } }
                tbody {
                    @for (act, found) in claim.acts.iter().zip(&report.acts) {
                        (act_row(act, found))
                    }
                }
            }
        }
    }
}

fn evidence_words(evidence: claim::Evidence) -> &'static str {
    match evidence {
        claim::Evidence::Kernel => "The kernel was asked about the object itself.",
        claim::Evidence::Counters => "Effects and counters that every process may read.",
    }
}

fn act_row(act: &Act, found: &ActReport) -> Markup {
    let word = |shown: Option<bool>| match shown {
        Some(true) => "shown",
        Some(false) => "not done",
        None => "not measured",
    };
    html! {
        tr {
            th {
                @if act.who != MEASURER { (act.who) " " }
                (act.does)
                @if let Some(call) = act.call { " " code { (call) } }
                @if act.times > 1 { ", " (act.times) " times" }
                @if let InControl::Instead(name, argument) = act.control {
                    "; the control instead: " code { (name) "(" (argument) ")" }
                }
            }
            td { (act.evidence) }
            td { (word(found.experiment)) }
            td { (word(found.control)) }
        }
    }
}

/// The lines by which a reader sees it without this program's word.
fn prove(topic: &Topic, claim: &Claim) -> Markup {
    html! {
        details.prove {
            summary { "See it yourself" }
            dl {
                dt { "Its system calls, explained" }
                dd { code { "cargo run --release -- strace " (claim.id) } }
                @if let Some(example) = claim.example {
                    dt { "A program to read, without our crates" }
                    dd { code { "cargo run -p " (topic.name) " --example " (example) } }
                }
                @if let Some(lesson) = claim.lesson {
                    dt { "A lesson in strace" }
                    dd { code { "scripts/" (lesson) } }
                }
                @if !claim.man.is_empty() {
                    dt { "Manual pages" }
                    dd { (claim.man.join(", ")) }
                }
            }
        }
    }
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
