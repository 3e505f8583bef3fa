//! The server from outside: it serves, replaces the dead, reports, and ends.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(unsafe_code, reason = "a filter is set between fork and exec")]

#[path = "../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
mod loopback;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use harness::seccomp::Filter;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prefork::Site;
use prefork::strategies::{self, Strategy};

const BINARY: &str = env!("CARGO_BIN_EXE_accept-queue");
const LIMIT: Duration = Duration::from_secs(30);

struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        Server::spawn(Command::new(BINARY), arguments)
    }

    fn spawn(mut command: Command, arguments: &[&str]) -> Self {
        inherited_signals::reset();
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--workers", "3"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let (mut first, mut second) = (String::new(), String::new());
        lines.read_line(&mut first).expect("a line");
        lines.read_line(&mut second).expect("a line");
        let address = first.split_whitespace().nth(2).expect("an address");
        Server {
            address: address.trim_end_matches(':').to_owned(),
            process,
            lines,
        }
    }

    fn ask(&self, bytes: &[u8]) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a connection");
        connection.set_read_timeout(Some(LIMIT)).expect("a limit");
        connection.write_all(bytes).expect("sent");
        connection.shutdown(Shutdown::Write).expect("half closed");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn workers(&self) -> Vec<Pid> {
        let id = self.process.id();
        let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let text = text.expect("children");
        text.split_whitespace()
            .map(|pid| Pid::from_raw(pid.parse().expect("a pid")))
            .collect()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("signalled");
    }

    /// The next report, head to sum.
    fn report(&mut self) -> Vec<String> {
        (0..5)
            .map(|_| {
                let mut line = String::new();
                self.lines.read_line(&mut line).expect("a line");
                line
            })
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn http_names_who_accepted_and_a_report_counts() {
    if loopback::is_down() {
        return;
    }
    let mut server = Server::start(&["--http"]);
    for _ in 0..6 {
        let answer = server.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("worker "), "{answer}");
    }
    assert!(server.ask(b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    server.signal(Signal::SIGUSR1);
    let report = server.report();
    assert!(report[0].contains("accepted"), "{report:?}");
    assert!(report[4].contains(" 7 "), "{report:?}");
}

#[test]
fn echo_sends_back_what_came() {
    if loopback::is_down() {
        return;
    }
    for strategy in ["blocking", "epoll-exclusive", "reuseport", "mutex-futex"] {
        let server = Server::start(&["--echo", "--strategy", strategy]);
        let text = "words ".repeat(10_000);
        let mut connection = TcpStream::connect(&server.address).expect("a connection");
        let mut writer = connection.try_clone().expect("a copy");
        let sent = text.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(sent.as_bytes()).expect("sent");
            writer.shutdown(Shutdown::Write).expect("half closed");
        });
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        writing.join().expect("written");
        assert!(
            answer == text,
            "{strategy}: {} bytes came back",
            answer.len()
        );
    }
}

#[test]
fn a_client_that_drips_is_given_up_at_the_deadline() {
    if loopback::is_down() {
        return;
    }
    let server = Server::start(&["--echo", "--deadline", "1"]);
    let mut connection = TcpStream::connect(&server.address).expect("a connection");
    connection.set_read_timeout(Some(LIMIT)).expect("a limit");
    let started = Instant::now();
    let mut byte = [b'x'];
    // Never silent: each byte is sent as soon as the last one has come back.
    while connection.write_all(&byte).is_ok() && matches!(connection.read(&mut byte), Ok(1)) {
        assert!(started.elapsed() < LIMIT, "it is still served");
    }
}

#[test]
fn dead_workers_are_replaced_and_nothing_is_left_at_the_end() {
    if loopback::is_down() {
        return;
    }
    // Whichever worker holds the mutex of mutex-futex, it is among the dead.
    let strategies = [
        ("blocking", Signal::SIGTERM),
        ("reuseport", Signal::SIGINT),
        ("mutex-futex", Signal::SIGTERM),
    ];
    for (strategy, end) in strategies {
        replace_the_dead(Server::start(&["--strategy", strategy]), end);
    }
}

/// Older kernels and filters of containers have no pidfd.
#[test]
fn dead_workers_are_replaced_without_pidfd() {
    if loopback::is_down() {
        return;
    }
    let calls = ["pidfd_open", "pidfd_send_signal", "waitid"];
    let filter = Filter::answering(&calls, Some(Errno::EPERM)).expect("a filter");
    let mut command = Command::new(BINARY);
    // SAFETY: between fork and exec `install` makes system calls alone.
    unsafe { command.pre_exec(move || Ok(filter.install()?)) };
    replace_the_dead(Server::spawn(command, &[]), Signal::SIGTERM);
}

fn replace_the_dead(mut server: Server, end: Signal) {
    let before = server.workers();
    assert_eq!(before.len(), 3);
    for &worker in &before {
        kill(worker, Signal::SIGKILL).expect("killed");
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        let now = server.workers();
        if now.len() == 3 && !before.iter().any(|worker| now.contains(worker)) {
            break;
        }
        assert!(Instant::now() < deadline, "{now:?}");
        std::thread::yield_now();
    }
    for _ in 0..20 {
        assert!(server.ask(b"GET / HTTP/1.0\r\n\r\n").contains("200 OK"));
    }
    let workers = server.workers();
    server.signal(end);
    assert_eq!(server.process.wait().expect("it ends").code(), Some(0));
    let alive = |pid: &Pid| observe::status::read(pid.as_raw()).is_ok();
    assert!(!workers.iter().any(alive), "{workers:?}");
    let report = server.report();
    assert!(report[4].contains(" 20 "), "{report:?}");
}

#[test]
fn a_killed_server_leaves_no_worker() {
    let mut server = Server::start(&[]);
    let workers = server.workers();
    server.process.kill().expect("killed");
    server.process.wait().expect("it ends");
    let deadline = Instant::now() + LIMIT;
    while workers
        .iter()
        .any(|pid| observe::status::read(pid.as_raw()).is_ok())
    {
        assert!(Instant::now() < deadline, "{workers:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_taken_port_and_a_long_backlog_are_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let refused = Command::new(BINARY)
        .args(["serve", "--listen", &address])
        .output()
        .expect("it runs");
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains(&address), "{error}");

    let mut process = Command::new(BINARY)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--backlog",
            "2000000000",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let errors = process.stderr.take().expect("a pipe");
    BufReader::new(errors).read_line(&mut line).expect("a line");
    process.kill().expect("killed");
    process.wait().expect("it ends");
    assert!(line.contains("somaxconn"), "{line}");
}

#[test]
fn a_stopped_worker_does_not_keep_the_server_from_its_end() {
    let mut server = Server::start(&["--echo"]);
    let stopped = server.workers()[1];
    kill(stopped, Signal::SIGSTOP).expect("stopped");
    server.signal(Signal::SIGTERM);
    let status = server.process.wait().expect("an end");
    assert_eq!(status.code(), Some(0), "{status}");
    let mut rest = String::new();
    server.lines.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("Jain's index"), "{rest}");
    assert!(kill(stopped, None).is_err(), "worker {stopped} is left");
}

/// Strategies by which a busy worker may hold connections that another could serve: in a queue of
/// its own, or by accepting while it is busy.
const HOLD: &[&str] = &["reuseport", "reuseport-steered", "io-uring-multishot"];

/// Whether this kernel refuses `strategy`.
fn is_refused(strategy: &Strategy) -> bool {
    (strategy.prepare)(&Site::loopback(1)).is_err()
}

/// Rounds of silent clients, all connected at once: two that come before the first worker runs are
/// one edge.
const ROUNDS: usize = 8;

#[test]
fn silent_clients_leave_the_last_worker_to_the_others() {
    if loopback::is_down() {
        return;
    }
    let strategies = strategies::ALL.iter();
    for strategy in strategies.filter(|strategy| !HOLD.contains(&strategy.name)) {
        let name = strategy.name;
        if name == "io-uring" && is_refused(strategy) {
            continue;
        }
        let server = Server::start(&["--http", "--strategy", name]);
        for round in 0..ROUNDS {
            let connect = |_| TcpStream::connect(&server.address).expect("a connection");
            let silent: Vec<TcpStream> = (0..2).map(connect).collect();
            for _ in 0..3 {
                let answer = server.ask(b"GET / HTTP/1.1\r\n\r\n");
                assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
            }
            // Not served because one of them was given up: all are still held.
            for mut client in silent {
                client.set_nonblocking(true).expect("nonblocking");
                let end = client.read(&mut [0]).map_err(|error| error.kind());
                assert_eq!(end, Err(ErrorKind::WouldBlock), "{name}, round {round}");
            }
        }
    }
}

#[test]
fn a_strategy_that_holds_connections_says_so() {
    inherited_signals::reset();
    for (name, cautioned) in [("io-uring-multishot", true), ("blocking", false)] {
        if strategies::by_name(name).map_or(true, is_refused) {
            continue;
        }
        let mut process = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--strategy", name])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        // The first line: the caution, or that the signal ends the server.
        let ended = Pid::from_raw(process.id() as i32);
        let mut line = String::new();
        let mut errors = BufReader::new(process.stderr.take().expect("a pipe"));
        if !cautioned {
            let deadline = Instant::now() + LIMIT;
            let children = format!("/proc/{ended}/task/{ended}/children");
            while std::fs::read_to_string(&children).is_ok_and(|pids| pids.is_empty()) {
                assert!(Instant::now() < deadline, "no worker is forked");
                std::thread::yield_now();
            }
            kill(ended, Signal::SIGTERM).expect("signalled");
        }
        errors.read_line(&mut line).expect("a line");
        process.kill().expect("killed");
        process.wait().expect("it ends");
        assert_eq!(line.contains("busy worker"), cautioned, "{name}: {line}");
    }
}
