//! What is true of what a measuring child sends, and of what a command line says, whatever it is:
//! a law a parser.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.
#![expect(clippy::expect_used, reason = "a law that is broken panics")]

use std::time::Duration;

use claim::Prediction::{AtLeast, AtMost};
use claim::{Act, Claim, Does, InControl, Name, Order, Quantity, Reading, Readings};
use claim::{Register, Report, Topic, Value, Verdict};

use crate::ask::guess::{Reply, form, is_right, reply};
use crate::ask::{Asked, Question};
use crate::cli::select::require_known;
use crate::diff::{Document, NamedDocument, Verdict as ReadVerdict};
use crate::refusal::Failure;
use crate::render::diff::Diff;
use crate::render::page::{self, Companions};
use crate::render::text::tour::Columns;
use crate::render::text::{self, Layout};
use crate::saved::Saved;
use crate::{byte_size, number, render, whole_number};

const WAKEUPS: Quantity = Name("wakeups").count(1, 8);
const SHARE: Quantity = Name("share").predict(AtMost(0.1), AtLeast(0.5));
const WAIT: Act = Does("waits in accept")
    .call("accept4", "")
    .shown_by("/proc/PID/wchan")
    .in_control(InControl::Not);
pub(crate) const CLAIM: Claim = Claim {
    id: "one-of-eight",
    statement: "A connection wakes one of eight.",
    measures: "nothing",
    control: "nothing",
    acts: &[WAIT],
    quantities: &[WAKEUPS, SHARE],
    ..Claim::DEFAULT
};
/// A question about the claim above.
pub(crate) const QUESTION: Question = Question {
    claim: "one-of-eight",
    quantity: "wakeups",
    situation: "Eight processes sleep in accept on one socket, and a client connects.",
    picture: "client --> 8 workers",
    asks: "How many of the eight processes wake?",
    yes: None,
    hint: "One is enough.",
    call: Some("accept4"),
    textbook: "All of them, it says.",
};
pub(crate) const TOPIC: Topic = Topic::new("laws", "what is sent", &[CLAIM]);

/// What a child sends when it has measured.
type Answer = Result<Readings, Failure>;

/// Readings, or why there are none, as the parent of a measuring child reads, judges and draws
/// them.
pub fn readings(data: &[u8]) {
    if let Ok(answer) = serde_json::from_slice::<Answer>(data) {
        let json = serde_json::to_vec(&answer).expect("what was read can be written");
        let again: Answer = serde_json::from_slice(&json).expect("what was written can be read");
        assert_eq!(again.as_ref().ok(), answer.as_ref().ok());
        assert_eq!(again.as_ref().err(), answer.as_ref().err());
        judge(answer);
    }
    // The readings of this claim, in every combination of right and wrong ones.
    let bits = data.first().copied().unwrap_or(0);
    let is = |bit: u8| bits >> bit & 1 == 1;
    let arm = |count: u64, share: f64, shown: bool| {
        let reading = Reading::kernel().with(&WAKEUPS, count).with(&SHARE, share);
        let note = String::from_utf8_lossy(data).into_owned();
        reading.act(&WAIT, shown).note(note.clone()).figure(note)
    };
    let experiment = arm(
        if is(0) { 1 } else { 8 },
        if is(1) { 0.05 } else { 0.7 },
        is(2),
    );
    let control = arm(
        if is(3) { 8 } else { 1 },
        if is(4) { 0.7 } else { 0.05 },
        !is(5),
    );
    let readings = Readings {
        experiment,
        control,
        duration: Duration::from_millis(bits.into()),
    };
    let json = serde_json::to_vec(&readings).expect("readings can be written");
    assert_eq!(
        serde_json::from_slice::<Readings>(&json).ok(),
        Some(readings.clone())
    );
    let verdict = judge(Ok(readings));
    assert_eq!(
        verdict.holds(),
        bits & 0b11_1111 == 0b11_1111,
        "{verdict:?}"
    );
}

/// The verdict on an answer, which is drawn as well.
fn judge(answer: Answer) -> Verdict {
    let sent_readings = answer.is_ok();
    let report = match answer {
        Ok(readings) => Report::judge(&TOPIC, &CLAIM, Order::AsClaimed, readings),
        Err(failure) => Report::without_readings(&TOPIC, &CLAIM, failure.verdict()),
    };
    let decided = report.verdict.holds() || report.verdict == Verdict::Refuted;
    assert!(sent_readings || !decided, "no verdict without readings");
    if decided {
        let values = |name: &str| report.observed.contains_key(name);
        assert!(
            values(WAKEUPS.name) && values(SHARE.name),
            "nor without each value"
        );
    }
    let layout = Layout { width: 80 };
    let line = Columns::new([CLAIM].iter(), layout).claim(&CLAIM, &report);
    for shown in [text::claim(&CLAIM, &report, layout), line] {
        for part in shown.split('\x1b').skip(1) {
            let code = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
            assert!(part.starts_with('[') || code.is_empty(), "{part:?}");
        }
    }
    report.verdict
}

/// Numbers with bounds: [`whole_number`] and [`number`].
pub fn numbers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let whole = whole_number(3..=4096_u64);
    match whole(&text) {
        Ok(value) => assert_eq!(whole(&value.to_string()), Ok(value)),
        Err(why) => assert_eq!(why, "it takes a whole number from 3 to 4096"),
    }
    let ratio = number(0.001..=3600.0);
    match ratio(&text) {
        Ok(value) => assert!((0.001..=3600.0).contains(&value), "{value}"),
        Err(why) => assert_eq!(why, "it takes a number from 0.001 to 3600"),
    }
    let drawn = draw(data);
    let any = whole_number(0..=u64::MAX);
    assert_eq!(any(&drawn.to_string()), Ok(drawn));
    assert_eq!(
        whole(&drawn.to_string()).is_ok(),
        (3..=4096).contains(&drawn)
    );
}

/// Sizes in binary units: [`byte_size`].
pub fn byte_sizes(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(bytes) = byte_size(&text) {
        assert!((1..=1 << 47).contains(&bytes));
        assert_eq!(byte_size(&bytes.to_string()), Ok(bytes));
    }
    for (unit, shift) in [
        ("", 0),
        ("b", 0),
        ("K", 10),
        ("MiB", 20),
        ("gb", 30),
        ("T", 40),
    ] {
        let most = 1 << (47 - shift);
        let count = draw(data) % most + 1;
        assert_eq!(byte_size(&format!("{count}{unit}")), Ok(count << shift));
        assert!(byte_size(&format!("{}{unit}", most + 1)).is_err());
    }
}

/// The names of claims and topics, and the nearest one that is suggested.
pub fn names(data: &[u8]) {
    let known = [
        "offset",
        "layers",
        "fork-shares-description",
        "at-most-one-in-bursts",
    ];
    let name = String::from_utf8_lossy(data);
    let is_known = known.contains(&name.as_ref());
    assert_eq!(
        require_known(&name, "claim", known.into_iter()).is_ok(),
        is_known
    );
    let chosen = known[draw(data) as usize % known.len()];
    assert!(require_known(chosen, "claim", known.into_iter()).is_ok());
    let mistyped = require_known(&format!("{chosen}x"), "claim", known.into_iter());
    let message = mistyped.expect_err("it is not known").to_string();
    assert!(
        message.ends_with(&format!("did you mean `{chosen}`?")),
        "{message}"
    );
}

/// The document of a run, read again: [`Document::parse`] to compare it, [`Saved::parse`] to draw
/// it.
pub fn run_documents(data: &[u8]) {
    saved_run(data);
    if let Ok(document) = Document::parse(data) {
        draw_diff(document);
    }
    // A document of one claim, whose values are drawn.
    let text = String::from_utf8_lossy(data).into_owned();
    let verdict = ReadVerdict::ALL[draw(data) as usize % 5];
    let written = serde_json::json!({
        "schema": 1,
        "kernel": text,
        "machine": {"architecture": text, "cpus": 1, "page_size": 4096, "uid": draw(data) as u32},
        "claims": [{
            "id": text, "topic": "t", "verdict": verdict.name(),
            "predicted": {"n": draw(data), text.clone(): {"at_most": 1.5}},
            "observed": {"n": draw(data), text.clone(): 1.25},
            "caveat": text, "why": text,
        }],
    });
    let document = Document::parse(written.to_string().as_bytes()).expect("a document");
    assert_eq!(document.machine.kernel, text);
    assert_eq!(document.claims[&text].verdict, verdict);
    assert_eq!(document.claims[&text].why.as_ref(), Some(&text));
    draw_diff(document);
}

/// A saved run, drawn as a page: [`Saved::parse`]. Whatever stands in it stays text.
fn saved_run(data: &[u8]) {
    let register = Register::new(&[TOPIC]).expect("valid");
    if let Ok(saved) = Saved::parse(data, &register) {
        draw_page(&register, &saved);
    }
    // A run of the claim above, whose notes and values are drawn.
    let text = String::from_utf8_lossy(data).into_owned();
    let verdict = ReadVerdict::ALL[draw(data) as usize % 5].name();
    let values = |wakeups: u64, share: f64| serde_json::json!({"wakeups": wakeups, "share": share});
    let written = serde_json::json!({
        "schema": 1,
        "kernel": text,
        "machine": {"architecture": text, "cpus": 1, "page_size": 4096, "uid": 0},
        "claims": [{
            "id": CLAIM.id, "topic": text, "verdict": verdict,
            "predicted": {"wakeups": 1, "share": {"at_most": 0.1}},
            "observed": values(draw(data), f64::from(draw(data) as u32) / 7.0),
            "control": {
                "predicted": {"wakeups": 8, "share": {"at_least": 0.5}},
                "observed": {"wakeups": text, "share": 0.5},
                "details": [{"figure": text}],
            },
            "acts": [{"does": WAIT.does, "experiment": true, "control": false}],
            "evidence": "kernel", "caveat": text, "why": text, "enable": text, "duration_ms": 1.5,
            "details": [{"note": text}, {"table": {
                "title": text, "columns": [text], "rows": [[text, text], []],
            }}],
        }],
    });
    let saved = Saved::parse(written.to_string().as_bytes(), &register).expect("a saved run");
    assert!(saved.left_out.is_empty());
    draw_page(&register, &saved);
}

fn draw_page(register: &Register, saved: &Saved) {
    let companions = Companions {
        questions: &[QUESTION],
        pictures: &[],
        left_out: &saved.left_out,
    };
    let page = page::render(register, companions, &saved.document);
    assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
    assert_eq!(page.matches("<script").count(), 1, "its own");
}

/// A document does not differ from itself, and nothing of it reaches a terminal as it is.
fn draw_diff(document: Document) {
    let name = "a\x1b[2J|b".to_owned();
    let named = |document| NamedDocument {
        name: name.clone(),
        document,
    };
    let documents = [
        named(document.clone()),
        named(document.clone()),
        named(document),
    ];
    for documents in [&documents[..2], &documents[..]] {
        let diff = Diff::new(documents, 0.0);
        for comparison in &diff.comparisons {
            assert!(comparison.changed.is_empty() && comparison.moved.is_empty());
        }
        let layout = Layout { width: 60 };
        let drawn = render::diff::text::render(&diff, layout);
        let drawn = drawn.replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert!(!drawn.contains('\x1b'), "{drawn:?}");
        let markdown = render::diff::markdown::render(&diff);
        assert!(!markdown.contains(|c: char| c.is_control() && c != '\n'));
        let json = render::diff::json::render(&diff).expect("JSON");
        serde_json::from_str::<serde_json::Value>(&json).expect("it can be read");
    }
}

/// A line that answers a question: whatever it is, it is an answer, a wish or unclear; and a number
/// is itself again, however it is written.
pub fn guesses(data: &[u8]) {
    let register = Register::new(&[TOPIC]).expect("valid");
    let asked = Asked::find(&register, &QUESTION).expect("its claim is there");
    let reading = |count: u64| Reading::kernel().with(&WAKEUPS, count).with(&SHARE, 0.05);
    let readings = Readings {
        experiment: reading(1).act(&WAIT, true),
        control: reading(8).act(&WAIT, false),
        duration: Duration::ZERO,
    };
    let report = Report::judge(&TOPIC, &CLAIM, Order::AsClaimed, readings);
    if let Reply::Guess(guess) = reply(data, &asked) {
        let number = guess.as_f64().expect("a number is asked for");
        assert!(number.is_finite(), "{number}");
        assert_eq!(is_right(&guess, &asked, &report), number == 1.0);
    }
    assert_eq!(form(&asked), "a number");
    let drawn = draw(data) % 9_000_000_000_000_000;
    let guess = Reply::Guess(Value::Count(drawn));
    let grouped = grouped_digits(drawn);
    for line in [
        drawn.to_string(),
        format!("  About {drawn} processes \r"),
        format!("{grouped} wakeups."),
        format!("{drawn} of 8"),
        format!("~{drawn}.0"),
    ] {
        assert_eq!(reply(line.as_bytes(), &asked), guess, "{line}");
    }
    let two_answers = format!("{drawn} or {drawn}");
    assert_eq!(reply(two_answers.as_bytes(), &asked), Reply::Unclear);
}

/// A number with a comma before every three digits.
fn grouped_digits(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        more => format!("{},{:03}", grouped_digits(more), number % 1000),
    }
}

/// A number of any size, from the first bytes.
fn draw(data: &[u8]) -> u64 {
    let digits = data.iter().take(8);
    digits.fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    samples::test_laws! { byte_sizes guesses names numbers readings run_documents }
}
