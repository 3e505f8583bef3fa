//! Proof that a process has one thread.

use std::marker::PhantomData;

use crate::ErrorKind;
use crate::error::errno;

/// What a process with one thread may rely on, for unsafe code that must have no company.
///
/// A value says that [`SingleThreaded::check`] found one thread: the calling one, which the value
/// cannot leave. That stays true until this thread itself starts another, since no other thread
/// exists that could. So code that relies on it **makes the value itself** and, as long as it
/// relies on it, calls nothing that it does not know. A value that came from a caller says only
/// what was true once.
#[derive(Debug)]
pub struct SingleThreaded {
    /// Neither `Send` nor `Sync`.
    _thread: PhantomData<*const ()>,
}

impl SingleThreaded {
    /// Counts the threads of this process in proc(5) `/proc/self/task`.
    ///
    /// # Errors
    /// [`ErrorKind::Threads`] where there are more, one that is about to end among them;
    /// [`ErrorKind::System`] where /proc cannot be read.
    pub fn check() -> Result<SingleThreaded, ErrorKind> {
        let unreadable = |error| ErrorKind::System("read /proc/self/task", errno(&error));
        let tasks = std::fs::read_dir("/proc/self/task").map_err(unreadable)?;
        match tasks.count() {
            1 => Ok(SingleThreaded {
                _thread: PhantomData,
            }),
            threads => Err(ErrorKind::Threads(threads)),
        }
    }
}
