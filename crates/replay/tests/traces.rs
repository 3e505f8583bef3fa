//! Traces read through the library: what they add up to, and what an error says.

use replay::trace::generate::{Load, generate};
use replay::trace::{Fault, Op, Reader, Summary, TraceError};

/// Reads a trace to its end: its operations and its sums, or the first fault.
fn read(text: &str) -> Result<(Vec<Op>, Summary), TraceError> {
    let mut reader = Reader::new(text.as_bytes(), None);
    let mut operations = Vec::new();
    while let Some(op) = reader.next_op()? {
        operations.push(op);
    }
    Ok((operations, reader.summary().clone()))
}

#[test]
fn a_trace_adds_up_while_it_is_read_as_its_operations_do() {
    for load in [Load::Segments, Load::Pareto, Load::Phases] {
        let (operations, sums) = generate(load, 3000, 7);
        let text: String = operations.iter().map(|op| format!("{op}\n")).collect();
        let (again, sums_read) = read(&text).unwrap();
        assert_eq!(sums_read, Summary::from_operations(&again), "{load:?}");
        let peaks = |sums: &Summary| (sums.peak_blocks, sums.peak_bytes, sums.total_bytes);
        assert_eq!(peaks(&sums_read), peaks(&sums), "{load:?}");
    }
}

#[test]
fn a_resize_counts_once_and_moves_no_slot() {
    let (operations, sums) = read("a 7 100\nr 7 30\na 8 50\nf 7\na 9 1\n").unwrap();
    let slots: Vec<u32> = operations.iter().map(|op| op.slot()).collect();
    assert_eq!(
        slots,
        [0, 0, 1, 0, 0],
        "the slot of a freed block is used again"
    );
    assert_eq!((sums.live_blocks, sums.live_bytes), (2, 51));
    assert_eq!((sums.peak_blocks, sums.peak_bytes), (2, 100));
    assert_eq!((sums.total_bytes, sums.slots), (181, 2));
}

#[test]
fn a_fault_has_a_line_and_a_kind() {
    let fault = |text: &str| read(text).unwrap_err();
    let not_live = fault("a 0 1\nf 9\n");
    assert!(matches!(not_live.fault, Fault::NotLive(9)), "{not_live}");
    assert_eq!(not_live.line, 2);
    let binary = fault("a 0 1\n\0\n");
    assert!(matches!(binary.fault, Fault::NulBytes), "{binary}");
    let large = fault("a 0 999999999999999999\n");
    assert!(matches!(large.fault, Fault::LargeRequest(_)), "{large}");
    let empty = fault("");
    assert!(matches!(empty.fault, Fault::Empty), "{empty}");
    assert_eq!(empty.line, 0, "the whole trace");
}
