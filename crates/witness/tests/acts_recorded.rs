//! Every claim runs under strace, and each act that it declares must be seen: from the declared
//! process, with the declared argument, in the experiment, and in the control as declared.
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

use std::path::Path;

use proof::document::Verdict;
use proof::record::{check, is_possible, reason_against};
use proof::witness::Witness;

/// The topic of what newer kernels promise.
const PROMISES: &str = "promises";

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
        // What another user is refused cannot be seen, nor what this kernel does not have yet.
        let may_lack = claim.topic == PROMISES || !nix::unistd::geteuid().is_root();
        if findings.verdict == Verdict::NotMeasured && may_lack {
            eprintln!("skipped: {} is not measured here", claim.id);
            continue;
        }
        let found = findings.faults.into_iter();
        faults.extend(found.map(|fault| format!("{}: {fault}", claim.id)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
