//! The outputs that the documents show are what the tools print, figures masked.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/outputs/mod.rs"]
mod outputs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use outputs::{assert_alike, printed, shown};

const PROGRAM: &str = env!("CARGO_BIN_EXE_accept-queue");

/// The text without the paragraph that tells what counted, which strategy was the best and what
/// could not be measured: that depends on the machine and on chance.
fn without_evidence(text: &str) -> String {
    let mut is_evidence = false;
    let mut kept = String::new();
    for line in text.lines() {
        is_evidence = line.starts_with("evidence:") || is_evidence && !line.is_empty();
        if !is_evidence {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// A few connections to a few workers have the lines of many.
#[test]
fn the_meter_prints_what_the_documents_show() {
    let whole = shown(
        "docs/examples/accept-queue-herd.txt",
        "accept-queue herd --workers 8,32,100 --connections 1000 --details",
        "What we are seeing",
    );
    let few = ["--workers", "2,3", "--connections", "2"];
    let all = printed(PROGRAM, &[&["herd", "--details"], &few[..]].concat());
    assert_alike(&without_evidence(&whole), &without_evidence(&all), |_| {
        false
    });
    let names = "blocking,epoll-exclusive,epoll-level,mutex-futex";
    let command = format!("accept-queue herd --strategy {names} --workers 32 \\");
    let of_four = shown("crates/accept-queue/README.md", &command, "```");
    let (_, of_four) = of_four.split_once('\n').unwrap_or_default();
    let four = printed(
        PROGRAM,
        &[&["herd", "--strategy", names], &few[..]].concat(),
    );
    assert_alike(&without_evidence(of_four), &without_evidence(&four), |_| {
        false
    });
}

/// The server of the example: it answers, a worker is killed, and it reports.
#[test]
fn the_server_prints_what_the_documents_show() {
    let document = "docs/examples/accept-queue-serve.txt";
    let section = |command: &str| shown(document, command, "$ ");
    let script = "exec \"$0\" serve --listen 127.0.0.1:0 --workers 3 2>&1";
    let mut shell = Command::new("sh");
    let mut server = Server(
        shell
            .args(["-c", script, PROGRAM])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts"),
    );
    let mut lines = BufReader::new(server.0.stdout.take().expect("a pipe")).lines();
    let mut read = |count: usize| -> String {
        let lines = lines.by_ref().take(count);
        lines.map(|line| line.expect("a line") + "\n").collect()
    };
    let start = read(2);
    let begin = "accept-queue serve --listen 127.0.0.1:8099 --workers 3";
    assert_alike(&section(begin), &start, |_| false);

    let address = start
        .split(' ')
        .nth(2)
        .expect("an address")
        .trim_end_matches(':');
    let answers: String = (0..4).map(|_| ask(address)).collect();
    let clients = "for i in 1 2 3 4; do curl -s http://127.0.0.1:8099/; done";
    assert_alike(&section(clients), &answers, |_| false);

    let (_, pid) = answers.split_once("(pid ").expect("a worker");
    let pid = pid.split(')').next().and_then(|pid| pid.parse().ok());
    kill(Pid::from_raw(pid.expect("its pid")), Signal::SIGKILL).expect("it lives");
    let mut report = read(1);
    kill(Pid::from_raw(server.0.id() as i32), Signal::SIGUSR1).expect("it lives");
    report += &read(5);
    let end = "kill -9 26829; kill -USR1 26827      # a worker dies; who accepted?";
    assert_alike(&shown(document, end, "What we are seeing"), &report, |_| {
        false
    });
}

/// A server that ends with this test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Where the test has failed, the server may have ended already.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// What curl asks, and the body of what it gets.
fn ask(address: &str) -> String {
    let mut connection = TcpStream::connect(address).expect("a connection");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}
