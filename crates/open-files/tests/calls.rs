//! What a map costs and what it may wait for, counted by strace.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]
#![expect(clippy::print_stderr, reason = "says why it tests nothing")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::dup;

/// Descriptors that each child inherits, and those that the parent does not pass on.
const INHERITED: usize = 300;
const OWN: usize = 300;
const CHILDREN: usize = 3;

/// A program that holds what it inherited until its input ends.
struct Holder(Child);

impl Holder {
    fn start() -> Holder {
        let mut command = Command::new("cat");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It has exec behind it when it answers.
        let mut input = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, b".").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child.stdin = Some(input);
        Holder(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends by itself now; that it cannot be waited for is no finding of this test.
        let _ = self.0.wait();
    }
}

fn memfds(count: usize) -> Vec<OwnedFd> {
    (0..count)
        .map(|_| memfd_create(c"many", MFdFlags::MFD_CLOEXEC).unwrap())
        .collect()
}

/// Each call that the map made, by its name, under strace's filter `calls`.
fn traced(options: &[&str], pids: &[String], calls: &str) -> Option<Vec<String>> {
    let binary = env!("CARGO_BIN_EXE_open-files");
    let probe = Command::new("strace").args(["-qq", "true"]).output();
    if !probe.is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: strace is missing, or may not trace here");
        return None;
    }
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", calls, "-e", "signal=none"])
        .arg(binary);
    let output = strace
        .args(["map", "--json", "--without-bpf"])
        .args(options)
        .args(pids)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    // In a debug build std asks before it closes a descriptor whether that is open.
    let calls = lines.lines().filter(|line| !line.contains("F_GETFD"));
    Some(calls.map(str::to_owned).collect())
}

#[test]
fn a_descriptor_costs_six_calls_at_most_and_no_stat() {
    let inherited = memfds(INHERITED);
    for fd in &inherited {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    }
    let children: Vec<Holder> = (0..CHILDREN).map(|_| Holder::start()).collect();
    let _own = memfds(OWN);
    let shared = File::open("/proc/self/exe").unwrap();
    let _duplicates: Vec<OwnedFd> = (0..OWN).map(|_| dup(&shared).unwrap()).collect();
    let mut pids: Vec<String> = children.iter().map(|it| it.0.id().to_string()).collect();
    pids.push(std::process::id().to_string());
    let descriptors = (CHILDREN + 1) * INHERITED + 2 * OWN;
    for options in [&[][..], &["--close-on-exec"]] {
        let Some(lines) = traced(options, &pids, "trace=all") else {
            return;
        };
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &lines {
            *by_name
                .entry(line.split('(').next().unwrap_or_default())
                .or_default() += 1;
        }
        let calls = lines.len();
        assert!(
            calls <= 6 * descriptors,
            "{calls} for {descriptors}: {by_name:?}"
        );
        let fdinfo = lines.iter().filter(|line| line.contains("openat(")).count();
        if options.is_empty() {
            // Descriptors of one table are not known to be one before they are read.
            let descriptions = INHERITED + 2 * OWN;
            let again = INHERITED;
            assert!(
                fdinfo <= descriptions + again + 200,
                "{fdinfo} files: {by_name:?}"
            );
        }
        for pid in &pids {
            let stat = |line: &&String| {
                line.contains("stat") && line.contains(&format!("/proc/{pid}/fd/"))
            };
            assert_eq!(lines.iter().find(stat), None);
        }
    }
    assert!(shared.as_raw_fd() > 0);
}
