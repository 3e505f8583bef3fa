//! One pass over the trace: every run on every operation, the runs shared out among the processors.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;

use super::run::Run;
use super::source::{CHUNK, Source};
use crate::trace::{Op, TraceError};

/// What a signal left of a pass: every run has seen the same operations, from the first on.
pub(super) struct Cut {
    /// The signal.
    pub signal: Signal,
    /// Operations that were carried out.
    pub operations: u64,
}

/// Operations of the first chunk, before it is known how long they take.
const FIRST: usize = 1 << 12;

/// What a chunk should take: nobody who asks for an end waits long, and the start of the threads does not
/// count beside it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Takes every run through the trace, to its end or until a signal comes. While some threads work on a
/// chunk, this one reads the next. A signal is looked for behind every chunk, so that a pass that came to
/// its end can be cut, too: at the last operation.
pub(super) fn pass(
    source: &Source,
    runs: &mut [Run],
    interrupt: &Interrupt,
) -> Result<Option<Cut>, TraceError> {
    let mut cursor = source.cursor()?;
    let (mut chunk, mut next) = (Vec::new(), Vec::new());
    let mut operations = 0;
    let mut most = FIRST;
    cursor.fill(&mut chunk, most)?;
    while !chunk.is_empty() && runs.iter().any(|run| !run.stopped()) {
        let begin = Instant::now();
        work(&chunk, runs, || cursor.fill(&mut next, most))?;
        most = match begin.elapsed() {
            short if short < PATIENCE / 2 => (2 * most).min(CHUNK),
            long if long > 2 * PATIENCE => (most / 2).max(1),
            _ => most,
        };
        operations += chunk.len() as u64;
        std::mem::swap(&mut chunk, &mut next);
        if let Some(signal) = interrupt.take() {
            return Ok(Some(Cut { signal, operations }));
        }
    }
    Ok(None)
}

/// Takes every run through `chunk`, and does `meanwhile`.
fn work(
    chunk: &[Op],
    runs: &mut [Run],
    meanwhile: impl FnOnce() -> Result<(), TraceError>,
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
        meanwhile()
    })
}
