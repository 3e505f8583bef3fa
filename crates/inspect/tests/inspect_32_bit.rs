//! A 32-bit process under a 64-bit kernel: the report against what the process finds itself.
//!
//! Skipped, with the reason on standard error, where its programs cannot be built or run.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::disallowed_methods, reason = "a test runs the program")]
#![allow(clippy::unwrap_used, reason = "a test that cannot start has failed")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use inspect::InspectReport;

/// A program under test; ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds `programs/NAME.c` with gcc and starts it; `None` where this machine cannot.
fn start(name: &str, flags: &[&str]) -> Option<Running> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"));
    let program = temporary::folder().join(format!("witness-{name}-{}", std::process::id()));
    let gcc = Command::new("gcc")
        .args(["-m32", "-O1", "-o"])
        .args([&program, &source])
        .args(flags)
        .output();
    let built = match gcc {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = built {
        eprintln!("skipped: gcc -m32 of {name}.c (Debian: gcc-multilib): {why}");
        return None;
    }
    let child = Command::new(&program).stdout(Stdio::piped()).spawn();
    // The file goes before the process is looked at: /proc/PID/exe leads to it all the same.
    std::fs::remove_file(&program).unwrap();
    child
        .inspect_err(|error| eprintln!("skipped: a 32-bit program does not start here: {error}"))
        .ok()
        .map(Running)
}

fn report(process: &Running) -> InspectReport {
    inspect::inspect(process.0.id() as i32).unwrap()
}

#[test]
fn the_largest_request_is_the_one_that_succeeds_there() {
    let bare = [
        "-ffreestanding",
        "-fno-stack-protector",
        "-fno-pic",
        "-no-pie",
        "-nostdlib",
        "-static",
    ];
    let Some(mut process) = start("largest_mmap", &bare) else {
        return;
    };
    let mut found = [0; 4];
    let mut output = process.0.stdout.take().unwrap();
    output.read_exact(&mut found).unwrap();
    let report = report(&process);
    assert_eq!(report.address_bits, 32);
    let space = &report.address_space;
    let largest = u64::from(u32::from_le_bytes(found));
    assert_eq!(space.largest_request, largest);
    assert!(space.size < 1 << 32);
}

#[test]
fn the_heap_is_what_mallinfo2_says() {
    let Some(mut process) = start("fragmented_heap", &[]) else {
        return;
    };
    let mut line = String::new();
    let output = process.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let known: Vec<u64> = line
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let report = report(&process);
    let heap = report.heap.as_ref().ok_or(&report.unseen).unwrap();
    assert_eq!((heap.holes, heap.largest_request), (known[0], known[2]));
    assert!(
        heap.free.abs_diff(known[1]) * 100 <= known[1],
        "free bytes within 1 %"
    );
}
