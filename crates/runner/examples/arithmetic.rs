//! A topic's binary with one claim: the whole shared command line.
//!
//! `cargo run -p runner --example arithmetic -- claims`

use std::process::ExitCode;

use claim::{Act, Claim, Does, InControl, Name, Quantity, Reading, Topic};

const DIGITS: Quantity = Name("digits of the sum").count(2, 1);
/// Shown by another way than the digits: what is left of the sum without the one.
const ADD: Act = Does("adds one to nine")
    .in_memory()
    .shown_by("the sum less one")
    .in_control(InControl::Not);

const CLAIM: Claim = Claim {
    id: "addition-carries",
    statement: "Nine and one need two digits.",
    measures: "Adds two numbers and counts the digits of the sum.",
    control: "eight and one are added instead",
    acts: &[ADD],
    quantities: &[DIGITS],
    measure: |arm| {
        let sum: u64 = arm.choose(9, 8) + 1;
        let reading = Reading::counters().act(&ADD, sum - 1 == 9);
        Ok(reading.with(&DIGITS, sum.to_string().len()))
    },
    ..Claim::DEFAULT
};

fn main() -> ExitCode {
    runner::claims_main(Topic::new("arithmetic", "sums and their digits", &[CLAIM]))
}
