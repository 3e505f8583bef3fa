//! The example from outside: it serves under several strategies and ends after the number of
//! connections that it was started for, having cut none of them.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The example's binary: `cargo test` builds it beside the folder of this test.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(2).expect("the target folder");
    target.join("examples/hello")
}

/// A running example; dropped, it is killed.
struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(strategy: &str, connections: &str) -> Self {
        let mut process = Command::new(example())
            .args([strategy, "127.0.0.1:0", connections])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let address = first.trim().strip_prefix("listening on http://");
        Server {
            address: address
                .expect("an address")
                .trim_end_matches('/')
                .to_owned(),
            process,
            lines,
        }
    }

    fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).expect("a connection");
        let limit = Some(Duration::from_secs(30));
        connection.set_read_timeout(limit).expect("a limit");
        connection
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_example_ends_after_its_connections_and_cuts_none() {
    for strategy in ["blocking", "epoll-exclusive", "reuseport", "mutex-futex"] {
        let mut server = Server::start(strategy, "3");
        // All are accepted before the first is answered, where several workers accept.
        let clients: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
        for mut client in clients {
            client
                .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .expect("sent");
            let mut answer = String::new();
            client.read_to_string(&mut answer).expect("an answer");
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n"),
                "{strategy}: {answer}"
            );
            assert!(
                answer.contains("hello from worker "),
                "{strategy}: {answer}"
            );
            assert!(answer.contains(&format!("strategy {strategy}")), "{answer}");
        }
        assert!(
            server.process.wait().expect("it ends").success(),
            "{strategy}"
        );
        let mut rest = String::new();
        server.lines.read_to_string(&mut rest).expect("the rest");
        let sum = rest
            .lines()
            .find(|line| line.contains("all"))
            .expect("a sum");
        assert!(sum.contains(" 3 "), "{strategy}: {rest}");
    }
}

#[test]
fn an_unknown_strategy_is_an_error_with_the_names() {
    let output = Command::new(example())
        .arg("epol")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        text.contains("no strategy `epol`") && text.contains("epoll-level"),
        "{text}"
    );
}
