//! What is true of the reader of traces, whatever bytes it is given.
//!
//! Tests try the law a fixed number of times; `fuzz/` hands it to libFuzzer. In other builds this
//! module does not exist.
#![expect(clippy::expect_used, reason = "a law that is broken panics")]

use std::collections::HashMap;
use std::fmt::Write;
use std::io::Read;

use super::{Fault, Format, LARGEST_REQUEST, Op, Reader, Summary, TraceError, plain};

/// What a reader gave until its end or until a fault.
#[derive(Debug, PartialEq)]
struct Outcome {
    ops: Vec<Op>,
    summary: Summary,
    fault: Option<(u64, String)>,
}

/// The reader of all three forms of a trace.
pub fn trace(data: &[u8]) {
    for format in [
        None,
        Some(Format::Valgrind),
        Some(Format::Rep),
        Some(Format::Plain),
    ] {
        let whole = read(data, format, data);
        let pieces = Pieces {
            rest: data,
            length: data.len() % 97 + 1,
        };
        assert_eq!(read(pieces, format, data), whole, "however the bytes come");
    }
    for line in data.split(|&byte| byte == b'\n') {
        if let Some(event) = plain::parse_usual(line) {
            let text = std::str::from_utf8(line).expect("digits and blanks");
            assert_eq!(plain::parse(text), Ok(event), "{text}");
        }
    }
    let [plain, rep, valgrind] = print_forms(data);
    let expected = read(plain.as_bytes(), None, plain.as_bytes());
    if plain.is_empty() {
        return;
    }
    assert_eq!(expected.fault, None, "{plain}");
    let printed: String = expected.ops.iter().map(|op| format!("{op}\n")).collect();
    for text in [printed, rep, valgrind] {
        let outcome = read(text.as_bytes(), None, text.as_bytes());
        assert_eq!(outcome, expected, "{text}");
    }
}

/// Reads `input`, whose bytes are `data`, to its end, and checks what comes.
fn read(input: impl Read, format: Option<Format>, data: &[u8]) -> Outcome {
    let mut reader = Reader::new(input, format);
    let mut ops = Vec::new();
    let fault = loop {
        match reader.next_op() {
            Ok(Some(op)) => ops.push(op),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    check_operations(&ops);
    let lines = data.iter().filter(|&&byte| byte == b'\n').count();
    assert!(ops.len() <= lines, "an operation is a line with its end");
    let summary = reader.summary().clone();
    match &fault {
        Some(error) => check_fault(error, lines as u64 + 1),
        None => {
            let counted = Summary::from_operations(&ops);
            let texts = summary.clone();
            let expected = Summary {
                partial: texts.partial,
                complaint: texts.complaint,
                notes: texts.notes,
                ..counted
            };
            assert_eq!(summary, expected);
        }
    }
    Outcome {
        ops,
        summary,
        fault: fault.map(|error| (error.line, error.to_string())),
    }
}

/// Each operation is possible after those before it.
fn check_operations(ops: &[Op]) {
    let mut live = HashMap::new();
    for op in ops {
        if let Some(size) = op.size() {
            assert!((1..=LARGEST_REQUEST).contains(&size), "{op:?}");
        }
        match *op {
            Op::Place { slot, size } => assert_eq!(live.insert(slot, size), None, "{op:?}"),
            Op::Resize { slot, size } => assert!(live.insert(slot, size).is_some(), "{op:?}"),
            Op::Free { slot } => assert!(live.remove(&slot).is_some(), "{op:?}"),
        }
    }
}

fn check_fault(error: &TraceError, lines: u64) {
    assert!(error.line <= lines, "{error}");
    // A complaint of valgrind's is kept as it is, and escaped where it is drawn.
    if !matches!(error.fault, Fault::NoAllocation { .. }) {
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.chars().count() < 1000, "{text}");
    }
}

/// Bytes that come `length` at a time.
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

/// One trace that `data` draws, in every form.
fn print_forms(data: &[u8]) -> [String; 3] {
    let [mut plain, mut valgrind] = [String::new(), String::new()];
    let mut live: Vec<u64> = Vec::new();
    let mut placed = 0;
    for bytes in data.chunks_exact(5) {
        let [kind, which, size @ ..] = bytes else {
            continue;
        };
        let size = size
            .iter()
            .fold(0, |size: u64, &byte| size << 8 | u64::from(byte));
        let at = usize::from(*which) % live.len().max(1);
        match (kind % 4, live.get(at).copied()) {
            (2, Some(id)) => {
                live.swap_remove(at);
                let _ = writeln!(plain, "f {id}");
                let _ = writeln!(valgrind, "--77-- free({:#X})", address(id));
            }
            (3, Some(id)) => {
                // valgrind prints a realloc to nothing as a free.
                let (size, address) = (size.max(1), address(id));
                let _ = writeln!(plain, "r {id} {size}");
                let _ = writeln!(
                    valgrind,
                    "--77-- realloc({address:#X},{size}) = {address:#X}"
                );
            }
            _ => {
                live.push(placed);
                let _ = writeln!(plain, "a {placed} {size}");
                let _ = writeln!(valgrind, "--77-- malloc({size}) = {:#X}", address(placed));
                placed += 1;
            }
        }
    }
    let operations = plain.lines().count();
    let rep = format!("20000\n{placed}\n{operations}\n1\n{plain}");
    [plain, rep, valgrind]
}

fn address(id: u64) -> u64 {
    0x4A8_B040 + id * 16
}

#[cfg(test)]
mod tests {
    samples::test_laws! { trace }
}
