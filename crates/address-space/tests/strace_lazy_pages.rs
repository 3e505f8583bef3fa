//! Runs the strace lesson of this topic and looks for what it announces.

use std::path::Path;
use std::process::Command;

/// Minor faults between each two getrusage calls of one arm.
fn faults(arm: &str) -> Vec<u64> {
    let counts: Vec<u64> = arm
        .lines()
        .filter_map(|line| line.split_once("ru_minflt=")?.1.split_once(','))
        .filter_map(|(count, _)| count.parse().ok())
        .collect();
    counts
        .windows(2)
        .map(|pair| pair[1].abs_diff(pair[0]))
        .collect()
}

#[test]
fn faults_stand_beside_the_trace() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/strace-lazy-pages");
    let bin = Path::new(env!("CARGO_BIN_EXE_address-space"))
        .parent()
        .expect("a folder");
    let output = Command::new(script)
        .env("WITNESS_BIN", bin)
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2)
        && (error.contains("strace is missing") || error.contains("may not trace"))
    {
        return; // where strace cannot be used, its clear message is what is tested
    }
    assert_eq!(output.status.code(), Some(0), "{text}\n{error}");
    let (_, rest) = text.split_once("\nEXPERIMENT\n").expect("an experiment");
    let (experiment, rest) = rest.split_once("\nCONTROL\n").expect("a control");
    let (control, _) = rest.split_once("\n\n").expect("the claim's own output");
    assert!(experiment.contains("MADV_NOHUGEPAGE") && control.contains("MAP_POPULATE"));
    assert!(
        !experiment.contains(" read("),
        "no page is read by a system call"
    );
    // reading, -, writing, -, writing again
    let (lazy, populated) = (faults(experiment), faults(control));
    assert_eq!((lazy.len(), populated.len()), (5, 5), "{text}");
    assert!(
        lazy[0] >= 1024 && lazy[2] >= 1024 && lazy[4] < 100,
        "{lazy:?}"
    );
    assert!(
        populated.iter().all(|&faults| faults < 100),
        "{populated:?}"
    );
}
