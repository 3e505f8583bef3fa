//! A run where the machine refuses: full tables, filters, a hidden /proc, a killed runner. Never a
//! panic, always a message that names operation, error number and remedy, nothing left behind.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(
    unsafe_code,
    reason = "limits and filters are set between fork and exec"
)]
#![expect(clippy::print_stdout, reason = "a skipped case says so")]

#[path = "../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use seccompiler::{SeccompAction, SeccompFilter};
use serde_json::Value;

/// How a full descriptor table is told, by us and by std, beside what an ordinary user is refused.
const FULL: &[&str] = &["EMFILE", "Too many open files", "EPERM", "EACCES"];

/// What one run came to.
struct Run {
    status: Option<i32>,
    err: String,
    claims: Vec<Value>,
}

impl Run {
    /// Runs the claims whose numbers are exact, under whatever `command` was told to do before
    /// exec. Claims that compare times belong to a quiet machine, not to tests that run side by
    /// side.
    fn start(mut command: Command) -> Run {
        let mark = format!("{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = temporary::folder().join(format!("bad-input-{mark}"));
        fs::create_dir(&folder).expect("a folder for temporary files");
        let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&folder, everyone).expect("open to all");
        let output = command
            .args(["run", "--json", "--topic", "open-files"])
            .env("TMPDIR", &folder)
            .env("WITNESS_TEST_MARK", &mark)
            .output()
            .expect("witness runs");
        assert_eq!(marked(&mark), Vec::<String>::new(), "processes left behind");
        let left: Vec<_> = fs::read_dir(&folder).expect("readable").flatten().collect();
        assert!(left.is_empty(), "files left behind: {left:?}");
        fs::remove_dir(&folder).expect("removed");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!err.contains("panicked"), "{err}");
        let status = output.status.code();
        assert!(
            !matches!(status, None | Some(101 | 134)),
            "{:?}: {err}",
            output.status
        );
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let claims = document["claims"].as_array().cloned().unwrap_or_default();
        Run {
            status,
            err,
            claims,
        }
    }

    /// The claims with this verdict.
    fn with(&self, verdict: &str) -> Vec<&Value> {
        self.claims
            .iter()
            .filter(|claim| claim["verdict"] == verdict)
            .collect()
    }

    /// Nothing broke and nothing was refuted; each claim that was not measured says why, with one
    /// of `errnos`, and what to do. Returns how many were not.
    fn refused_clearly(&self, errnos: &[&str]) -> usize {
        let all = self.with("not_measured").len() == self.claims.len();
        assert_eq!(self.status, Some(if all { 4 } else { 0 }), "{}", self.err);
        assert!(!self.claims.is_empty());
        for verdict in ["error", "refuted"] {
            assert!(self.with(verdict).is_empty(), "{:#?}", self.with(verdict));
        }
        for claim in self.with("not_measured") {
            let why = claim["why"].as_str().unwrap_or_default();
            let named = errnos.iter().any(|errno| why.contains(errno));
            assert!(named, "{}: {why}", claim["id"]);
            let enable = claim["enable"].as_str().unwrap_or_default();
            assert!(
                enable.len() > 10,
                "{}: how to enable it: {enable}",
                claim["id"]
            );
        }
        self.with("not_measured").len()
    }
}

fn witness() -> Command {
    Command::new(env!("CARGO_BIN_EXE_witness"))
}

/// Processes whose environment carries `mark`: descendants of the run, however they were orphaned.
fn marked(mark: &str) -> Vec<String> {
    let needle = format!("WITNESS_TEST_MARK={mark}");
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let has_mark = |folder: &PathBuf| {
        fs::read(folder.join("environ"))
            .is_ok_and(|e| e.split(|byte| *byte == 0).any(|v| v == needle.as_bytes()))
    };
    processes
        .map(|entry| entry.path())
        .filter(has_mark)
        .map(|folder| folder.display().to_string())
        .collect()
}

/// Makes `command` apply a limit before it becomes the program.
fn limited(mut command: Command, resource: Resource, limit: u64) -> Command {
    let apply = move || setrlimit(resource, limit, limit).map_err(io::Error::from);
    // SAFETY: runs between fork and exec, where setrlimit, one system call, is async-signal-safe.
    unsafe { command.pre_exec(apply) };
    command
}

/// Makes `command` install a filter that answers `errno` to `call`.
fn filtered(mut command: Command, call: libc::c_long, errno: Errno) -> Command {
    let filter = SeccompFilter::new(
        [(call, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH
            .try_into()
            .expect("a known architecture"),
    );
    let program: seccompiler::BpfProgram = filter.expect("a filter").try_into().expect("a program");
    let apply = move || seccompiler::apply_filter(&program).map_err(|_| Errno::EINVAL.into());
    // SAFETY: runs between fork and exec; the program was made before, and installing it is two
    // system calls.
    unsafe { command.pre_exec(apply) };
    command
}

#[test]
fn the_control_an_ordinary_run_measures_most() {
    let run = Run::start(witness());
    run.refused_clearly(&["EPERM", "EACCES"]);
    assert!(run.claims.len() > 5);
    let held = run.with("holds").len() + run.with("holds_with").len();
    assert!(
        held > run.claims.len() / 2,
        "{held} of {}",
        run.claims.len()
    );
}

#[test]
fn a_small_descriptor_table() {
    let sixteen = Run::start(limited(witness(), Resource::RLIMIT_NOFILE, 16));
    sixteen.refused_clearly(FULL);
    // With 8 some claims have no room: the control that a full table is met at all.
    let eight = Run::start(limited(witness(), Resource::RLIMIT_NOFILE, 8));
    assert!(eight.refused_clearly(FULL) > 0);
    for claim in eight.with("not_measured") {
        let why = claim["why"].to_string();
        let full = FULL[..2].iter().any(|word| why.contains(word));
        assert!(
            !full || claim["enable"].to_string().contains("ulimit -n"),
            "{claim}"
        );
    }
    // 4 leaves hardly one: not even the link to a child can be made.
    let status = limited(witness(), Resource::RLIMIT_NOFILE, 4)
        .args(["run", "--json", "--topic", "open-files"])
        .output()
        .expect("witness runs");
    assert!(
        !matches!(status.status.code(), None | Some(101 | 134)),
        "{status:?}"
    );
}

#[test]
fn no_more_processes() {
    // The limit does not bind root: become nobody, with a copy of the binary that nobody can reach.
    let folder = temporary::folder().join(format!("bad-input-nproc-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&folder, everyone).expect("open to all");
    let binary = folder.join("witness");
    fs::copy(env!("CARGO_BIN_EXE_witness"), &binary).expect("copied");
    let mut command = Command::new(&binary);
    if geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let run = Run::start(limited(command, Resource::RLIMIT_NPROC, 0));
    fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(run.refused_clearly(&["fork: EAGAIN"]), run.claims.len());
    for claim in &run.claims {
        assert!(
            claim["enable"]
                .as_str()
                .unwrap_or_default()
                .contains("ulimit -u"),
            "{claim}"
        );
    }
}

#[test]
fn a_filter_that_refuses_kcmp() {
    for (errno, name) in [(Errno::EPERM, "EPERM"), (Errno::ENOSYS, "ENOSYS")] {
        let run = Run::start(filtered(witness(), libc::SYS_kcmp, errno));
        run.refused_clearly(&[name, "EACCES"]);
        for claim in run.with("not_measured") {
            let why = claim["why"].as_str().unwrap_or_default();
            assert!(why.contains("kcmp"), "operation and object: {why}");
        }
    }
}

#[test]
fn a_filter_that_refuses_pidfd_getfd() {
    for (errno, name) in [(Errno::EPERM, "EPERM"), (Errno::ENOSYS, "ENOSYS")] {
        let run = Run::start(filtered(witness(), libc::SYS_pidfd_getfd, errno));
        let count = run.refused_clearly(&[name, "EACCES"]);
        assert!(
            count > 0 || !run.with("holds_with").is_empty(),
            "somebody needs pidfd_getfd"
        );
        for claim in run.with("not_measured") {
            let why = claim["why"].as_str().unwrap_or_default();
            assert!(why.contains("pidfd_getfd"), "operation and object: {why}");
        }
    }
}

#[test]
fn strict_tells_what_was_not_measured_by_its_status() {
    let strict = |command: Command| {
        let mut command = command;
        command.args(["run", "--strict", "layers"]);
        command.output().expect("witness runs").status.code()
    };
    assert_eq!(strict(witness()), Some(0));
    assert_eq!(
        strict(limited(witness(), Resource::RLIMIT_NOFILE, 5)),
        Some(4)
    );
}

/// For `sh -c`: a /proc with hidepid=2 over the present one, and then the program and its arguments
/// that follow.
const HIDE: &str = "mount -t proc -o hidepid=2 proc /proc && exec \"$0\" \"$@\"";

/// A program, in a mount namespace of its own where processes are hidden; none where this user may
/// make no such namespace.
fn with_processes_hidden(program: &[&str]) -> Option<Command> {
    let hidden = |program: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", HIDE]).args(program);
        unshare
    };
    let possible = hidden(&["true"]).output();
    if possible.as_ref().is_ok_and(|it| it.status.success()) {
        return Some(hidden(program));
    }
    let why = possible.map(|it| String::from_utf8_lossy(&it.stderr).into_owned());
    println!("skipped: /proc cannot be mounted with hidepid=2 here: {why:?}");
    None
}

/// What makes a program run as nobody; none where nobody cannot reach `program`.
fn nobody(program: &str) -> Option<[&str; 7]> {
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut reach = Command::new("setpriv");
    reach.args(user).args(["--", "test", "-x", program]);
    if reach.status().is_ok_and(|status| status.success()) {
        // setpriv(1) may read every file until it executes another program: env(1) may not.
        let [uid, gid, groups] = user;
        return Some(["setpriv", uid, gid, groups, "--", "env", program]);
    }
    println!("skipped: nobody cannot reach {program}");
    None
}

/// As root, who sees everything, and as nobody, who sees only what is its own.
#[test]
fn processes_hidden_in_proc() {
    let program = env!("CARGO_BIN_EXE_witness");
    if let Some(as_root) = with_processes_hidden(&[program]) {
        assert_eq!(Run::start(as_root).refused_clearly(&["EPERM", "EACCES"]), 0);
    }
    if let Some(as_nobody) = nobody(program).and_then(|nobody| with_processes_hidden(&nobody)) {
        Run::start(as_nobody).refused_clearly(&["EPERM", "EACCES", "ENOENT"]);
    }
}

/// Who may execute a program and not read it sees not even its own children then.
#[test]
fn own_children_hidden_in_proc() {
    let program = temporary::folder().join(format!("unreadable-{}", std::process::id()));
    fs::copy(env!("CARGO_BIN_EXE_witness"), &program).expect("a copy of the program");
    let unreadable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    fs::set_permissions(&program, unreadable).expect("made unreadable");
    let name = program.to_str().expect("a path of text");
    let command = nobody(name).and_then(|nobody| with_processes_hidden(&nobody));
    let run = command.map(Run::start);
    fs::remove_file(&program).expect("removed");
    let Some(run) = run else { return };
    assert!(run.refused_clearly(&["EPERM", "EACCES", "ENOENT"]) > 0);
    for claim in run.with("not_measured") {
        let enable = claim["enable"].as_str().unwrap_or_default();
        assert!(enable.contains("chmod a+r"), "{}: {enable}", claim["id"]);
    }
}

#[test]
fn a_runner_that_is_killed_leaves_nothing() {
    inherited_signals::reset();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
    ] {
        let mut killed = 0;
        for lines in [1, 3, 8, 20] {
            let mark = format!("{}-{signal}-{lines}", std::process::id());
            let mut runner = witness()
                .env("WITNESS_TEST_MARK", &mark)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("witness runs");
            // In the middle of the run: so many lines are out, so the next claim is at work.
            let mut out = BufReader::new(runner.stdout.take().expect("a pipe"));
            let mut line = String::new();
            for _ in 0..lines {
                out.read_line(&mut line).expect("a line");
            }
            kill(Pid::from_raw(runner.id() as i32), signal).expect("not yet reaped");
            let ended = runner.wait().expect("it ends");
            // SIGKILL ends it at once; with the others it ends by itself, and says which it was. A
            // run of few claims may have ended before the signal came.
            let by_signal = match signal {
                Signal::SIGKILL => ended.signal() == Some(signal as i32),
                _ => ended.code() == Some(128 + signal as i32),
            };
            assert!(by_signal || ended.code() == Some(0), "{signal}: {ended:?}");
            killed += u32::from(by_signal);
            // SIGKILL reaches the descendants one after the other; each is gone when it is.
            let mut rounds = 0;
            while !marked(&mark).is_empty() {
                rounds += 1;
                assert!(
                    rounds < 10_000,
                    "{signal}: left behind: {:?}",
                    marked(&mark)
                );
                std::thread::yield_now();
            }
        }
        assert!(killed > 0, "{signal} never came in time");
    }
}
