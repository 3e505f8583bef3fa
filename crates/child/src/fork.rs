//! fork, and what runs on its other side.
#![expect(unsafe_code, reason = "fork, clone with CLONE_FILES, _exit")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid, getpid};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Failure, errno};
use crate::link::{Link, Tag, encode};
use crate::{BoxError, Child, Error, ErrorKind, Parent};

/// What becomes of the descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// The child gets a copy of the table, as fork(2) gives it.
    Copied,
    /// Parent and child use one table: clone(2) with `CLONE_FILES`.
    Shared,
}

/// Forks a child called `name` that runs `body` and answers with its value.
///
/// # Errors
/// More than one thread runs here; a full process or descriptor table (EAGAIN, EMFILE, ENOMEM).
pub fn fork<R, F>(name: &str, body: F) -> Result<Child<R>, Error>
where
    R: Serialize + DeserializeOwned,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    fork_with(Descriptors::Copied, name, body)
}

/// Forks as [`fork`] does, with a say in what becomes of the descriptor table.
///
/// # Errors
/// Those of [`fork`].
pub fn fork_with<R, F>(descriptors: Descriptors, name: &str, body: F) -> Result<Child<R>, Error>
where
    R: Serialize + DeserializeOwned,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    let error = |kind| Error {
        child: name.to_owned(),
        kind,
    };
    let system = |call| move |errno| error(ErrorKind::System(call, errno));
    let threads = threads().map_err(system("read /proc/self/task"))?;
    if threads != 1 {
        return Err(error(ErrorKind::Threads(threads)));
    }
    let (ours, theirs) = Link::pair().map_err(system("socketpair"))?;
    let parent = getpid();
    match split(descriptors).map_err(system("fork"))? {
        None => {
            match descriptors {
                Descriptors::Copied => drop(ours),
                // One table: closing our copy here would close the parent's.
                Descriptors::Shared => std::mem::forget(ours),
            }
            serve(
                Parent {
                    link: theirs,
                    pid: parent,
                },
                body,
            )
        }
        Some(pid) => {
            let shared = (descriptors == Descriptors::Shared).then_some(theirs);
            Child::hold(name, pid, ours, shared)
        }
    }
}

/// fork(2), or clone(2) with a shared table: the child's pid in the parent, none in the child.
fn split(descriptors: Descriptors) -> Result<Option<Pid>, Errno> {
    match descriptors {
        // SAFETY: this process has one thread, so no lock of the allocator or of std is held by a
        // thread that the child lacks: the child may run any code.
        Descriptors::Copied => match unsafe { nix::unistd::fork() }? {
            ForkResult::Parent { child } => Ok(Some(child)),
            ForkResult::Child => Ok(None),
        },
        Descriptors::Shared => {
            let flags = libc::CLONE_FILES | libc::SIGCHLD;
            // SAFETY: without CLONE_VM and with a null stack this is fork(2) but for the table: the
            // child goes on here on its own copy of the stack. glibc's cached thread id goes stale
            // in the child, which matters only to its pthread functions; a child made here uses none
            // and leaves by _exit. One thread, as above.
            let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
            match Errno::result(pid)? {
                0 => Ok(None),
                pid => Ok(Some(Pid::from_raw(pid as libc::pid_t))),
            }
        }
    }
}

/// The child's whole life: bound to its parent, one closure, one answer, no return.
fn serve<R, F>(mut parent: Parent, body: F) -> !
where
    R: Serialize,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    let orphan = parent.bind().is_err();
    if !orphan {
        std::panic::set_hook(Box::new(|_| {}));
        let (tag, message) = match catch_unwind(AssertUnwindSafe(|| body(&mut parent))) {
            Ok(Ok(answer)) => match encode(&answer) {
                Ok(answer) => (Tag::Answer, answer),
                Err(_) => (Tag::Panicked, b"its answer is not representable".to_vec()),
            },
            Ok(Err(error)) => (Tag::Failed, encode(&Failure::of(error)).unwrap_or_default()),
            Err(panic) => (Tag::Panicked, message(panic.as_ref()).into_bytes()),
        };
        // A parent that is gone cannot be told.
        let _ = parent.link.send(tag, &message, None);
    }
    // SAFETY: _exit ends this process without running the parent's copied atexit handlers or
    // flushing its copied stdio buffers a second time.
    unsafe { libc::_exit(i32::from(orphan)) }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// How many threads run here, from proc(5).
fn threads() -> Result<usize, Errno> {
    let tasks = std::fs::read_dir("/proc/self/task");
    Ok(tasks.map_err(|e| errno(&e))?.count())
}
