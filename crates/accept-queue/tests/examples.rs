//! The demonstration programs of this crate, put to the test against their claims.
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/demonstrations/mod.rs"]
mod demonstrations;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

/// Requests that the server is started for.
const REQUESTS: usize = 3;

demonstrations::test_demonstrations!(accept_queue::TOPIC, run);

/// Runs a program alone, except for the server: that one gets its clients.
fn run(name: &str, command: Command) -> Output {
    if name == "preforked_server" {
        serve(command)
    } else {
        demonstrations::run_alone(name, command)
    }
}

fn serve(mut command: Command) -> Output {
    command.args(["127.0.0.1:0", &REQUESTS.to_string()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().expect("the server starts");
    let mut lines = BufReader::new(server.stdout.take().expect("a pipe")).lines();
    let mut text = String::new();
    let address = loop {
        let Some(line) = lines.next() else {
            break String::new();
        };
        let line = line.expect("a line");
        text += &format!("{line}\n");
        if let Some(address) = line.strip_prefix("listening on http://") {
            break address.trim_end_matches('/').to_owned();
        }
    };
    if !address.is_empty() {
        (0..REQUESTS).for_each(|_| request(&address));
    }
    let mut output = server.wait_with_output().expect("the server ends");
    for line in lines {
        text += &format!("{}\n", line.expect("a line"));
    }
    if output.status.success() {
        let answered = text.matches("answered").count();
        assert_eq!(answered, REQUESTS, "{text}");
    }
    output.stdout = text.into_bytes();
    output
}

/// What curl sends, and what it must get.
fn request(address: &str) {
    let mut connection = TcpStream::connect(address).expect("a connection");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let length = format!("Content-Length: {}\r\n", body.len());
    assert!(head.contains(&length), "{answer}");
    assert!(body.starts_with("hello from process "), "{body}");
}
