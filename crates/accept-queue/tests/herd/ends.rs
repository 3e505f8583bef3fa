//! How a run ends early: signals to the meter, and to single workers.

use std::io::Read;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prefork::strategies;
use serde_json::Value;

use super::{
    BINARY, Run, children, descriptor_limit, document_after, has_ended, long_run,
    note_after_sigint, number, start, wait_until,
};
use crate::{inherited_signals, loopback};

/// Waits until `worker` has slept and woken some more.
fn wait_until_it_goes_on(worker: Pid) {
    let before = observe::status::read(worker.as_raw())
        .expect("alive")
        .voluntary_switches;
    wait_until("the others go on", || {
        let now = observe::status::read(worker.as_raw());
        now.is_ok_and(|now| now.voluntary_switches > before + 20)
    });
}

#[test]
fn a_killed_worker_is_reported_and_the_run_goes_on() {
    if loopback::is_down() {
        return;
    }
    let (run, workers) = long_run("blocking", 4);
    kill(workers[1], Signal::SIGKILL).expect("killed");
    // It goes on: the others keep accepting.
    wait_until_it_goes_on(workers[2]);
    let note = note_after_sigint(run, &workers);
    assert!(
        note.contains("worker 1") && note.contains("died after"),
        "{note}"
    );
    assert!(note.contains("interrupted after"), "{note}");
}

#[test]
fn a_worker_hears_a_sigterm_of_its_own() {
    if loopback::is_down() {
        return;
    }
    let (run, workers) = long_run("blocking", 3);
    kill(workers[0], Signal::SIGTERM).expect("signalled");
    wait_until("the worker ends", || {
        // A zombie until the meter has asked it for its counts.
        observe::status::read(workers[0].as_raw())
            .map_or(true, |now| matches!(now.state, 'Z' | 'X'))
    });
    wait_until_it_goes_on(workers[2]);
    let note = note_after_sigint(run, &workers);
    assert!(
        note.contains("worker 0") && note.contains("died after"),
        "{note}"
    );
}

#[test]
fn a_stopped_worker_is_reported_and_the_row_kept() {
    if loopback::is_down() {
        return;
    }
    let (mut run, workers) = long_run("blocking", 3);
    let switches = || observe::status::read(workers[2].as_raw()).map(|now| now.voluntary_switches);
    let before = switches().expect("alive");
    // Past the warm-up.
    wait_until("connections are counted", || {
        switches().is_ok_and(|now| now > before + 20)
    });
    kill(workers[1], Signal::SIGSTOP).expect("stopped");
    let mut printed = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut printed).expect("its output");
    assert_eq!(run.0.wait().expect("it ends").code(), Some(0));
    let document: Value = serde_json::from_str(&printed).expect("JSON");
    let row = &document["rows"][0];
    let note = row["note"].as_str().expect("a note");
    assert!(
        note.contains("worker 1") && note.contains("is stopped") && note.contains("ends after"),
        "{note}"
    );
    assert!(number(row, "connections") >= 10.0, "{row}");
    assert!(number(row, "wakeups_per_connection") > 0.9, "{row}");
    assert!(workers.iter().all(|&pid| has_ended(pid)));
}

#[test]
fn an_interrupt_is_heard_while_a_stopped_worker_is_waited_for() {
    if loopback::is_down() {
        return;
    }
    let (run, workers) = long_run("blocking", 3);
    kill(workers[1], Signal::SIGSTOP).expect("stopped");
    wait_until("the meter waits for the stopped worker", || {
        observe::status::read(workers[1].as_raw()).is_ok_and(|now| now.state == 'T')
    });
    let note = note_after_sigint(run, &workers);
    assert!(note.contains("interrupted after"), "{note}");
}

#[test]
fn an_interrupt_is_heard_while_workers_are_forked() {
    // Four descriptors are kept for each worker, and 64 for the rest.
    let most = (descriptor_limit() - 64) / 4;
    let run = start("blocking", most.min(800) as usize);
    wait_until("the first are forked", || children(run.0.id()).len() > 4);
    let workers = children(run.0.id());
    note_after_sigint(run, &workers);
}

#[test]
fn a_worker_stopped_before_anything_is_counted_is_reported() {
    if loopback::is_down() {
        return;
    }
    // Stopped before it was ever ready, or while the first connections are made.
    let mut run = start("blocking", 3);
    wait_until("they are forked", || children(run.0.id()).len() == 3);
    let workers = children(run.0.id());
    kill(workers[1], Signal::SIGSTOP).expect("stopped");
    let mut printed = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut printed).expect("its output");
    run.0.wait().expect("it ends");
    let document: Value = serde_json::from_str(&printed).expect("JSON");
    let note = document["rows"][0]["note"].as_str().expect("a note");
    assert!(
        note.contains("worker 1") && note.contains("is stopped"),
        "{note}"
    );
    assert!(workers.iter().all(|&pid| has_ended(pid)));
}

/// Every strategy at 500 connections, once the workers of the first row have been reaped and others
/// are forked; with the workers that there are then.
fn run_in_a_later_row(start: &mut Command) -> (Run, Vec<Pid>) {
    inherited_signals::reset();
    start.args(["--workers", "4", "--connections", "500"]);
    let process = start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let run = Run(process.expect("it starts"));
    let all_forked = || Some(children(run.0.id())).filter(|workers| workers.len() == 4);
    let mut first = None;
    wait_until("the first row is measured", || {
        // A process of the self-check may be among the first: all four must be others.
        first = first.take().or_else(all_forked);
        let now = all_forked().unwrap_or_default();
        let others = |first: &Vec<Pid>| !now.iter().any(|pid| first.contains(pid));
        !now.is_empty() && first.as_ref().is_some_and(others)
    });
    let workers = children(run.0.id());
    (run, workers)
}

#[test]
fn a_signal_keeps_the_rows_that_were_measured() {
    if loopback::is_down() {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (run, workers) = run_in_a_later_row(Command::new(BINARY).args(["herd", "--json"]));
        let document = document_after(signal, run, &workers);
        let partial = &document["partial"];
        let measured = partial["measured"].as_u64().expect("a number");
        assert_eq!(partial["signal"], signal.as_str());
        assert_eq!(partial["rows"], strategies::ALL.len());
        let rows = document["rows"].as_array().expect("rows");
        let whole = rows.iter().filter(|row| row["connections"] == 500).count();
        assert!((1..strategies::ALL.len()).contains(&whole), "{document}");
        // A row may have ended with its 500th connection just as the signal came.
        assert!((whole as u64).abs_diff(measured) <= 1, "{document}");
    }
}

#[test]
fn the_table_says_that_it_is_partial() {
    let (mut run, _) = run_in_a_later_row(Command::new(BINARY).arg("herd"));
    kill(Pid::from_raw(run.0.id() as i32), Signal::SIGHUP).expect("signalled");
    let (mut table, mut errors) = (String::new(), String::new());
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut table).expect("its output");
    let mut error = run.0.stderr.take().expect("a pipe");
    error.read_to_string(&mut errors).expect("its errors");
    assert!(
        table.starts_with("PARTIAL: SIGHUP ended the run"),
        "{table}"
    );
    assert!(errors.contains("PARTIAL: SIGHUP"), "{errors}");
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let mut nohup = Command::new("/bin/bash");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", BINARY, "herd"]);
    let (mut run, workers) = run_in_a_later_row(&mut nohup);
    // Both are pending when the meter looks next, and SIGHUP, the lower number, would come first.
    kill(Pid::from_raw(run.0.id() as i32), Signal::SIGHUP).expect("signalled");
    kill(Pid::from_raw(run.0.id() as i32), Signal::SIGTERM).expect("signalled");
    let mut table = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut table).expect("its output");
    assert_eq!(run.0.wait().expect("it ends").code(), Some(143));
    assert!(table.starts_with("PARTIAL: SIGTERM ended"), "{table}");
    assert!(workers.iter().all(|&pid| has_ended(pid)));
}

#[test]
fn a_killed_meter_leaves_no_worker() {
    if loopback::is_down() {
        return;
    }
    let (mut run, workers) = long_run("poll", 3);
    run.0.kill().expect("killed");
    run.0.wait().expect("it ends");
    wait_until("the workers die with it", || {
        workers.iter().all(|&pid| has_ended(pid))
    });
}
