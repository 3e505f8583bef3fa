//! Every claim on a kernel that lies about the calls of its acts: each answers 0 and does nothing.
//! One thread, no test harness: it forks.
//!
//! No claim may hold without its act, or be refuted unless the call is what it is about; none may
//! panic, take longer than 30 s or leave a process. `scripts/lies` tells all lies.
#![expect(clippy::print_stdout, reason = "a test says how it went")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::unistd::geteuid;
use proof::lies::{Calls, Liar};
use proof::record::{is_possible, reason_against};
use proof::room::enter_if_root;
use proof::witness::Witness;

/// How long this test may take: what is left then is told by `scripts/lies`.
const LIMIT: Duration = Duration::from_secs(240);

/// The same for an ordinary user, for whom little is different.
const LIMIT_OF_OTHERS: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if !is_possible() {
        println!("skipped: strace is missing; scripts/check --install brings it");
        return ExitCode::SUCCESS;
    }
    match enter_if_root(tell_lies) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            println!("{}", faults.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells each claim the lies about its acts; returns what the claims said that they must not.
fn tell_lies() -> Result<Vec<String>> {
    let begin = Instant::now();
    let witness = Witness::at(Path::new(env!("CARGO_BIN_EXE_witness")));
    let mut liar = Liar::new(&witness);
    let limit = match geteuid().is_root() {
        true => LIMIT,
        false => LIMIT_OF_OTHERS,
    };
    let (mut told, mut untold, mut faults) = (0, 0, Vec::new());
    let promises = witness.claims_of_topic("promises")?;
    for claim in promises.into_iter().chain(witness.claims(&[])?) {
        if reason_against(&claim.id).is_some() {
            continue;
        }
        if begin.elapsed() > limit {
            untold += 1;
            continue;
        }
        let calls = Calls::record(&witness, &claim)?;
        for lie in calls.lies_about_acts() {
            let trial = liar.try_claim(&claim, &calls, &lie)?;
            told += 1;
            let fault = trial.and_then(|trial| trial.fault);
            faults.extend(fault.map(|fault| format!("{}, {lie}: {fault}", claim.id)));
        }
    }
    println!("{told} lies told, {} believed", faults.len());
    if untold > 0 {
        println!("skipped: {untold} claims, for want of time; scripts/lies tells all lies");
    }
    Ok(faults)
}
