//! What a second thread does to what the first one has: in a child, since the process of a claim
//! forks and so must have one thread.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use nix::unistd::gettid;
use observe::{Error, Operation};
use serde::{Serialize, de::DeserializeOwned};

/// The names of the child and of its second thread, as ps(1) shows them.
pub const PROCESS: &str = "first thread";
pub const SECOND: &str = "second thread";

/// Whether the calling thread is the second of the process `pid`: it is listed there, and it is not
/// the first.
pub fn is_second_of(pid: i32) -> bool {
    let thread = gettid().as_raw();
    thread != pid && Path::new(&format!("/proc/{pid}/task/{thread}")).exists()
}

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
    let child = child::fork(PROCESS, |_| {
        let prepared = prepare()?;
        let result = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name(SECOND.to_owned())
                .spawn_scoped(scope, || act(&prepared))
                .map_err(|e| Error::from_io("spawn a thread", &e).with_kind(Operation::Thread))?;
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("the second thread panicked")))
        });
        // With a context the kind of the operation stays visible behind the boxed error.
        Ok(result.context("the second thread")?)
    })?;
    Ok(child.join()?)
}
