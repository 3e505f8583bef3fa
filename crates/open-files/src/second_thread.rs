//! What a second thread does to what the first one has: in a child, since the process of a claim
//! forks and so must have one thread.

use anyhow::{Result, anyhow};
use observe::{Error, Operation};
use serde::{Serialize, de::DeserializeOwned};

/// Forks a child, runs `prepare` in its first thread and `act` in its second, and returns the
/// second thread's result.
pub fn run<P, R>(
    prepare: impl FnOnce() -> Result<P>,
    act: impl FnOnce(&P) -> Result<R> + Send,
) -> Result<R>
where
    P: Sync,
    R: Serialize + DeserializeOwned + Send,
{
    let child = child::fork("two threads", |_| {
        let prepared = prepare()?;
        let result = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .spawn_scoped(scope, || act(&prepared))
                .map_err(|e| Error::from_io("spawn a thread", &e).of(Operation::Thread))?;
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("the second thread panicked")))
        });
        Ok(result?)
    })?;
    Ok(child.join()?)
}
