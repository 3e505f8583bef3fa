//! Claims in surroundings that once made them err, or refute what nobody had put to the test.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_address-space");
/// It holds, or nothing could be measured.
const RIGHT: [Option<i32>; 2] = [Some(0), Some(4)];

#[test]
fn settings_of_malloc_refute_nothing() {
    for setting in ["tcache_count=65535", "top_pad=100000000", "mxfast=1000"] {
        let output = Command::new(PROGRAM)
            .args(["claims", "heap-holes"])
            .env("GLIBC_TUNABLES", format!("glibc.malloc.{setting}"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(RIGHT.contains(&output.status.code()), "{setting}: {text}");
    }
}

#[test]
fn fault_signals_that_come_blocked_are_caught_all_the_same() {
    for signal in ["SEGV", "BUS"] {
        let output = Command::new("env")
            .arg(format!("--block-signal={signal}"))
            .args([PROGRAM, "claims", "segment-limit"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(RIGHT.contains(&output.status.code()), "{signal}: {text}");
    }
}

/// Without memory the child could not even say that there is none: it waited for a lock of the
/// standard library until its parent gave up.
#[test]
fn a_hard_limit_on_data_is_not_measured_and_says_what_to_raise() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -d 2000; exec \"$@\"", "sh", PROGRAM])
        .args(["claims", "heap-holes"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("malloc of 1000 bytes: ENOMEM"), "{text}");
    assert!(text.contains("ulimit -d"), "{text}");
}
