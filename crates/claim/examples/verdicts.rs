//! One claim, and the verdict on each pair of readings that its two arms can give.
//!
//! `cargo run -p claim --example verdicts`
#![allow(clippy::print_stdout, reason = "a program")]

use claim::{Claim, Name, Order, Quantity, Reading, Report, Topic};

const WAKEUPS: Quantity = Name("wakeups").count(1, 8);

const CLAIM: Claim = Claim {
    id: "one-wakes",
    statement: "A connection wakes one of eight workers.",
    measures: "nothing: it reads the predictions back",
    control: "a way to wait that wakes them all",
    quantities: &[WAKEUPS],
    measure: |arm| Ok(Reading::counters().with(&WAKEUPS, arm.choose(1_u64, 8))),
    ..Claim::DEFAULT
};

const TOPIC: Topic = Topic::new("accepting", "who wakes", &[CLAIM]);

fn main() -> anyhow::Result<()> {
    println!("{}\nexperiment 1, control 8 predicted\n", CLAIM.statement);
    let predicted = CLAIM.measure_both(Order::AsClaimed, |_| ())?;
    for (experiment, control) in [(1_u64, 8_u64), (2, 8), (8, 1), (1, 1), (8, 8)] {
        let mut readings = predicted.clone();
        readings.experiment = Reading::counters().with(&WAKEUPS, experiment);
        readings.control = Reading::counters().with(&WAKEUPS, control);
        let report = Report::judge(&TOPIC, &CLAIM, Order::AsClaimed, readings);
        println!("read {experiment} and {control}: {:?}", report.verdict);
    }
    Ok(())
}
