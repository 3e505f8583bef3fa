//! What is true of an answer to a client, whatever it sends.
//!
//! Tests try the law a fixed number of times; `fuzz/` hands it to libFuzzer. In other builds this
//! module does not exist.
#![expect(clippy::expect_used, reason = "a law that is broken panics")]

use std::io::Read;

use super::protocol::{MAX_HEAD, read_head, response};

/// The reader of HTTP requests, and the response.
pub fn http_request(data: &[u8]) {
    let whole = read_head(&mut &data[..]);
    let whole = whole.expect("memory can be read");
    let mut pieces = Pieces {
        rest: data,
        length: data.len() % 60 + 1,
    };
    let head = read_head(&mut pieces).expect("memory can be read");
    for head in [&whole, &head] {
        assert!(data.starts_with(head) && head.len() < MAX_HEAD + 1024);
        let ended = head.windows(4).any(|end| end == b"\r\n\r\n");
        assert!(ended || head.len() >= MAX_HEAD || head.len() == data.len());
    }
    let method = data.split(|&byte| byte == b' ').next().unwrap_or_default();
    let status = check_response(&response(&head, "worker 7"), method == b"HEAD");
    let answered = |method: &str, version: &str| {
        let request = format!("{method} /{} {version}\r\n", data.len());
        check_response(&response(request.as_bytes(), "worker 7"), method == "HEAD")
    };
    assert_eq!(answered("GET", "HTTP/1.1"), 200);
    assert_eq!(answered("HEAD", "HTTP/1.0"), 200);
    assert_eq!(answered("BREW", "HTTP/1.1"), 405);
    assert_eq!(answered("GET", "HTTP/2"), 400);
    if status == 200 {
        assert!([b"GET".as_slice(), b"HEAD"].contains(&method));
    }
}

/// The status of a response, which must be one (RFC 9112): the head as long as it says, and nothing
/// of the request in it.
fn check_response(response: &str, head_only: bool) -> u16 {
    let (head, body) = response.split_once("\r\n\r\n").expect("the head ends");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let (status, reason) = status
        .and_then(|line| line.split_once(' '))
        .expect("a status line");
    assert!(["OK", "Bad Request", "Method Not Allowed"].contains(&reason));
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a field");
        assert!(!value.contains(char::is_control), "{line:?}");
        if name == "Content-Length" {
            length = value.parse().ok();
        }
    }
    assert!(
        [
            "worker 7\n",
            "not an HTTP/1 request\n",
            "GET and HEAD only\n",
            ""
        ]
        .contains(&body)
    );
    let length: usize = length.expect("Content-Length");
    assert_eq!(body.len(), if head_only { 0 } else { length });
    status.parse().expect("a number")
}

/// Bytes that come `length` at a time, as a slow client sends them.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.length.min(buffer.len());
        self.rest.read(&mut buffer[..length])
    }
}

#[cfg(test)]
mod tests {
    samples::test_laws! { http_request }
}
