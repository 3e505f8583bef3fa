//! What the crate promises, each promise in a process of its own.
//!
//! No harness: libtest runs tests on threads, and a process with threads does not fork. Called
//! without arguments, this program starts itself once for each case, with a limit, and looks
//! afterwards whether the case left a process behind.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program's report"
)]
#![expect(
    unsafe_code,
    reason = "raw system calls that make the states that the cases are about"
)]

use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use child::{Child, Descriptors, ErrorKind, HeldSignals};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, geteuid, setgroups, setresgid, setresuid};

type Outcome = Result<(), Box<dyn StdError>>;

/// Where a case gives up: far beyond what any of them takes.
const LIMIT: Duration = Duration::from_secs(20);
/// A limit that a silent child exceeds.
const SHORT: Duration = Duration::from_millis(50);

/// A promise, and what puts it to the test.
type Case = (&'static str, fn() -> Outcome);

const CASES: &[Case] = &[
    ("values pass both ways", values_pass_both_ways),
    (
        "a message larger than the socket's buffer passes",
        large_message,
    ),
    ("last words are heard before the end", last_words),
    (
        "a checkpoint holds the child until it is released",
        checkpoint,
    ),
    (
        "an error comes with the child's name and its errno",
        failure,
    ),
    (
        "a panic becomes an error and is silent on stderr",
        panic_in_child,
    ),
    ("a silent child is killed at its limit", silent_child),
    ("a stopped child is killed at its limit", stopped_child),
    ("a child that does not end is killed by wait", endless_child),
    (
        "a child that does not read is an error at its limit",
        deaf_child,
    ),
    ("an exit status is read, whatever was answered", exit_status),
    ("a signal's number is read", killed_child),
    ("a dropped child is reaped", dropped_child),
    ("a wait ends when what would stop it comes", stopped_wait),
    (
        "a held signal that is ignored stays ignored",
        ignored_signal,
    ),
    ("signals do not disturb a wait", interrupted_wait),
    ("a child dies with a parent killed by SIGKILL", || {
        parent_dies("SIGKILL")
    }),
    ("a child dies with a parent ended by SIGINT", || {
        parent_dies("SIGINT")
    }),
    ("a child dies with a parent ended by SIGTERM", || {
        parent_dies("SIGTERM")
    }),
    ("a child dies with a parent that panics", || {
        parent_dies("panic")
    }),
    ("orphans are adopted and ended", orphans),
    ("fork is refused in a process with threads", threads),
    ("one descriptor table, where it is shared", shared_table),
    ("exec is noticed", exec),
    (
        "an exec that fails, and an end instead of one, are told",
        no_exec,
    ),
    ("a full descriptor table is a clear error", full_table),
    ("RLIMIT_NPROC is a clear error", process_limit),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["case", name] => match CASES.iter().find(|(case, _)| *case == name) {
            Some((_, case)) => case(),
            None => Err(format!("no case `{name}`").into()),
        },
        ["parent"] => be_a_parent(),
        // Anything else is meant for a test harness: `--nocapture` and the like.
        _ => return all(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every case and reports.
fn all() -> ExitCode {
    let mut failed = 0;
    if let Err(error) = child::adopt_orphans() {
        println!("FAILED: {error}");
        return ExitCode::FAILURE;
    }
    for (name, _) in CASES {
        match one(name) {
            Ok(()) => println!("ok      {name}"),
            Err(why) => {
                failed += 1;
                println!("FAILED  {name}: {why}");
            }
        }
    }
    println!("\n{} passed, {failed} failed", CASES.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

/// Runs one case in a process of its own. Its orphans come to us: there must be none.
fn one(name: &str) -> Outcome {
    let case = Command::new(std::env::current_exe()?)
        .args(["case", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let pidfd = pidfd(case.id() as i32)?;
    if !ends(pidfd.as_fd())? {
        let alive = child::end_orphans(LIMIT)?;
        return Err(format!("no end within {LIMIT:?}; {alive} processes killed").into());
    }
    let output = case.wait_with_output()?;
    // A killed grandchild dies soon, not at once: wait for the end of those that are about to.
    let left = wait_for_all()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.trim()).into());
    }
    ensure(left == 0, || format!("{left} processes left behind"))
}

/// Reaps what ends by itself; kills and counts what does not.
fn wait_for_all() -> Result<usize, Box<dyn StdError>> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(0),
            Ok(WaitStatus::StillAlive) if Instant::now() > deadline => {
                return Ok(child::end_orphans(LIMIT)?);
            }
            Ok(WaitStatus::StillAlive) => std::thread::yield_now(),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn values_pass_both_ways() -> Outcome {
    let mut adder = child::fork("adder", |parent| {
        let (a, b): (u64, u64) = parent.recv()?;
        parent.send(&(a + b))?;
        Ok(format!("added in {}", std::process::id()))
    })?;
    adder.send(&(20, 22))?;
    let sum: u64 = adder.recv()?;
    ensure(sum == 42, || format!("sum {sum}"))?;
    let expected = format!("added in {}", adder.pid());
    let answer = adder.join()?;
    ensure(answer == expected, || answer)
}

fn large_message() -> Outcome {
    const BYTES: usize = 8 << 20;
    let mut echo = child::fork("echo", |parent| Ok(parent.recv::<String>()?))?;
    echo.send(&"x".repeat(BYTES))?;
    let answer = echo.join()?;
    ensure(answer.len() == BYTES, || format!("{} bytes", answer.len()))
}

/// A child that says one thing and ends at once: the end must never be noticed before the word.
fn last_words() -> Outcome {
    for round in 0..500u32 {
        let mut speaker = child::fork("speaker", |parent| {
            parent.send(&round)?;
            Ok(round)
        })?;
        ensure(speaker.recv::<u32>()? == round, || "another word".into())?;
        ensure(speaker.join()? == round, || "another answer".into())?;
    }
    Ok(())
}

fn checkpoint() -> Outcome {
    let (reader, writer) = io::pipe()?;
    let mut held = child::fork("held", |parent| {
        parent.checkpoint()?;
        (&writer).write_all(b"on")?;
        Ok(())
    })?;
    held.at_checkpoint()?;
    until(|| Ok(state(held.pid())? == 'S'))?;
    ensure(!readable(reader.as_fd(), PollTimeout::ZERO)?, || {
        "it went on before it was released".into()
    })?;
    held.release()?;
    held.join()?;
    ensure(readable(reader.as_fd(), PollTimeout::ZERO)?, || {
        "it did not go on".into()
    })
}

fn failure() -> Outcome {
    let reader = child::fork("reader of nothing", |_| {
        Ok(std::fs::read_to_string("/nonexistent/file")?)
    })?;
    let error = error_of(reader.join())?;
    says(&error, &["reader of nothing (pid ", "No such file"])?;
    let errno = error.source().and_then(|e| e.downcast_ref::<Errno>());
    ensure(errno == Some(&Errno::ENOENT), || format!("{errno:?}"))
}

fn panic_in_child() -> Outcome {
    // The child's own stderr goes into a pipe: nothing may arrive there.
    let (mut reader, writer) = io::pipe()?;
    let saved = nix::unistd::dup(io::stderr())?;
    nix::unistd::dup2_stderr(&writer)?;
    let panicking = child::fork("panicking", |_| -> Result<(), child::BoxError> {
        panic!("at {}", "the disco")
    });
    nix::unistd::dup2_stderr(&saved)?;
    drop(writer);
    let error = error_of(panicking?.join())?;
    says(&error, &["panicking (pid ", "panicked", "at the disco"])?;
    ensure(matches!(error.kind, ErrorKind::Panicked(_)), || {
        format!("{:?}", error.kind)
    })?;
    let mut said = String::new();
    reader.read_to_string(&mut said)?;
    ensure(said.is_empty(), || said)
}

fn silent_child() -> Outcome {
    let silent = forever("silent")?.limit(SHORT);
    let pid = silent.pid();
    let error = error_of(silent.join())?;
    says(&error, &["silent (pid ", "no answer within 50ms"])?;
    gone(pid)
}

fn stopped_child() -> Outcome {
    let mut stopped = forever("stopped")?.limit(SHORT);
    let pid = stopped.pid();
    stopped.signal(Signal::SIGSTOP)?;
    let error = error_of(stopped.recv::<u32>())?;
    says(&error, &["stopped (pid ", "no value within 50ms"])?;
    drop(stopped);
    gone(pid)
}

fn endless_child() -> Outcome {
    let mut endless = forever("endless")?.limit(SHORT);
    let error = error_of(endless.wait())?;
    says(&error, &["endless (pid ", "no end within 50ms"])?;
    gone(endless.pid())
}

fn deaf_child() -> Outcome {
    let mut deaf = forever("deaf")?.limit(SHORT);
    let error = error_of(deaf.send(&"x".repeat(8 << 20)))?;
    says(&error, &["deaf (pid ", "within 50ms"])
}

fn exit_status() -> Outcome {
    for status in [0, 3] {
        let mut leaving = child::fork("leaving", |_| -> Result<(), child::BoxError> {
            // SAFETY: _exit ends the process at once; nothing runs after it.
            unsafe { nix::libc::_exit(status) }
        })?;
        let ended = leaving.wait()?;
        let expected = WaitStatus::Exited(Pid::from_raw(leaving.pid()), status);
        ensure(ended == expected, || format!("{ended:?}"))?;
        let error = error_of(leaving.join())?;
        says(
            &error,
            &["leaving (pid ", &format!("exited with status {status}")],
        )?;
    }
    Ok(())
}

fn killed_child() -> Outcome {
    let mut victim = forever("victim")?;
    victim.signal(Signal::SIGUSR1)?;
    let error = error_of(victim.recv::<u32>())?;
    says(&error, &["victim (pid ", "killed by SIGUSR1"])
}

fn dropped_child() -> Outcome {
    let dropped = forever("dropped")?;
    let pid = dropped.pid();
    drop(dropped);
    gone(pid)
}

fn stopped_wait() -> Outcome {
    let held = HeldSignals::hold(&[Signal::SIGTERM])?;
    let answer = child::fork("quick", |_| Ok(7))?.join_unless(held.as_fd())?;
    ensure(answer == Some(7), || format!("{answer:?}"))?;
    let late = forever("late")?.limit(SHORT);
    says(
        &error_of(late.join_unless(held.as_fd()))?,
        &["late (pid ", "no answer within 50ms"],
    )?;
    let endless = forever("endless")?;
    let pid = endless.pid();
    raise(Signal::SIGTERM)?;
    let answer = endless.join_unless(held.as_fd())?;
    ensure(answer.is_none(), || format!("{answer:?}"))?;
    let signal = held.next();
    ensure(signal == Some(Signal::SIGTERM), || format!("{signal:?}"))?;
    gone(pid)
}

fn ignored_signal() -> Outcome {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: to ignore a signal runs no code of ours.
    unsafe { sigaction(Signal::SIGHUP, &ignore) }?;
    let held = HeldSignals::hold(&[Signal::SIGHUP, Signal::SIGTERM])?;
    raise(Signal::SIGHUP)?;
    let signal = held.next();
    ensure(signal.is_none(), || format!("{signal:?}"))?;
    raise(Signal::SIGTERM)?;
    let signal = held.next();
    ensure(signal == Some(Signal::SIGTERM), || format!("{signal:?}"))
}

fn interrupted_wait() -> Outcome {
    extern "C" fn nothing(_: nix::libc::c_int) {}
    let handler = SigHandler::Handler(nothing);
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, so it is async-signal-safe.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;
    // The child interrupts its parent until the parent was seen in poll(2) many times over.
    let mut pest = child::fork("pest", |parent| {
        let pid = Pid::from_raw(parent.pid());
        for _ in 0..200 {
            until(|| Ok(state(pid.as_raw())? == 'S'))?;
            kill(pid, Signal::SIGUSR1)?;
        }
        parent.send(&1)?;
        Ok(2)
    })?;
    let (word, answer): (i32, i32) = (pest.recv()?, pest.join()?);
    ensure((word, answer) == (1, 2), || format!("{word}, {answer}"))
}

/// What [`parent_dies`] watches: a parent of a child, which has a child. Both sleep where nothing but
/// a signal wakes them; an end of file on the link would not.
fn be_a_parent() -> Outcome {
    let mut child = child::fork("child", |parent| {
        let mut grandchild = child::fork("grandchild", |parent| {
            parent.send(&())?;
            sleep_for_ever()
        })?;
        grandchild.recv::<()>()?;
        parent.send(&grandchild.pid())?;
        sleep_for_ever()
    })?;
    let grandchild: i32 = child.recv()?;
    println!("{} {grandchild}", child.pid());
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    if line.trim() == "panic" {
        std::panic::set_hook(Box::new(|_| {}));
        panic!("as asked");
    }
    Err("its parent had nothing to say".into())
}

fn parent_dies(how: &str) -> Outcome {
    let mut parent = Command::new(std::env::current_exe()?)
        .arg("parent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(mut input), Some(output)) = (parent.stdin.take(), parent.stdout.take()) else {
        return Err("no pipes".into());
    };
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let pids = line.split_whitespace().map(str::parse);
    let pids: Vec<i32> = pids.collect::<Result<_, _>>()?;
    ensure(pids.len() == 2, || format!("two pids, not `{line}`"))?;
    let pidfds: Vec<OwnedFd> = pids
        .iter()
        .map(|&pid| pidfd(pid))
        .collect::<Result<_, _>>()?;
    for pidfd in &pidfds {
        ensure(!readable(pidfd.as_fd(), PollTimeout::ZERO)?, || {
            "ended before its parent".into()
        })?;
    }
    let pid = Pid::from_raw(parent.id() as i32);
    match how {
        "SIGKILL" => kill(pid, Signal::SIGKILL)?,
        "SIGINT" => kill(pid, Signal::SIGINT)?,
        "SIGTERM" => kill(pid, Signal::SIGTERM)?,
        how => writeln!(input, "{how}")?,
    }
    parent.wait()?;
    for (pid, pidfd) in pids.iter().zip(&pidfds) {
        ensure(ends(pidfd.as_fd())?, || format!("pid {pid} lives on"))?;
    }
    Ok(())
}

fn orphans() -> Outcome {
    child::adopt_orphans()?;
    let mut dying = child::fork("dying", |parent| {
        // Not ours to bind: a program that its parent does not wait for.
        let left = Command::new("sleep").arg("1000").spawn()?;
        parent.send(&left.id())?;
        parent.checkpoint()?;
        Ok(())
    })?;
    let orphan: i32 = dying.recv()?;
    let pidfd = pidfd(orphan)?;
    dying.signal(Signal::SIGKILL)?;
    dying.wait()?;
    ensure(!readable(pidfd.as_fd(), PollTimeout::ZERO)?, || {
        "the orphan ended by itself".into()
    })?;
    let alive = child::end_orphans(LIMIT)?;
    ensure(alive == 1, || format!("{alive} orphans"))?;
    gone(orphan)?;
    let alive = child::end_orphans(LIMIT)?;
    ensure(alive == 0, || format!("{alive} more orphans"))
}

fn threads() -> Outcome {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = error_of(child::fork("never", |_| Ok(())))?;
    drop(stop);
    let _ = thread.join();
    says(&error, &["never", "fork refused", "2 threads"])?;
    ensure(matches!(error.kind, ErrorKind::Threads(2)), || {
        format!("{:?}", error.kind)
    })
}

fn shared_table() -> Outcome {
    for (descriptors, open) in [(Descriptors::Shared, false), (Descriptors::Copied, true)] {
        let file = File::open("/proc/self/status")?;
        let number = file.as_raw_fd();
        let closer = child::fork_with(descriptors, "closer", |_| Ok(nix::unistd::close(number)?))?;
        closer.join()?;
        let path = format!("/proc/self/fd/{number}");
        let still = std::fs::read_link(path).is_ok();
        if !still {
            // Closed already, through the table that was one.
            std::mem::forget(file);
        }
        ensure(still == open, || format!("{descriptors:?}: open {still}"))?;
    }
    Ok(())
}

fn exec() -> Outcome {
    let (reader, writer) = io::pipe()?;
    let mut cat = child::fork("cat", |_| -> Result<(), child::BoxError> {
        nix::unistd::dup2_stdin(&reader)?;
        drop(writer.try_clone()?);
        Err(exec_error("/bin/cat"))
    })?;
    cat.at_exec()?;
    let exe = std::fs::read_link(format!("/proc/{}/exe", cat.pid()))?;
    ensure(exe != std::env::current_exe()?, || format!("{exe:?}"))?;
    drop(writer);
    drop(reader);
    Ok(())
}

fn no_exec() -> Outcome {
    let mut missing = child::fork("missing", |_| -> Result<(), child::BoxError> {
        Err(exec_error("/nonexistent/program"))
    })?;
    let error = error_of(missing.at_exec())?;
    says(&error, &["missing (pid ", "No such file"])?;
    let mut sharing = child::fork_with(Descriptors::Shared, "sharing", |_| sleep_for_ever())?;
    says(
        &error_of(sharing.at_exec())?,
        &["sharing (pid ", "shares the descriptor table"],
    )?;
    for _ in 0..200 {
        let mut dying = child::fork("dying", |_| -> Result<(), child::BoxError> {
            raise(Signal::SIGKILL)?;
            Ok(())
        })?;
        let error = error_of(dying.at_exec())?;
        says(&error, &["dying (pid ", "killed by SIGKILL"])?;
    }
    Ok(())
}

fn full_table() -> Outcome {
    // Every descriptor that comes next would be over the limit.
    let next = nix::unistd::dup(io::stderr())?.as_raw_fd();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, next as u64, hard)?;
    let error = error_of(child::fork("starved", |_| Ok(())))?;
    says(&error, &["starved", "EMFILE"])?;
    // Room for one: /proc/self/task can be read, a socket pair cannot be made.
    setrlimit(Resource::RLIMIT_NOFILE, next as u64 + 1, hard)?;
    let error = error_of(child::fork("starved", |_| Ok(())))?;
    says(&error, &["starved", "socketpair: EMFILE"])?;
    // Room for the pair is enough: the pidfd takes the place of the child's end.
    setrlimit(Resource::RLIMIT_NOFILE, next as u64 + 2, hard)?;
    Ok(child::fork("content", |_| Ok(()))?.join()?)
}

fn process_limit() -> Outcome {
    if geteuid().is_root() {
        setgroups(&[])?;
        let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
    let error = error_of(child::fork("surplus", |_| Ok(())))?;
    says(&error, &["surplus", "fork: EAGAIN"])
}

/// A child that neither answers nor ends.
fn forever(name: &str) -> Result<Child<()>, child::Error> {
    child::fork(name, |_| sleep_for_ever())
}

fn sleep_for_ever() -> Result<(), child::BoxError> {
    loop {
        nix::unistd::pause();
    }
}

/// Becomes the program at `path`; returns only if that fails.
fn exec_error(path: &str) -> child::BoxError {
    use std::os::unix::process::CommandExt;
    Command::new(path).exec().into()
}

/// pidfd_open(2) for a process that need not be ours.
fn pidfd(pid: i32) -> Result<OwnedFd, Errno> {
    let process = rustix::process::Pid::from_raw(pid).ok_or(Errno::ESRCH)?;
    let pidfd = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty());
    pidfd.map_err(|e| Errno::from_raw(e.raw_os_error()))
}

/// Whether the process behind `pidfd` ends before the limit.
fn ends(pidfd: BorrowedFd<'_>) -> Result<bool, Errno> {
    readable(
        pidfd,
        PollTimeout::try_from(LIMIT).unwrap_or(PollTimeout::MAX),
    )
}

fn readable(fd: BorrowedFd<'_>, timeout: PollTimeout) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    Ok(poll(&mut fds, timeout)? > 0)
}

/// The state letter of /proc/PID/stat.
fn state(pid: i32) -> io::Result<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    Ok(after_name.chars().next().unwrap_or('?'))
}

/// Waits for a condition; the limit of the whole case ends it otherwise.
fn until(mut condition: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    while !condition()? {
        std::thread::yield_now();
    }
    Ok(())
}

/// Not even a zombie is left of `pid`.
fn gone(pid: i32) -> Outcome {
    match state(pid) {
        Err(_) => Ok(()),
        Ok(state) => Err(format!("pid {pid} is still there, in state {state}").into()),
    }
}

fn error_of<T>(result: Result<T, child::Error>) -> Result<child::Error, Box<dyn StdError>> {
    match result {
        Ok(_) => Err("no error".into()),
        Err(error) => Ok(error),
    }
}

fn says(error: &child::Error, parts: &[&str]) -> Outcome {
    let text = error.to_string();
    match parts.iter().find(|part| !text.contains(*part)) {
        None => Ok(()),
        Some(part) => Err(format!("`{part}` is missing in: {text}").into()),
    }
}

fn ensure(condition: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}
