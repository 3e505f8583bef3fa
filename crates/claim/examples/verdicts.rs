//! One claim, and the verdict on each pair of readings that its two arms can give.
//!
//! `cargo run -p claim --example verdicts`
#![allow(clippy::print_stdout, reason = "a program")]

use claim::{Act, Claim, Does, InControl, Name, Order, Quantity, Reading, Report, Topic};

const WAKEUPS: Quantity = Name("wakeups").count(1, 8);
const BLOCK: Act = Does("blocks in accept")
    .call("accept4", "")
    .shown_by("nothing here: the example says itself whether it was done")
    .in_control(InControl::Not);

const CLAIM: Claim = Claim {
    id: "one-wakes",
    statement: "A connection wakes one of eight workers.",
    measures: "nothing: it reads the predictions back",
    control: "a way to wait that wakes them all",
    acts: &[BLOCK],
    quantities: &[WAKEUPS],
    measure: |arm| Ok(reading(arm.choose(true, false), arm.choose(1, 8))),
    ..Claim::DEFAULT
};

const TOPIC: Topic = Topic::new("accepting", "who wakes", &[CLAIM]);

fn reading(blocked: bool, wakeups: u64) -> Reading {
    let reading = Reading::counters().act(&BLOCK, blocked);
    reading.with(&WAKEUPS, wakeups)
}

fn main() -> anyhow::Result<()> {
    println!("{}\nexperiment 1, control 8 predicted\n", CLAIM.statement);
    let predicted = CLAIM.measure_both(Order::AsClaimed, |_| ())?;
    let all = [
        (1, 8, true),
        (2, 8, true),
        (8, 1, true),
        (1, 1, true),
        (8, 8, true),
        (1, 8, false),
    ];
    for (experiment, control, blocked) in all {
        let mut readings = predicted.clone();
        readings.experiment = reading(blocked, experiment);
        readings.control = reading(false, control);
        let report = Report::judge(&TOPIC, &CLAIM, Order::AsClaimed, readings);
        let act = if blocked { "done" } else { "not done" };
        println!(
            "read {experiment} and {control}, act {act}: {:?}",
            report.verdict
        );
    }
    Ok(())
}
