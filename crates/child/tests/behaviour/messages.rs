//! What a child and its parent say to each other.

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use child::{Child, ErrorKind};
use nix::errno::Errno;
use nix::poll::PollTimeout;
use operation::{NotMeasured, Operation};

use crate::process::{check_text, ensure, error_of, is_readable, process_state, wait_until};
use crate::{Case, Outcome};

pub const CASES: &[Case] = &[
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
        "an error comes with its operation, through two processes",
        operation_of_failure,
    ),
    (
        "what could not be measured stays so, through two processes",
        obstacle_of_failure,
    ),
    (
        "a panic becomes an error and is silent on stderr",
        panic_in_child,
    ),
];

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
    wait_until(|| Ok(process_state(held.pid())? == 'S'))?;
    ensure(!is_readable(reader.as_fd(), PollTimeout::ZERO)?, || {
        "it went on before it was released".into()
    })?;
    held.release()?;
    held.join()?;
    ensure(is_readable(reader.as_fd(), PollTimeout::ZERO)?, || {
        "it did not go on".into()
    })
}

fn failure() -> Outcome {
    let reader = child::fork("reader of nothing", |_| {
        Ok(std::fs::read_to_string("/nonexistent/file")?)
    })?;
    let error = error_of(reader.join())?;
    check_text(&error, &["reader of nothing (pid ", "No such file"])?;
    let errno = error.source().and_then(|e| e.downcast_ref::<Errno>());
    ensure(errno == Some(&Errno::ENOENT), || format!("{errno:?}"))
}

fn operation_of_failure() -> Outcome {
    let refused = || operation::Error::new("kcmp", Errno::EPERM).with_kind(Operation::Kcmp);
    let inner = child::fork("outer", |_| {
        let inner: Child<()> = child::fork("inner", |_| Err(refused().into()))?;
        Ok(inner.join()?)
    })?;
    let error = error_of(inner.join())?;
    let operation = child::find_operation(&error);
    ensure(operation == Operation::Kcmp, || format!("{operation:?}"))
}

fn obstacle_of_failure() -> Outcome {
    let outer = child::fork("outer", |_| {
        let inner: Child<()> = child::fork("inner", |_| {
            Err(NotMeasured::new("the queue is too short", "lengthen it").into())
        })?;
        Ok(inner.join()?)
    })?;
    let error = error_of(outer.join())?;
    let found = operation::find_obstacle(&error).map(|it| (it.why.as_str(), it.enable.as_str()));
    ensure(
        found == Some(("the queue is too short", "lengthen it")),
        || format!("{found:?}"),
    )
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
    check_text(&error, &["panicking (pid ", "panicked", "at the disco"])?;
    ensure(matches!(error.kind, ErrorKind::Panicked(_)), || {
        format!("{:?}", error.kind)
    })?;
    let mut said = String::new();
    reader.read_to_string(&mut said)?;
    ensure(said.is_empty(), || said)
}
