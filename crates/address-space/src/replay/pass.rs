//! One pass over the trace: every run on every operation, the runs shared out among the processors.

use std::sync::{Mutex, PoisonError};

use nix::sys::signal::Signal;

use super::run::Run;
use super::source::{Cursor, Source};
use crate::interrupt::Interrupt;
use crate::trace::{Op, TraceError};

/// What a signal left of a pass: every run has seen the same operations, from the first on.
pub(super) struct Cut {
    /// The signal.
    pub signal: Signal,
    /// Operations that were carried out.
    pub operations: u64,
}

/// Takes every run through the trace, to its end or until a signal comes. While some threads work on a
/// chunk, this one reads the next.
pub(super) fn pass(
    source: &Source,
    runs: &mut [Run],
    interrupt: &Interrupt,
) -> Result<Option<Cut>, TraceError> {
    let mut cursor = source.cursor()?;
    let (mut chunk, mut next) = (Vec::new(), Vec::new());
    let mut operations = 0;
    cursor.fill(&mut chunk)?;
    while !chunk.is_empty() && runs.iter().any(|run| !run.stopped()) {
        work(&chunk, runs, &mut cursor, &mut next)?;
        operations += chunk.len() as u64;
        std::mem::swap(&mut chunk, &mut next);
        if !chunk.is_empty()
            && let Some(signal) = interrupt.take()
        {
            return Ok(Some(Cut { signal, operations }));
        }
    }
    Ok(None)
}

/// Takes every run through `chunk`, and the cursor through the one behind it.
fn work(
    chunk: &[Op],
    runs: &mut [Run],
    cursor: &mut Cursor<'_>,
    behind: &mut Vec<Op>,
) -> Result<(), TraceError> {
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(runs.len());
    let queue = Mutex::new(runs.iter_mut());
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(run) = take() {
                    for &op in chunk {
                        if run.stopped() {
                            break;
                        }
                        run.step(op);
                    }
                }
            });
        }
        cursor.fill(behind)
    })
}
