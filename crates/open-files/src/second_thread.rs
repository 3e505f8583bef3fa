//! Something done by a second thread, in a child, since a process that forks may have one thread.

use anyhow::{Context, Result, anyhow};
use serde::{Serialize, de::DeserializeOwned};

/// Forks a child, runs `prepare` in its first thread and `act` in its second, and returns what that
/// one came to.
pub fn act<P, R>(
    prepare: impl FnOnce() -> Result<P>,
    act: impl FnOnce(&P) -> Result<R> + Send,
) -> Result<R>
where
    P: Sync,
    R: Serialize + DeserializeOwned + Send,
{
    let threaded = child::fork("threaded", |_| {
        let prepared = prepare()?;
        let result = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .spawn_scoped(scope, || act(&prepared))
                .context("spawn a thread")?;
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("the thread panicked")))
        });
        Ok(result?)
    })?;
    Ok(threaded.join()?)
}
