//! The head of the page: what ran where, and every sentence in one look; and its foot.

use maud::{Markup, html};

use claim::{Document, Report, Summary};

use super::Section;
use super::text::{mark, shown, words};
use crate::render::machine;
use crate::render::text::count;

pub(super) fn header(document: &Document, left_out: &[String], sections: &[Section<'_>]) -> Markup {
    let machine = &document.machine;
    html! {
        header.page-head {
            p.brand { "witness" }
            h1 { (headline(document)) }
            p.machine { (shown(&machine::sentence(machine))) "." }
            @if let Some(partial) = &document.partial {
                p.partial { strong { "PARTIAL" } ": " (shown(&partial.to_string())) "." }
            }
            @if !left_out.is_empty() {
                p.partial {
                    strong { "LEFT OUT" } ": " (count(left_out.len(), "claim", "claims"))
                    " of this run, which the program that drew the page has not, or measures \
                     otherwise: " (shown(&left_out.join(", "))) "."
                }
            }
            p.lede {
                "Each sentence about the kernel was put to the test with real system calls. A \
                 number was predicted, then observed; beside it ran a "
                em { "control" }
                ": the same instrument on a set-up that must come out the other way. An instrument \
                 that cannot tell the two apart proves nothing."
            }
            (overview(sections))
            (key())
        }
    }
}

/// `This kernel keeps 45 of 47 sentences; 2 not measured`. Where not one came out either way, it
/// says so instead: that is no fault of the kernel's.
pub(crate) fn headline(document: &Document) -> String {
    let summary = Summary::count(&document.reports);
    let kept = summary.holds + summary.holds_with;
    let all = document
        .partial
        .as_ref()
        .map_or(0, |partial| partial.claims);
    let all = all.max(summary.claims);
    let rest = [
        (summary.refuted, "refuted"),
        (summary.not_measured, "not measured"),
        (summary.error, "broken"),
        (all - summary.claims, "not reached"),
    ];
    let rest = rest.iter().filter(|(count, _)| *count > 0);
    let rest: Vec<String> = rest
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let sentences = count(all, "sentence", "sentences");
    let kept = match kept + summary.refuted {
        0 => format!("No verdict on {sentences}"),
        _ => format!("This kernel keeps {kept} of {sentences}"),
    };
    match rest.is_empty() {
        true => kept,
        false => format!("{kept}; {}", rest.join(", ")),
    }
}

/// A mark for each sentence, which leads to it.
fn overview(sections: &[Section<'_>]) -> Markup {
    html! {
        nav.overview aria-label="Topics and sentences" {
            @for section in sections {
                div {
                    a.topic-link href={ "#topic-" (section.topic.name) } { (section.topic.name) }
                    ul { @for report in &section.reports { li { (tile(report)) } } }
                }
            }
        }
    }
}

fn tile(report: &Report) -> Markup {
    let verdict = report.verdict.name();
    let name = format!("{}: {}", report.id, words(verdict));
    html! {
        a.tile.{ (verdict) } href={ "#" (report.id) } title=(name) {
            span aria-hidden="true" { (mark(&report.verdict)) }
        }
    }
}

/// What the marks on the axes mean.
fn key() -> Markup {
    html! {
        ul.key aria-label="Marks on the axes" {
            li { (swatch("what is predicted", html! {
                rect.band x="12" {}
            })) " predicted" }
            li { (swatch("what is observed", html! {
                circle.observed cx="12" {}
            })) " observed" }
            li { (swatch("what is predicted of the control", html! {
                rect.other x="12" {}
            })) " predicted of the control" }
            li { (swatch("what is observed in the control", html! {
                rect.control x="12" {}
            })) " observed in the control" }
        }
    }
}

fn swatch(what: &str, mark: Markup) -> Markup {
    html! {
        svg.axis role="img" {
            title { "Mark" } desc { (what) }
            (mark)
        }
    }
}

pub(super) fn footer(document: &Document) -> Markup {
    html! {
        footer.page-foot {
            @if let Some(limits) = machine::limits(&document.machine) { p { (limits) "." } }
            p {
                "Written by witness " (env!("CARGO_PKG_VERSION")) ". This page asks nothing of the \
                 network; what is typed into it stays in it. Two runs side by side: "
                code { "witness diff BEFORE.json NOW.json" } "."
            }
        }
    }
}
