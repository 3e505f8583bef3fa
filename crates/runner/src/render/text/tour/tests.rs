//! The tour's lines, of a claim that is no real one.

use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Act, Claim, Does, InControl, Name, Quantity, Register, Report, Surprise};
use claim::{Topic, Value, Verdict};
use textwrap::core::display_width;

use super::super::Layout;
use super::columns::{Columns, predicted, short};
use super::ending::{commands, findings};

const COUNT: Quantity = Name("wakeups of 8 workers").count(1, 8).unit("wakeups");
const SHARE: Quantity = Name("share that is lost").predict(AtMost(0.05), AtLeast(0.9));
const ACT: Act = Does("connects")
    .call("connect", "")
    .shown_by("TCP_INFO")
    .in_control(InControl::Not);
const CLAIM: Claim = Claim {
    id: "one-wakes",
    statement: "One wakes.",
    measures: "wakeups",
    control: "poll",
    surprise: Some(Surprise::Great("one of eight wakes")),
    acts: &[ACT],
    quantities: &[COUNT, SHARE],
    ..Claim::DEFAULT
};
const CLAIMS: &[Claim] = &[CLAIM];
const TOPIC: Topic = Topic::new("queue", "a topic", CLAIMS);

fn report(verdict: Verdict, observed: &[(&str, Value)]) -> Report {
    let mut report = Report::without_readings(&TOPIC, &CLAIM, verdict);
    for (name, value) in observed {
        let name = (*name).to_owned();
        report.observed.insert(name.clone(), value.clone());
        report.control.observed.insert(name, Value::Count(8));
    }
    report
}

fn line(width: usize, report: &Report) -> String {
    let columns = Columns::new(CLAIMS.iter(), Layout { width });
    let line = columns.claim(&CLAIM, report);
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| part.split_once('m'));
    first + &rest.map(|(_, text)| text).collect::<String>()
}

#[test]
fn a_claim_is_a_line_and_stars_what_surprises() {
    let holds = report(Verdict::Holds, &[(COUNT.name, Value::Count(1))]);
    assert_eq!(
        line(60, &holds),
        "✔ one-wakes *  1          1 wakeup       8\n"
    );
    let names = "✔ one-wakes *  wakeups of 8 workers  1          1 wakeup       8\n";
    assert_eq!(line(160, &holds), names);
}

#[test]
fn what_refutes_is_shown_and_does_not_surprise() {
    let values = [
        (COUNT.name, Value::Count(1)),
        (SHARE.name, Value::Number(0.5)),
    ];
    let refuted = report(Verdict::Refuted, &values);
    assert_eq!(
        line(60, &refuted),
        "✘ one-wakes    <= 0.05    0.5            8\n"
    );
    let reports = [refuted];
    let register = Register::new(&[TOPIC]).expect("registers");
    assert_eq!(
        findings(&register, &reports),
        [("one-wakes", "refuted by this kernel")]
    );
}

#[test]
fn without_room_the_values_stand_below_and_a_strange_word_is_folded() {
    let holds = report(Verdict::Holds, &[(COUNT.name, Value::Count(1))]);
    assert_eq!(
        line(40, &holds),
        "✔ one-wakes *\n    1          1 wakeup       8\n"
    );
    let word = Value::Word("a word of very many letters, which nobody predicted".to_owned());
    let strange = report(Verdict::Refuted, &[(COUNT.name, word)]);
    for line in line(60, &strange).lines() {
        assert!(display_width(line) <= 60, "{line}");
    }
}

#[test]
fn what_was_not_measured_says_why_and_comes_first_in_what_is_next() {
    let (why, enable) = ("EPERM".to_owned(), "be root".to_owned());
    let unmeasured = report(Verdict::NotMeasured { why, enable }, &[]);
    assert_eq!(
        line(80, &unmeasured),
        "- one-wakes    not measured: EPERM\n"
    );
    let words = ["run", "strace", "explain"];
    let commands = commands(&[unmeasured], None, &words);
    assert_eq!(commands[0].0, "run one-wakes");
    assert_eq!(commands[1].0, "strace one-wakes");
}

#[test]
fn numbers_and_predictions_are_short() {
    for (number, text) in [
        (100.4, "100"),
        (8.0, "8"),
        (9.652, "9.65"),
        (0.0023, "0.002"),
    ] {
        assert_eq!(short(&Value::Number(number)), text);
    }
    assert_eq!(predicted(&AtLeast(7.9)), ">= 7.9");
    assert_eq!(predicted(&Between(0.4, 0.6)), "0.4 to 0.6");
}
