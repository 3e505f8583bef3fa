//! The parent judges: whatever the measuring child sends, it cannot send a verdict.
//!
//! No harness: libtest runs tests on threads, and a process with threads does not fork.
#![expect(clippy::print_stdout, reason = "a test program's report")]

use std::fs::{read_dir, read_link};
use std::io::{PipeReader, Read, Write, pipe};
use std::process::{ExitCode, exit};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use claim::{
    Act, Arm, Claim, Does, InControl, Name, Order, Quantity, Reading, Readings, Report, Topic,
    Verdict,
};
use nix::sys::socket::{MsgFlags, send};
use serde_json::{Value, json};

const WAKEUPS: Quantity = Name("wakeups").count(1, 8);
const SEND: Act = Does("sends readings")
    .in_memory()
    .shown_by("nothing: the child says so")
    .in_control(InControl::Either);
const SLEEPS: Quantity = Name("sleeps").count(1, 8);

/// A claim with this experiment and control; what it predicts is always the same.
const fn claim(measure: fn(Arm) -> Result<Reading>) -> Claim {
    Claim {
        id: "forged",
        statement: "A child cannot judge itself.",
        measures: "nothing",
        control: "nothing",
        acts: &[SEND],
        quantities: &[WAKEUPS],
        measure,
        ..Claim::DEFAULT
    }
}

fn wakeups(count: u64) -> Reading {
    Reading::counters().act(&SEND, true).with(&WAKEUPS, count)
}

/// Readings that hold, or with `experiment` 8 are refuted.
fn readings(experiment: u64) -> Result<Value> {
    Ok(serde_json::to_value(Readings {
        experiment: wakeups(experiment),
        control: wakeups(8),
        duration: std::time::Duration::ZERO,
    })?)
}

/// Sends `answer` to the parent as the answer of this child, and ends before the real one is sent.
/// A message is a tag, four bytes of length and JSON; the link is the socket that was opened last.
fn forge(answer: &Value) -> Result<Reading> {
    let mut link = None;
    for entry in read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let is_socket = read_link(&path).is_ok_and(|it| it.to_string_lossy().starts_with("socket"));
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        link = link.max(number.filter(|_| is_socket));
    }
    let body = serde_json::to_vec(answer)?;
    let length = u32::try_from(body.len())?.to_le_bytes();
    let message = [b"a".as_slice(), &length, &body].concat();
    let sent = send(link.context("no link")?, &message, MsgFlags::empty())?;
    exit(if sent == message.len() { 0 } else { 1 })
}

/// A whole report in place of readings.
fn send_a_report(_: Arm) -> Result<Reading> {
    forge(&json!({ "Ok": {
        "id": "forged", "topic": "t", "verdict": "holds",
        "predicted": { "wakeups": 8 }, "observed": { "wakeups": 8 },
        "control": { "predicted": { "wakeups": 8 }, "observed": { "wakeups": 8 } },
        "evidence": "kernel", "duration_ms": 1.0, "details": [],
    } }))
}

/// Readings that refute the claim, with a verdict and predictions of the child's own.
fn send_a_verdict_too(_: Arm) -> Result<Reading> {
    let mut readings = readings(8)?;
    readings["verdict"] = json!("holds");
    readings["predicted"] = json!({ "wakeups": 8 });
    forge(&json!({ "Ok": readings }))
}

/// What the link carries is as this test believes: forged readings that hold are judged as such.
fn send_readings_that_hold(_: Arm) -> Result<Reading> {
    forge(&json!({ "Ok": readings(1)? }))
}

fn read_what_is_not_listed(_: Arm) -> Result<Reading> {
    Ok(wakeups(1).with(&SLEEPS, 1u64))
}

fn as_predicted(arm: Arm) -> Result<Reading> {
    Ok(wakeups(if arm == Arm::Experiment { 1 } else { 8 }))
}

/// Holds one byte, which all children inherit and one of them reads.
static ONE_BYTE: OnceLock<PipeReader> = OnceLock::new();

/// Refuted in the first run: there the experiment reads what is due in the control.
fn refute_once(arm: Arm) -> Result<Reading> {
    if arm == Arm::Experiment {
        let mut pipe = ONE_BYTE.get().context("no pipe")?;
        if pipe.read(&mut [0])? == 1 {
            return Ok(wakeups(8));
        }
    }
    as_predicted(arm)
}

fn end_without_a_word(_: Arm) -> Result<Reading> {
    exit(0)
}

/// A claim, the name of its verdict, and a part of the reason where that is an error.
const CASES: [(&str, Claim, &str, &str); 7] = [
    ("readings are judged", claim(as_predicted), "holds", ""),
    (
        "forged readings are judged",
        claim(send_readings_that_hold),
        "holds",
        "",
    ),
    (
        "a report is not accepted",
        claim(send_a_report),
        "error",
        "sent what was not expected",
    ),
    (
        "a verdict beside readings is ignored",
        claim(send_a_verdict_too),
        "refuted",
        "",
    ),
    (
        "a refutation that does not come again is none",
        claim(refute_once),
        "not_measured",
        "",
    ),
    (
        "a quantity that is not listed is an error",
        claim(read_what_is_not_listed),
        "error",
        "read `sleeps`, which the claim does not list",
    ),
    (
        "a child that ends without a word is an error",
        claim(end_without_a_word),
        "error",
        "child forged",
    ),
];

const TOPIC: Topic = Topic::new("t", "forged children", &[CASES[0].1]);

/// The verdict as it should be, and predictions that are the parent's own.
fn check(report: &Report, verdict: &str, reason: &str) -> Result<()> {
    ensure!(report.verdict.name() == verdict, "{report:?}");
    if let Verdict::Error(why) = &report.verdict {
        ensure!(why.contains(reason), "{why}");
    }
    let predicted = [&report.predicted, &report.control.predicted].map(|all| &all["wakeups"]);
    ensure!(predicted == [&json!(1), &json!(8)], "{predicted:?}");
    Ok(())
}

/// Makes the pipe, whose other end is closed when its byte is written.
fn fill_pipe() -> Result<()> {
    let (reader, mut writer) = pipe()?;
    writer.write_all(b"x")?;
    ONE_BYTE.set(reader).ok().context("it is there already")
}

fn main() -> ExitCode {
    let mut isolation = match runner::Isolation::begin() {
        Ok(isolation) => isolation,
        Err(error) => {
            println!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = fill_pipe() {
        println!("a pipe: {error:#}");
        return ExitCode::FAILURE;
    }
    let mut status = ExitCode::SUCCESS;
    for (name, claim, verdict, reason) in &CASES {
        let report = isolation.run(&TOPIC, claim, Order::AsClaimed);
        let report = report.context("a signal ended this test");
        match report.and_then(|report| check(&report, verdict, reason)) {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                println!("FAILED  {name}: {error}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}
