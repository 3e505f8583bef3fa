//! One pass over the trace: every run on every operation, the runs shared out among the processors.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;

use super::Error;
use super::run::PolicyRun;
use super::source::{CHUNK, Source};
use crate::trace::Op;

/// A pass that a signal ended: every run has carried out the same operations, from the first on.
pub(super) struct Interruption {
    /// The signal.
    pub signal: Signal,
    /// Operations that were carried out.
    pub operations: u64,
}

/// Operations of the first chunk, before it is known how long they take.
const FIRST_CHUNK: usize = 1 << 12;

/// How long a chunk should take: so short that a signal is soon answered, so long that the start of
/// the threads costs nothing beside it.
const CHUNK_TIME: Duration = Duration::from_millis(200);

/// Takes every run through the trace, to its end or until a signal comes. While threads work on a
/// chunk, this one reads the next. A signal is looked for after every chunk, the last one included.
pub(super) fn pass(
    source: &Source,
    runs: &mut [PolicyRun],
    interrupt: &Interrupt,
) -> Result<Option<Interruption>, Error> {
    let mut cursor = source.cursor()?;
    let (mut chunk, mut next) = (Vec::new(), Vec::new());
    let mut operations = 0;
    let mut most = FIRST_CHUNK;
    cursor.fill(&mut chunk, most)?;
    while !chunk.is_empty() && runs.iter().any(|run| !run.has_stopped()) {
        let begin = Instant::now();
        work(&chunk, runs, || cursor.fill(&mut next, most))?;
        most = match begin.elapsed() {
            short if short < CHUNK_TIME / 2 => (2 * most).min(CHUNK),
            long if long > 2 * CHUNK_TIME => (most / 2).max(1),
            _ => most,
        };
        operations += chunk.len() as u64;
        std::mem::swap(&mut chunk, &mut next);
        if let Some(signal) = interrupt.take() {
            return Ok(Some(Interruption { signal, operations }));
        }
    }
    Ok(None)
}

/// Takes every run through `chunk`, each on a thread of its own while there are processors, and
/// does `meanwhile` on this one.
fn work(
    chunk: &[Op],
    runs: &mut [PolicyRun],
    meanwhile: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let workers = observe::cpus::count().min(runs.len());
    let queue = Mutex::new(runs.iter_mut());
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(run) = take() {
                    for &op in chunk {
                        if run.has_stopped() {
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
