//! Every claim runs under strace, and each act that it declares must be seen: from the declared
//! process, with the declared argument, in the experiment, and in the control as declared.
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use proof::document::{Document, Verdict};
use proof::program::run;
use proof::record::{check, is_possible, reason_against};
use proof::witness::Witness;

/// The topic of what newer kernels promise.
const PROMISES: &str = "promises";

/// How long one claim may take.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn each_declared_act_is_seen_in_its_arm() {
    if !is_possible() {
        eprintln!("skipped: strace is missing; scripts/check --install brings it");
        return;
    }
    let witness = Witness::at(Path::new(env!("CARGO_BIN_EXE_witness")));
    let mut claims = witness.claims(&[]).expect("the list of claims");
    assert!(!claims.is_empty());
    claims.extend(
        witness
            .claims_of_topic(PROMISES)
            .expect("the list of promises"),
    );
    let mut faults = Vec::new();
    for claim in &claims {
        assert!(!claim.acts.is_empty(), "{} declares no act", claim.id);
        if reason_against(&claim.id).is_some() {
            continue;
        }
        let findings = check(&witness, claim).expect("a recording");
        // What this user is refused, or this kernel lacks, cannot be seen. scripts/must-measure
        // says which claims must be measured; here only strace may not be what hinders one.
        let is_missing = !findings.faults.is_empty() && findings.verdict == Verdict::NotMeasured;
        let measured = || measure(&witness, &claim.id).expect("a verdict");
        if is_missing && measured() == Verdict::NotMeasured {
            eprintln!("skipped: {} is not measured here", claim.id);
            continue;
        }
        let found = findings.faults.into_iter();
        faults.extend(found.map(|fault| format!("{}: {fault}", claim.id)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The verdict of a claim without a recorder.
fn measure(witness: &Witness, id: &str) -> Result<Verdict> {
    let finished = run(&mut witness.measure([id]), LIMIT)?;
    Ok(finished.read::<Document>()?.into_claim()?.verdict)
}
