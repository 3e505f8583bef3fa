//! A question before its answer.

use maud::{Markup, html};

use claim::{Claim, Prediction, Register, Report, Value};

use super::Companions;
use super::text::{shown, value};
use crate::ask::Asked;
use crate::ask::guess::form;

/// The question about `claim`, if there is one.
pub(super) fn find<'a>(
    register: &'a Register,
    companions: Companions<'a>,
    claim: &Claim,
) -> Option<Asked<'a>> {
    let mut questions = companions.questions.iter();
    let question = questions.find(|question| question.claim == claim.id)?;
    Asked::find(register, question).ok()
}

/// The question, to be answered before the card's result is read. What is typed stays in the
/// browser.
pub(super) fn question(asked: &Asked<'_>, report: &Report) -> Markup {
    let question = asked.question;
    let observed = report.observed.get(asked.quantity.name);
    let (least, most) = right_numbers(&asked.quantity.experiment, observed);
    html! {
        details.guess {
            summary { span.tag { "guess first" } " " (question.asks) }
            p { (question.situation) }
            pre { (question.picture.trim_matches('\n')) }
            p.scripted {
                label {
                    "Your guess (" (form(asked)) "): "
                    input type="text" autocomplete="off" size="14"
                        data-least=[least] data-most=[most]
                        data-answer=[observed.map(value)] data-yes=[question.yes];
                }
                " " button type="button" { "Check" }
                " " output {}
            }
            details.hint { summary { "A hint" } p { (question.hint) } }
            details.answer {
                summary { "The answer" }
                p.numbers {
                    (asked.quantity.name) ": "
                    @match observed {
                        Some(observed) => {
                            strong { (value(observed)) }
                            " observed, " (asked.quantity.experiment) " predicted"
                        },
                        None => {
                            "not measured in this run; predicted is "
                            (asked.quantity.experiment)
                        },
                    }
                    @if let Some(control) = report.control.observed.get(asked.quantity.name) {
                        ", " (value(control)) " in the control (" (asked.claim.control) ")"
                    }
                    "."
                }
                p { strong { "What textbooks get wrong. " } (shown(question.textbook)) }
            }
        }
    }
}

/// From where to where a number is right: what is predicted, where the kernel does that; else what
/// was observed.
fn right_numbers(prediction: &Prediction, observed: Option<&Value>) -> (Option<f64>, Option<f64>) {
    let observed = match observed {
        Some(observed) if !prediction.allows(observed) => {
            let number = observed.as_f64();
            return (number, number);
        }
        observed => observed,
    };
    match *prediction {
        _ if observed.is_none() => (None, None),
        Prediction::Count(count) => (Some(count as f64), Some(count as f64)),
        Prediction::AtLeast(low) => (Some(low), None),
        Prediction::AtMost(high) => (None, Some(high)),
        Prediction::Between(low, high) => (Some(low), Some(high)),
        Prediction::Word(_) => (None, None),
    }
}
