//! A claim as `list` and `explain` tell it, without a run.

use super::layout::{BOLD, Layout, amount, indent};
use claim::{Act, Call, Claim, InControl, Topic};

/// A claim's line in `list`: its id and its statement.
pub fn list_entry(claim: &Claim, layout: Layout) -> String {
    let head = format!("  {BOLD}{}{BOLD:#}\n", claim.id);
    head + &indent(claim.statement, 6, layout.width)
}

/// What `explain` prints.
pub fn explain(topic: &Topic, claim: &Claim, layout: Layout) -> String {
    let mut out = format!("{BOLD}{}{BOLD:#} ({})\n\n", claim.id, topic.name);
    out += &indent(claim.statement, 2, layout.width);
    out.push('\n');
    let mut field = |name: &str, text: String| {
        if !text.is_empty() {
            let head = format!("  {name:<10} ");
            let options = textwrap::Options::new(layout.width)
                .initial_indent(&head)
                .subsequent_indent("             ");
            out.push_str(&textwrap::fill(&text, options));
            out.push('\n');
        }
    };
    field("measured", claim.measures.to_owned());
    field("control", claim.control.to_owned());
    for act in claim.acts {
        field("act", sentence(act));
    }
    for quantity in claim.quantities {
        let experiment = amount(quantity.experiment, quantity.unit);
        let control = amount(quantity.control, quantity.unit);
        let name = quantity.name;
        field(
            "predicted",
            format!("{name}: {experiment}; control: {control}"),
        );
    }
    if let Some(surprise) = claim.surprise {
        field("surprise", surprise.finding().to_owned());
    }
    field("needs", claim.needs.join("; "));
    field("read on", pages(claim.man));
    let run = |name| format!("cargo run -p {} --example {name}", topic.name);
    field("example", claim.example.map_or(String::new(), run));
    field("lesson", lesson(claim));
    field("chapter", topic.chapter.unwrap_or_default().to_owned());
    out
}

/// What shows the claim in strace(1): the command, and the script that calls it where there is one.
/// A claim that traces processes itself cannot be traced.
fn lesson(claim: &Claim) -> String {
    let mut calls = claim.acts.iter().filter_map(|act| act.call);
    if calls.any(|call| call.name == "ptrace") {
        return String::new();
    }
    let script = claim.lesson.map(|name| format!("; scripts/{name}"));
    format!("witness strace {}{}", claim.id, script.unwrap_or_default())
}

/// Manual pages to read, and where the newest of them stood before they were pages of their own.
fn pages(man: &[&str]) -> String {
    let mut pages = man.join(", ");
    let mut older: Vec<&str> = man.iter().filter_map(|page| older_page(page)).collect();
    older.dedup();
    if !older.is_empty() {
        pages += &format!("; in older manuals: {}", older.join(", "));
    }
    pages
}

/// The page in which another one was a chapter until man-pages 6.7 divided it. Long-lived systems,
/// such as Debian 12 and Ubuntu 22.04, have only that.
fn older_page(page: &str) -> Option<&'static str> {
    match page {
        "fcntl_locking(2)" => Some("fcntl(2)"),
        page if page.starts_with("proc_") => Some("proc(5)"),
        _ => None,
    }
}

/// An act in a sentence: who does what, by which call, what shows it, and what the control does.
fn sentence(act: &Act) -> String {
    let Act {
        does,
        who,
        call,
        times,
        evidence,
        control,
        ..
    } = act;
    // A child or a thread by its name, which ps and a trace show.
    let has_name = !["the ", "each ", "a "].iter().any(|it| who.starts_with(it));
    let quote = if has_name { "`" } else { "" };
    let call = call.map_or(String::new(), |call| format!(": {call}"));
    let often = match times {
        1 => String::new(),
        times => format!(", {times} times"),
    };
    let control = match *control {
        InControl::Same => "the same".to_owned(),
        InControl::Not => "not done".to_owned(),
        InControl::Either => "done or not".to_owned(),
        InControl::Instead(name, argument) => format!("{} instead", Call { name, argument }),
    };
    format!("{quote}{who}{quote} {does}{call}{often}; evidence: {evidence}; control: {control}")
}
