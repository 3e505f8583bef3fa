//! What a reader can choose to see: a topic, a verdict, answers only after a guess. Radio buttons
//! and style sheets do it; no script is needed.

use std::collections::BTreeMap;
use std::fmt::Write;

use maud::{Markup, html};

use super::Section;
use super::text::words;

/// The verdicts' names in the document, the best first.
const VERDICTS: [&str; 5] = ["holds", "holds_with", "refuted", "not_measured", "error"];

/// What can be chosen.
pub(super) fn form(sections: &[Section<'_>]) -> Markup {
    let counts = counts(sections);
    let all: usize = counts.values().sum();
    html! {
        form.choose aria-label="What to show" {
            fieldset {
                legend { "Topic" }
                (choice("topic", "all", "all", true))
                @for section in sections {
                    (choice("topic", section.topic.name, section.topic.name, false))
                }
            }
            fieldset {
                legend { "Verdict" }
                (choice("verdict", "all", &format!("all {all}"), true))
                @for verdict in VERDICTS {
                    @if let Some(count) = counts.get(verdict) {
                        (choice("verdict", verdict, &format!("{} {count}", words(verdict)), false))
                    }
                }
            }
            fieldset {
                legend { "Answers" }
                (choice("answers", "shown", "shown", true))
                (choice("answers", "guess", "after my guess", false))
            }
            fieldset.scripted {
                legend { "Words" }
                input #words type="search" aria-label="Only sentences with these words"
                    placeholder="fork, epoll, page …";
            }
            (compare())
            p.count role="status" { }
        }
    }
}

/// Where another run can be dropped.
fn compare() -> Markup {
    html! {
        fieldset #compare.scripted {
            legend { "Another run" }
            label {
                "Drop a document of " code { "witness run --json" } " here, or choose one: "
                input #other type="file" accept=".json,application/json";
            }
            div #compared role="status" { }
        }
    }
}

fn choice(group: &str, value: &str, label: &str, is_first: bool) -> Markup {
    let id = format!("{group}-is-{value}");
    html! {
        span.choice {
            input type="radio" name=(group) id=(id) value=(value) checked[is_first];
            label for=(id) { (label) }
        }
    }
}

fn counts(sections: &[Section<'_>]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for report in sections.iter().flat_map(|section| &section.reports) {
        *counts.entry(report.verdict.name()).or_default() += 1;
    }
    counts
}

/// The rules that follow a choice. What a link leads to is shown whatever is chosen.
pub(super) fn style(sections: &[Section<'_>]) -> String {
    let mut style = String::new();
    // Writing to a String does not fail.
    for section in sections {
        let name = section.topic.name;
        let _ = writeln!(
            style,
            "body:has(#topic-is-{name}:checked) .topic:not(#topic-{name}):not(:has(:target))\
             {{display:none}}"
        );
    }
    for verdict in VERDICTS {
        let _ = writeln!(
            style,
            "body:has(#verdict-is-{verdict}:checked) .card:not(.{verdict},:target,:has(:target)),\
             body:has(#verdict-is-{verdict}:checked) .pictures,\
             body:has(#verdict-is-{verdict}:checked) .topic:not(:has(.card.{verdict},:target))\
             {{display:none}}"
        );
    }
    style
}
