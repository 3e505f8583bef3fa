//! What is true of messages and of the load, whatever a child or /proc says: a law a parser.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.
#![expect(clippy::expect_used, reason = "a law that is broken panics")]

use std::time::Duration;

use nix::unistd::write;
use serde_json::Value;

use crate::clock::{Deadline, parse_load, stretch};
use crate::link::{Link, Tag, decode, encode};

/// Bytes that a socket takes before its other end reads.
const MOST: usize = 32 << 10;

/// The messages between a parent and a child: [`Link`].
pub fn messages(data: &[u8]) {
    let data = &data[..data.len().min(MOST)];
    let limit = || Some(Deadline::after(Duration::from_secs(60)));
    // Bytes of a child that does not keep to the form, and then ends.
    let (child, parent) = Link::pair().expect("two descriptors");
    write(&child, data).expect("a socket with room");
    drop(child);
    let mut rest = data;
    while let Ok((tag, body)) = parent.recv(None, limit()) {
        let whole = rest.strip_prefix(&[tag as u8]).expect("the tag that came");
        let (length, whole) = whole.split_first_chunk().expect("a length");
        assert_eq!(body.len(), u32::from_le_bytes(*length) as usize);
        rest = whole.strip_prefix(&body[..]).expect("the bytes that came");
        if let Ok(value) = decode::<Value>(&body) {
            let again = encode(&value).expect("what was read can be written");
            assert_eq!(decode::<Value>(&again).ok(), Some(value));
        }
    }
    // What is sent is received.
    let (child, parent) = Link::pair().expect("two descriptors");
    for (tag, body) in [
        (Tag::Value, data),
        (Tag::Checkpoint, b""),
        (Tag::Answer, b"7"),
    ] {
        child
            .send(tag, body, None, limit())
            .expect("a socket with room");
        let received = parent.recv(None, limit()).expect("what was sent");
        assert_eq!(received, (tag, body.to_vec()));
    }
}

/// /proc/loadavg.
pub fn load(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(parse_load(&text).is_none_or(f64::is_finite));
    let digits = data.iter().take(3);
    let runnable = digits.fold(0, |number: u32, &byte| number << 8 | u32::from(byte));
    let line = format!("0.20 0.18 0.12 {runnable}/16777216 11206\n");
    assert_eq!(parse_load(&line), Some(f64::from(runnable).min(0.2)));
    let limit = Duration::from_secs(1);
    assert!((limit..=10 * limit).contains(&stretch(limit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    samples::test_laws! { load messages }

    /// The most memory that this process had addresses for, in KiB.
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }

    #[test]
    fn a_length_without_a_message_takes_no_memory() {
        let before = peak();
        let (child, parent) = Link::pair().unwrap();
        write(&child, b"a\xff\xff\xff\xff").unwrap();
        drop(child);
        assert!(parent.recv(None, None).is_err());
        assert!(peak() - before < 2 << 20, "less than 2 GiB of 4");
    }
}
