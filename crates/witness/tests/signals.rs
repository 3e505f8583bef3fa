//! A run that a signal ends: what was measured by then is reported and marked, nothing is left
//! behind.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
mod schema;
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGSTOP, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use schema::Schema;
use serde_json::Value;

/// Where a test stops waiting for a run to end: far from what that takes, and before the limit of a
/// claim, 30 s.
const GIVE_UP: Duration = Duration::from_secs(20);

/// A run in a process group of its own, with its output in a pipe.
struct Run {
    child: Child,
    out: BufReader<ChildStdout>,
    /// In the environment of every process of the run.
    mark: String,
}

impl Run {
    fn start(mut command: Command, what: &str) -> Run {
        inherited_signals::reset();
        let mark = format!("{}-{what}", std::process::id());
        let mut child = command
            .process_group(0)
            .env("WITNESS_TEST_MARK", &mark)
            .stdout(Stdio::piped())
            .spawn()
            .expect("witness runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Run { child, out, mark }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Reads until a line contains `text`.
    fn read_to(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.lines().last().is_some_and(|line| line.contains(text)) {
            let count = self.out.read_line(&mut read).expect("UTF-8");
            assert_ne!(count, 0, "no `{text}` in {read}");
        }
        read
    }

    /// Waits until the run has a child whose name is that of an arm at work, and returns its folder
    /// in /proc.
    fn measuring(&self) -> PathBuf {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        loop {
            let listed = fs::read_to_string(&children).expect("the run is there");
            for pid in listed.split_whitespace() {
                let folder = Path::new("/proc").join(pid);
                let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
                if ["experiment", "control"].contains(&name.trim()) {
                    return folder;
                }
            }
            std::thread::yield_now();
        }
    }

    /// Reads the rest, and returns it with the exit status. No process of the run is left.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        let needle = format!("WITNESS_TEST_MARK={}", self.mark);
        let left: Vec<PathBuf> = fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .map(|entry| entry.path())
            .filter(|folder| {
                let environment = fs::read(folder.join("environ")).unwrap_or_default();
                environment
                    .split(|byte| *byte == 0)
                    .any(|it| it == needle.as_bytes())
            })
            .collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "left behind");
        (status.code(), rest)
    }
}

fn witness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    command
}

/// The signals that a process, given by its folder in /proc, holds back; none where it has ended.
fn signal_mask(process: &Path) -> Option<String> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigBlk:\t"));
    mask.map(str::to_owned)
}

/// `3` and `47` of `PARTIAL: 3 of 47 claims ...`.
fn partial(report: &str) -> (usize, usize) {
    let line = report
        .lines()
        .find_map(|line| line.strip_prefix("PARTIAL: "));
    let words: Vec<&str> = line.expect(report).split(' ').collect();
    let number = |at: usize| words[at].parse().expect("a number");
    (number(0), number(2))
}

#[test]
fn what_was_measured_is_reported_and_marked() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let page = temporary::folder().join(format!("{signal}-{}.html", std::process::id()));
        let arguments = ["run", "--html", page.to_str().expect("UTF-8")];
        let mut run = Run::start(witness(&arguments), signal.as_str());
        let head = run.read_to("✔ layers");
        kill(run.pid(), signal).expect("it runs");
        let (status, rest) = run.end();
        assert_eq!(status, Some(128 + signal as i32), "{rest}");
        let report = head + &rest;
        let (measured, claims) = partial(&report);
        assert!(0 < measured && measured < claims, "{measured} of {claims}");
        assert!(report.contains(&format!("before {signal}\n")), "{report}");
        // Above the table a line may begin with a mark, too: there it is explained.
        let (_, table) = report.split_once("predicted  ").expect("heads of columns");
        let heads = |line: &&str| line.starts_with(['✔', '✘', '-', '!', '~']);
        assert_eq!(table.lines().filter(heads).count(), measured, "{report}");
        let summary = report.lines().last().expect("a summary");
        assert!(
            summary.starts_with(&format!("{measured} claim")),
            "{summary}"
        );
        let html = fs::read_to_string(&page).expect("the page is written all the same");
        fs::remove_file(&page).expect("ours");
        assert!(
            html.contains("PARTIAL") && html.ends_with("</html>"),
            "{html}"
        );
    }
}

#[test]
fn a_terminal_signals_every_process_of_the_run() {
    let mut run = Run::start(witness(&["run"]), "group");
    run.read_to("✔ layers");
    run.measuring();
    kill(Pid::from_raw(-run.pid().as_raw()), SIGINT).expect("the group is there");
    let (status, rest) = run.end();
    assert_eq!(status, Some(130), "{rest}");
    partial(&rest);
    let summary = rest.lines().last().expect("a summary");
    // The claim in whose middle it came is neither broken nor refuted.
    assert!(
        !summary.contains("broken") && !summary.contains("refuted"),
        "{rest}"
    );
}

#[test]
fn a_claim_that_hangs_does_not_delay_the_end() {
    let mut run = Run::start(
        witness(&["run", "--json", "herd-costs-cpu", "copy-on-write"]),
        "json",
    );
    // It never answers: whoever waited for it would find that out at the claim's limit, and say so.
    let claim = run.measuring();
    let pid = claim
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a number");
    let pid = Pid::from_raw(pid.parse().expect("a number"));
    kill(pid, SIGSTOP).expect("it runs");
    let state = |status: String| status.lines().any(|line| line.starts_with("State:\tT"));
    while !state(fs::read_to_string(claim.join("status")).expect("it is there")) {
        std::thread::yield_now();
    }
    kill(run.pid(), SIGTERM).expect("it runs");
    let started = Instant::now();
    while run.child.try_wait().expect("ours").is_none() {
        assert!(started.elapsed() < GIVE_UP, "it waits for the claim");
        std::thread::yield_now();
    }
    let (status, document) = run.end();
    assert_eq!(status, Some(143), "{document}");
    assert_eq!(
        kill(pid, None),
        Err(nix::errno::Errno::ESRCH),
        "it is reaped"
    );
    let document: Value = serde_json::from_str(&document).expect("the document is whole");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema-1.json");
    let schema = fs::read_to_string(schema).expect("docs/schema-1.json");
    let schema = Schema::new(serde_json::from_str(&schema).expect("JSON"));
    assert_eq!(schema.faults(&document), Vec::<String>::new());
    let partial = &document["partial"];
    assert_eq!(
        (&partial["signal"], &partial["claims"]),
        (&"SIGTERM".into(), &2.into())
    );
    let reported = document["claims"].as_array().expect("claims").len();
    assert_eq!(
        (&partial["measured"], &document["summary"]["claims"]),
        (&reported.into(), &reported.into())
    );
    assert_eq!(reported, 0, "{document}");
    assert_eq!(document["summary"]["error"], 0);
}

#[test]
fn a_self_test_ends_alike() {
    let mut run = Run::start(witness(&["selftest"]), "selftest");
    run.read_to("layers");
    kill(run.pid(), SIGHUP).expect("it runs");
    let (status, rest) = run.end();
    assert_eq!(status, Some(129), "{rest}");
    let (tested, claims) = partial(&rest);
    assert!(0 < tested && tested < claims, "{rest}");
    assert!(rest.contains(&format!("of {tested} turned")), "{rest}");
}

#[test]
fn a_question_whose_claim_runs_ends_alike() {
    let mut command = witness(&["ask", "layers", "thundering-herd"]);
    // At the end of the input every answer is shown, which takes a run each.
    command.stdin(Stdio::null());
    let mut run = Run::start(command, "ask");
    run.read_to("2/2  thundering-herd");
    run.measuring();
    kill(Pid::from_raw(-run.pid().as_raw()), SIGINT).expect("the group is there");
    let (status, rest) = run.end();
    assert_eq!(status, Some(130), "{rest}");
    let score = "PARTIAL: interrupted by SIGINT. Score: 0 of 1 right, 1 shown, 1 not answered.";
    assert!(rest.contains(score), "{rest}");
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let mut nohup = Command::new("sh");
    let script = "trap '' HUP; exec \"$0\" run --topic open-files";
    nohup.args(["-c", script, env!("CARGO_BIN_EXE_witness")]);
    nohup.env("LC_ALL", "C.UTF-8");
    let mut run = Run::start(nohup, "nohup");
    run.read_to("✔ layers");
    kill(run.pid(), SIGHUP).expect("it runs");
    let (status, rest) = run.end();
    assert_eq!(status, Some(0), "{rest}");
    assert!(!rest.contains("PARTIAL"), "{rest}");
    // The control: the same signal, not ignored.
    let mut run = Run::start(witness(&["run"]), "no-nohup");
    run.read_to("✔ layers");
    kill(run.pid(), SIGHUP).expect("it runs");
    assert_eq!(run.end().0, Some(129));
}

#[test]
fn claims_have_the_mask_that_the_run_was_started_with() {
    let run = Run::start(witness(&["run", "herd-costs-cpu"]), "mask");
    let claim = run.measuring();
    assert_eq!(
        signal_mask(&claim),
        signal_mask(Path::new("/proc/self")),
        "of the claim"
    );
    let held = signal_mask(&Path::new("/proc").join(run.pid().to_string()));
    assert_ne!(
        held,
        signal_mask(&claim),
        "the control: the run itself holds signals back"
    );
    kill(run.pid(), SIGINT).expect("it runs");
    assert_eq!(run.end().0, Some(130));
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_the_run_alive() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // A single page, and it is full: not a line more goes in.
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).expect("resized");
    writer.write_all(&[b'\n'; 4096]).expect("written");
    let mut run = witness(&["run"])
        .stdout(writer)
        .spawn()
        .expect("witness runs");
    let folder = Path::new("/proc").join(run.id().to_string());
    while signal_mask(&folder) == signal_mask(Path::new("/proc/self")) {
        std::thread::yield_now();
    }
    // The first is noticed and ends the run. Where its summary has no room either, it waits, and
    // holds nothing back any more: the next ends that.
    let started = Instant::now();
    let status = loop {
        if let Some(status) = run.try_wait().expect("ours") {
            break status;
        }
        let _ = kill(Pid::from_raw(run.id() as i32), SIGTERM);
        assert!(started.elapsed() < GIVE_UP, "it waits for the reader");
        std::thread::yield_now();
    };
    let ended = status.code() == Some(143) || status.signal() == Some(SIGTERM as i32);
    assert!(ended, "{status:?}");
    drop(reader);
}
