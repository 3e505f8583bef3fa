//! fork, and what runs on its other side.
#![expect(unsafe_code, reason = "fork, clone with CLONE_FILES, _exit")]

use std::any::Any;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{ForkResult, Pid, getpid};
use operation::Operation;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{FORK, Failure};
use crate::link::{Link, Silence, Tag, encode};
use crate::signals::keep_children_for_wait;
use crate::{BoxError, Child, Error, ErrorKind, Parent, SingleThreaded};

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
    // SAFETY: the C library makes this child, and nothing that it knows of it is wrong.
    unsafe { start(Descriptors::Copied, name, body) }
}

/// Forks as [`fork`] does, with a say in what becomes of the descriptor table.
///
/// A child with a shared table runs `body` in a second thread, while its first one waits: no
/// function of the C library makes such a child, so it does not know the first thread's number in
/// it. The second one it has started itself. Such a child cannot fork again.
///
/// # Errors
/// Those of [`fork`].
pub fn fork_with<R, F>(descriptors: Descriptors, name: &str, body: F) -> Result<Child<R>, Error>
where
    R: Serialize + DeserializeOwned + Send,
    F: FnOnce(&mut Parent) -> Result<R, BoxError> + Send,
{
    match descriptors {
        Descriptors::Copied => fork(name, body),
        // SAFETY: the first thread starts the second, waits for it, and sends the answer. That
        // locks no mutex of the program that records its owner. The dynamic linker has one, in this
        // process alone; both threads may take it under different numbers, since the parent, whose
        // number the first one uses, lives as long as the child.
        Descriptors::Shared => unsafe {
            fork_by_clone(name, |parent| run_in_second_thread(parent, body))
        },
    }
}

/// Forks a child with a shared descriptor table by a clone(2) that the C library hears nothing of:
/// no handler of pthread_atfork(3) runs, and what the library keeps about the calling thread is
/// still what was true of the parent.
///
/// # Safety
/// Until the child ends or calls exec, `body` may not use in its first thread a pthread mutex that
/// records its owner: a robust one, a recursive one, one that checks errors or inherits priorities.
/// It would bear the parent's number. The list of the robust mutexes that the thread holds is the
/// parent's, too; a new one would be linked to what lies in the parent's memory.
///
/// # Errors
/// Those of [`fork`].
pub unsafe fn fork_by_clone<R, F>(name: &str, body: F) -> Result<Child<R>, Error>
where
    R: Serialize + DeserializeOwned,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    // SAFETY: as the caller promises.
    unsafe { start(Descriptors::Shared, name, body) }
}

/// Forks, and runs `body` in the child.
///
/// # Safety
/// That of [`fork_by_clone`] where the descriptors are shared.
unsafe fn start<R, F>(descriptors: Descriptors, name: &str, body: F) -> Result<Child<R>, Error>
where
    R: Serialize + DeserializeOwned,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    let error = |kind| Error {
        child: name.to_owned(),
        kind,
    };
    let system = |call| move |errno| error(ErrorKind::System(call, errno));
    let single = SingleThreaded::check().map_err(error)?;
    keep_children_for_wait();
    let (ours, theirs) = Link::pair().map_err(system("socketpair"))?;
    let pid = getpid();
    match split(&single, descriptors).map_err(system(FORK))? {
        None if getpid() == pid => {
            let what = "fork(2) answered as it does in a child, and made none";
            Err(error(ErrorKind::Unexpected(what.to_owned())))
        }
        None => {
            match descriptors {
                Descriptors::Copied => drop(ours),
                // One table: closing our copy here would close the parent's.
                Descriptors::Shared => std::mem::forget(ours),
            }
            serve(name, Parent { link: theirs, pid }, body)
        }
        Some(pid) => {
            let shared = (descriptors == Descriptors::Shared).then_some(theirs);
            Child::hold(name, pid, ours, shared)
        }
    }
}

/// fork(2), or clone(2) with a shared table: the child's pid in the parent, none in the child.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that forks"
)]
fn split(_: &SingleThreaded, descriptors: Descriptors) -> Result<Option<Pid>, Errno> {
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
            // child goes on here on its own copy of the stack. What the C library does not know of
            // it is the business of `start`'s caller. One thread, as above.
            let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
            match Errno::result(pid)? {
                0 => Ok(None),
                pid => Ok(Some(Pid::from_raw(pid as libc::pid_t))),
            }
        }
    }
}

/// Runs `body` in a new thread and returns its result; a panic goes on in this one.
fn run_in_second_thread<R, F>(parent: &mut Parent, body: F) -> Result<R, BoxError>
where
    R: Send,
    F: FnOnce(&mut Parent) -> Result<R, BoxError> + Send,
{
    thread::scope(|scope| {
        let second = thread::Builder::new().spawn_scoped(scope, || {
            // The bond to the parent's life is the thread's, and exec keeps that of its caller.
            parent.bind()?;
            body(parent)
        });
        let refused =
            |e| operation::Error::from_io("spawn a thread", &e).with_kind(Operation::Thread);
        let second = second.map_err(refused)?;
        second.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The child's whole life: a name, bound to its parent, one closure, one answer, no return.
fn serve<R, F>(name: &str, mut parent: Parent, body: F) -> !
where
    R: Serialize,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    set_name(name);
    let (tag, message) = match parent.bind() {
        Ok(()) => answer(&mut parent, body),
        Err(error) => (Tag::Failed, failure(error)),
    };
    let mut told = parent.link.send(tag, &message, None, None);
    if let Err(Silence::Failed(kind)) = told {
        let short = failure(parent.error(kind));
        told = parent.link.send(Tag::Failed, &short, None, None);
    }
    // Where the parent has ended, nothing is left that could receive this.
    let silent = told.is_err() || parent.has_ended();
    // SAFETY: _exit ends this process without running the parent's copied atexit handlers or
    // flushing its copied stdio buffers a second time.
    unsafe { libc::_exit(i32::from(silent)) }
}

/// Runs `body`: its answer, or why there is none.
fn answer<R, F>(parent: &mut Parent, body: F) -> (Tag, Vec<u8>)
where
    R: Serialize,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    std::panic::set_hook(Box::new(|_| {}));
    match catch_unwind(AssertUnwindSafe(|| body(parent))) {
        Ok(Ok(answer)) => match encode(&answer) {
            Ok(answer) => (Tag::Answer, answer),
            Err(kind) => (Tag::Failed, failure(kind)),
        },
        Ok(Err(error)) => (Tag::Failed, failure(error)),
        Err(panic) => (Tag::Panicked, panic_message(panic.as_ref()).into_bytes()),
    }
}

fn failure(error: impl Into<BoxError>) -> Vec<u8> {
    encode(&Failure::from_error(error.into())).unwrap_or_default()
}

/// Names this thread for ps(1) and for traces. prctl(2) keeps 15 bytes of a name; a refusal costs
/// nothing but the name.
fn set_name(name: &str) {
    let bytes = &name.as_bytes()[..name.len().min(15)];
    if let Ok(name) = CString::new(bytes) {
        let _ = prctl::set_name(&name);
    }
}

/// The text that a panic was given; empty where it was given something else.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
