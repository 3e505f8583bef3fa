//! What a person reads. All of it is ASCII, but for what they typed themselves: it looks alike in
//! every locale and in a pipe.

use anstyle::{AnsiColor, Style};
use claim::{Call, Detail, InControl, Report, Table, Value, Verdict};
use harness::interrupt::Interrupted;
use present::foreign_text::{escape, escape_controls};
use present::{Column, Table as Grid};
use textwrap::{Options, WordSplitter};

use super::Asked;
use super::guess::form;
use super::score::{Outcome, Score};
use crate::called::join_words;

const BOLD: Style = Style::new().bold();
const RIGHT: Style = AnsiColor::Green.on_default().bold();
const WRONG: Style = AnsiColor::Red.on_default().bold();

/// Rows of a claim's table that are shown.
const ROWS: usize = 10;

/// Claims that are named at the end.
const MISSED: usize = 5;

/// Columns before a value.
const LABEL: usize = 12;

/// What stands before the first question.
pub(crate) fn introduction(questions: usize, width: usize) -> String {
    let questions = match questions {
        1 => "One question".to_owned(),
        many => format!("{many} questions"),
    };
    let text = format!(
        "{questions}. Predict what this kernel does; then the experiment runs, and you see it. \
         Enter shows the answer, ? gives a hint, q stops."
    );
    paragraph(&text, 0, width)
}

/// Question `number` of `all`, up to the place where the answer is typed.
pub(crate) fn question(asked: &Asked<'_>, (number, all): (usize, usize), width: usize) -> String {
    let question = asked.question;
    let head = format!("{number}/{all}  {}", asked.claim.id);
    let mut out = format!("\n{BOLD}{head}{BOLD:#}\n\n");
    out += &paragraph(question.situation, 2, width);
    out.push('\n');
    for line in question.picture.trim_matches('\n').lines() {
        out += format!("    {line}").trim_end();
        out.push('\n');
    }
    out.push('\n');
    let asks = format!("{} ({})", question.asks, form(asked));
    out + &paragraph(&asks, 2, width)
}

/// What stands before an answer.
pub(crate) const PROMPT: &str = "> ";

/// A line of the input, for a transcript in which nobody has typed it.
pub(crate) fn echo(line: &[u8]) -> String {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let shown = escape(OsStr::from_bytes(line));
    let shown: String = shown.chars().take(40).collect();
    shown + "\n"
}

/// The hint; the second time what the control reads.
pub(crate) fn hint(asked: &Asked<'_>, times: usize, width: usize) -> String {
    let text = match times {
        0 => format!("Hint: {}", asked.question.hint),
        _ => {
            let control = amount(asked.quantity.control, asked);
            let differs = asked.claim.control;
            format!("Hint: in the control it is {control}. The control: {differs}.")
        }
    };
    paragraph(&text, 2, width)
}

/// That a line was no answer.
pub(crate) fn unclear(asked: &Asked<'_>, width: usize) -> String {
    let text = format!("This is no answer: it takes {}.", form(asked));
    paragraph(&text, 2, width)
}

/// What was found out: the outcome, the numbers beside each other, and where to see them.
pub(crate) fn answer(
    asked: &Asked<'_>,
    (guess, outcome): (Option<&Value>, Outcome),
    report: &Report,
    program: &str,
    width: usize,
) -> String {
    let mut out = String::from("\n");
    out += &match (outcome, guess) {
        (Outcome::Right, _) => format!("  {RIGHT}Right.{RIGHT:#}\n"),
        (Outcome::Wrong, Some(_)) => format!("  {WRONG}Not so.{WRONG:#}\n"),
        (Outcome::Wrong, None) => format!("  {WRONG}It counts as wrong.{WRONG:#}\n"),
        (Outcome::Shown, _) => "  Shown without a guess.\n".to_owned(),
        (Outcome::NotMeasured, _) => paragraph(&not_measured(&report.verdict), 2, width),
    };
    out += &numbers(asked, guess, report, width);
    let tables = report.details.iter().filter_map(|detail| match detail {
        Detail::Table(table) => Some(table),
        _ => None,
    });
    out += &tables
        .take(1)
        .map(|table| grid(table, width))
        .collect::<String>();
    out += &headed("In a sentence", asked.claim.statement, width);
    if let Verdict::HoldsWith(caveat) = &report.verdict {
        out += &headed("But", caveat, width);
    }
    out += &headed("What textbooks get wrong", asked.question.textbook, width);
    out + &proof(asked, program, width)
}

/// Guess, prediction, observation and control, a line each.
fn numbers(asked: &Asked<'_>, guess: Option<&Value>, report: &Report, width: usize) -> String {
    let quantity = asked.quantity;
    let observed = |values: &indexmap::IndexMap<String, Value>| {
        let value = values.get(quantity.name);
        value.map(|value| amount(value, asked))
    };
    let mut out = paragraph(&format!("{}:", quantity.name), 2, width);
    if let Some(guess) = guess {
        out += &labelled("you", &amount(shown(guess), asked), width);
    }
    out += &labelled("predicted", &amount(quantity.experiment, asked), width);
    if let Some(value) = observed(&report.observed) {
        let verdict = match &report.verdict {
            Verdict::Holds | Verdict::HoldsWith(_) => "the claim holds",
            Verdict::Refuted => "the claim is refuted: this kernel does otherwise",
            _ => "no verdict",
        };
        out += &labelled("observed", &format!("{value}  ({verdict})"), width);
    }
    let control = match observed(&report.control.observed) {
        Some(value) => value,
        None => format!("{} predicted", amount(quantity.control, asked)),
    };
    let control = format!("{control}  ({})", asked.claim.control);
    out + &labelled("control", &control, width)
}

/// How a person sees it for themselves.
fn proof(asked: &Asked<'_>, program: &str, width: usize) -> String {
    let (act, id) = (asked.act, asked.claim.id);
    // A process or a thread by its name, as strace and ps show it, or a description.
    let is_described = ["the ", "each ", "a "]
        .iter()
        .any(|it| act.who.starts_with(it));
    let quote = if is_described { "" } else { "`" };
    let who = format!("{quote}{}{quote}", act.who);
    let does = act.does;
    let Some(call) = act.call else {
        let text = format!(
            "it happens in memory, without a system call, so strace has nothing to show: \
             {who} {does}. The claim knows it by {}.",
            act.evidence
        );
        return headed("See it yourself", &text, width);
    };
    let times = match act.times {
        1 => String::new(),
        times => format!(", {times} times"),
    };
    let control = match act.control {
        InControl::Instead(name, argument) => {
            format!(" The control: {}.", Call { name, argument })
        }
        InControl::Not => " The control does not.".to_owned(),
        InControl::Same | InControl::Either => String::new(),
    };
    let text = format!("{who} {does}: {call}{times}.{control}");
    headed("See it yourself", "", width)
        + &command(program, call.name, id, width)
        + &paragraph(&text, 4, width)
}

/// What stands before a command.
const COMMAND: &str = "    ";

/// What stands before the rest of a command.
const REST: &str = "      ";

/// Columns that the name of the program may take where a command goes on in the next line.
pub(crate) fn room(width: usize) -> usize {
    width.saturating_sub(REST.len() + " \\".len())
}

/// The line to type. Where it is too wide it goes on in the next one, as a shell reads it.
fn command(program: &str, call: &str, id: &str, width: usize) -> String {
    let strace = format!("strace -f -e trace={call}");
    let words = format!("run {id}");
    let line = format!("{COMMAND}{strace} {program} {words}\n");
    if line.trim_end().chars().count() <= width {
        return line;
    }
    let rest = width.saturating_sub(REST.len());
    let run = join_words(program, &words, rest, REST);
    format!("{COMMAND}{strace} \\\n{REST}{run}\n")
}

fn not_measured(verdict: &Verdict) -> String {
    match verdict {
        Verdict::NotMeasured { why, enable } | Verdict::ControlFailed { why, enable } => {
            format!("Not measured here, so it does not count: {why}. To measure it: {enable}.")
        }
        Verdict::Error(why) => format!("The experiment broke, so it does not count: {why}."),
        _ => "It was measured, but not this quantity, so it does not count.".to_owned(),
    }
}

/// How it went, and what to do next; `partial` where a signal ended it.
pub(crate) fn score(
    score: &Score,
    questions: usize,
    partial: Option<Interrupted>,
    program: &str,
    width: usize,
) -> String {
    let count = |outcome| score.count(outcome);
    let measured = score.len() - count(Outcome::NotMeasured);
    let mut text = format!("{} of {measured} right", count(Outcome::Right));
    for (number, what) in [
        (count(Outcome::Wrong), "wrong"),
        (count(Outcome::Shown), "shown"),
        (count(Outcome::NotMeasured), "not measured here"),
        (questions - score.len(), "not answered"),
    ] {
        if number > 0 {
            text += &format!(", {number} {what}");
        }
    }
    let partial = partial.map_or(String::new(), |by| format!("PARTIAL: {by}. "));
    let mut out = "\n".to_owned() + &paragraph(&format!("{partial}Score: {text}."), 0, width);
    let missed = score.claims(Outcome::Wrong);
    let missed: Vec<&str> = missed.chain(score.claims(Outcome::Shown)).collect();
    if let [first, ..] = missed[..] {
        let mut text = missed
            .iter()
            .take(MISSED)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        if missed.len() > MISSED {
            text += &format!(" and {} more", missed.len() - MISSED);
        }
        out += &paragraph(&format!("To look at again: {text}."), 0, width);
        let words = format!("explain {first}");
        out += &format!(
            "Next: {}\n",
            join_words(program, &words, width.saturating_sub(6), REST)
        );
    }
    out
}

/// A paragraph with a line before it, and its head in bold.
fn headed(head: &str, text: &str, width: usize) -> String {
    let lines = paragraph(format!("{head}: {text}").trim_end(), 2, width);
    let rest = &lines[2 + head.len()..];
    format!("\n  {BOLD}{head}{BOLD:#}{rest}")
}

fn labelled(label: &str, text: &str, width: usize) -> String {
    let head = format!("    {label:<LABEL$}");
    let rest = " ".repeat(4 + LABEL);
    fill(text, &head, &rest, width)
}

fn paragraph(text: &str, by: usize, width: usize) -> String {
    let indent = " ".repeat(by);
    fill(text, &indent, &indent, width)
}

fn fill(text: &str, first: &str, rest: &str, width: usize) -> String {
    let options = Options::new(width)
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(first)
        .subsequent_indent(rest);
    textwrap::fill(&escape_controls(text), options) + "\n"
}

/// A guess as short as it can be said: no decimals that nobody typed, no row of twenty digits.
fn shown(guess: &Value) -> String {
    /// From here on a number is easier to read with a power of ten.
    const HUGE: f64 = 1e12;
    match *guess {
        Value::Count(count) if count as f64 >= HUGE => format!("{:e}", count as f64),
        Value::Number(number) if number.abs() >= HUGE => format!("{number:e}"),
        Value::Number(number) => number.to_string(),
        _ => guess.to_string(),
    }
}

/// A value with its unit, in the singular behind a 1; a word with the `yes` or `no` that it means.
fn amount(value: impl ToString, asked: &Asked<'_>) -> String {
    let value = value.to_string();
    let unit = asked.quantity.unit;
    match asked.question.yes {
        Some(yes) if value == yes => format!("{value}, which means yes"),
        Some(_) => format!("{value}, which means no"),
        None if unit.is_empty() => value,
        None if value == "1" => format!("1 {}", unit.trim_end_matches('s')),
        None => format!("{value} {unit}"),
    }
}

fn grid(table: &Table, width: usize) -> String {
    let columns = table.columns.iter();
    let columns = columns.map(|heading| Column::left(heading).wrapping());
    let mut grid = Grid::new(columns).indent(4);
    for row in table.rows.iter().take(ROWS) {
        grid.row(row.iter().map(String::as_str));
    }
    let mut out = "\n".to_owned() + &paragraph(&format!("{}:", table.title), 2, width);
    out += &grid.render(Some(width));
    match table.rows.len().saturating_sub(ROWS) {
        0 => out,
        more => out + &format!("    and {more} more\n"),
    }
}

#[cfg(test)]
mod tests {
    use claim::Value;

    use super::{command, shown};

    #[test]
    fn a_guess_is_shown_as_it_was_meant() {
        for (guess, text) in [
            (Value::Number(-1.0), "-1"),
            (Value::Number(0.5), "0.5"),
            (Value::Number(-1e300), "-1e300"),
            (Value::Count(50), "50"),
            (Value::Count(9_000_000_000_000_000), "9e15"),
        ] {
            assert_eq!(shown(&guess), text);
        }
    }

    #[test]
    fn a_command_can_be_copied_whole() {
        let one_line = "    strace -f -e trace=accept4 witness run others-stay-asleep\n";
        assert_eq!(
            command("witness", "accept4", "others-stay-asleep", 61),
            one_line
        );
        let two_lines = "    strace -f -e trace=accept4 \\\n      witness run others-stay-asleep\n";
        assert_eq!(
            command("witness", "accept4", "others-stay-asleep", 60),
            two_lines
        );
        let three_lines = "    strace -f -e trace=accept4 \\\n      target/witness \\\n      \
                           run others-stay-asleep\n";
        let narrow = command("target/witness", "accept4", "others-stay-asleep", 35);
        assert_eq!(narrow, three_lines);
    }
}
