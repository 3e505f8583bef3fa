//! A guard that is taken through a fork: only the process that locked holds the lock.
//!
//! No harness: libtest runs tests on threads, and a process with threads does not fork. Everything
//! runs twice: as the kernel is, and where it refuses `MADV_WIPEONFORK`.
#![expect(
    clippy::disallowed_methods,
    reason = "a fork of a guard, by the call itself"
)]
#![expect(unsafe_code, reason = "madvise(2), fork(2), _exit(2)")]
#![expect(clippy::print_stderr, reason = "says what is skipped, and why")]

mod seccomp;

use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use child::{BoxError, Child, Parent};
use locks::robust::Acquired;
use locks::{CallError, RobustMutex, Shared, SharedMutex, TestAndSet};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, getpid};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
type Counter = Shared<SharedMutex<TestAndSet, u64>>;

/// Both ways of `child` to fork.
const WAYS: [Way; 2] = [Way::Library, Way::Clone];

#[derive(Clone, Copy)]
enum Way {
    /// By the C library.
    Library,
    /// By a clone(2) that the C library does not know of.
    Clone,
}

fn main() -> Outcome {
    // In a child, and before this process has asked who it is: the choice is made once.
    let refused = child::fork("where no page is wiped", |_| {
        match seccomp::refuse(
            libc::SYS_madvise,
            Some(libc::MADV_WIPEONFORK as u32),
            libc::EINVAL,
        ) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                eprintln!("skipped: MADV_WIPEONFORK refused; this kernel has no seccomp");
                return Ok(());
            }
            result => result?,
        }
        assert_eq!(wipe_error(), Some(libc::EINVAL), "the filter works");
        all()
    })?;
    refused.join()?;
    all()?;
    no_memory_is_an_error_with_a_number()
}

fn all() -> Outcome {
    for way in WAYS {
        the_parents_copy_unlocks_and_the_childs_gives_no_access(way)?;
        a_child_neither_unlocks_nor_reaches_what_its_parent_holds(way)?;
        a_robust_guard_gives_no_access_in_a_child(way)?;
        a_grandchild_has_neither_guard(way)?;
    }
    the_same_process_number_in_another_namespace_is_another_process()
}

fn fork<R, F>(way: Way, name: &str, body: F) -> Result<Child<R>, child::Error>
where
    R: Serialize + DeserializeOwned,
    F: FnOnce(&mut Parent) -> Result<R, BoxError>,
{
    match way {
        Way::Library => child::fork(name, body),
        // SAFETY: the children here lock a `SharedMutex` at most, which is no pthread mutex. Of a
        // `RobustMutex` they have guards that they may not use: no call reaches its mutex.
        Way::Clone => unsafe { child::fork_by_clone(name, body) },
    }
}

fn counter() -> Result<Counter, CallError> {
    Shared::new(SharedMutex::new(1))
}

/// Moved into the closure, the guard is dropped in the parent while the child still has its copy.
fn the_parents_copy_unlocks_and_the_childs_gives_no_access(way: Way) -> Outcome {
    let shared = counter()?;
    let mut guard = shared.lock();
    let mut child = fork(way, "copy", move |parent| {
        parent.checkpoint()?;
        guard.set(2);
        Ok(())
    })?;
    child.at_checkpoint()?;
    let held = shared.try_lock().ok_or("the parent's copy was dropped")?;
    child.release()?;
    let error = child
        .join()
        .err()
        .ok_or("the child wrote what it did not hold")?;
    assert!(error.to_string().contains("copy of its guard"), "{error}");
    assert_eq!(held.get(), 1);
    Ok(())
}

fn a_child_neither_unlocks_nor_reaches_what_its_parent_holds(way: Way) -> Outcome {
    let shared = counter()?;
    let mut guard = Some(shared.lock());
    let dropped = fork(way, "dropper", |_| Ok(guard.take().is_some()))?.join()?;
    assert!(dropped);
    assert!(
        shared.try_lock().is_none(),
        "a child unlocked for its parent"
    );
    drop(guard);
    assert!(shared.try_lock().is_some());
    // What the child locked itself, it may write.
    let write = |_: &mut Parent| {
        shared.lock().set(5);
        Ok(())
    };
    fork(way, "writer", write)?.join()?;
    assert_eq!(shared.lock().get(), 5);
    Ok(())
}

fn a_robust_guard_gives_no_access_in_a_child(way: Way) -> Outcome {
    let mutex = RobustMutex::new(1_u64)?;
    let Acquired::Clean(mut guard) = mutex.lock()? else {
        return Err("nobody has died".into());
    };
    let wrote = fork(way, "copy", |_| {
        guard.set(2);
        Ok(())
    })?;
    assert!(
        wrote.join().is_err(),
        "the child wrote what it did not hold"
    );
    assert_eq!(guard.get(), 1);
    Ok(())
}

/// The child locks one itself before it forks, so its child has copies of two guards, both foreign.
fn a_grandchild_has_neither_guard(way: Way) -> Outcome {
    let (first, second) = (counter()?, counter()?);
    let mut guard = first.lock();
    fork(way, "child", |_| {
        let mut own_guard = second.lock();
        own_guard.set(3);
        let wrote = fork(way, "grandchild", |_| {
            let first = catch_unwind(AssertUnwindSafe(|| guard.set(2))).is_ok();
            let second = catch_unwind(AssertUnwindSafe(|| own_guard.set(2))).is_ok();
            Ok((first, second))
        })?;
        assert_eq!(wrote.join()?, (false, false), "a grandchild wrote");
        assert_eq!(own_guard.get(), 3);
        Ok(())
    })?
    .join()?;
    assert_eq!(guard.get(), 1);
    assert!(
        second.try_lock().is_some(),
        "the child has unlocked its own"
    );
    Ok(())
}

/// Process 1 of a PID namespace locks and makes process 1 of a namespace below it, which has copies
/// of its guards.
fn the_same_process_number_in_another_namespace_is_another_process() -> Outcome {
    let skipped = child::fork("in a namespace", |_| {
        if let Err(errno) = unshare_pids() {
            return Ok(Some(errno.to_string()));
        }
        assert_eq!(exit_status(first_process), Some(0), "see first_process");
        Ok(None)
    })?;
    if let Some(why) = skipped.join()? {
        eprintln!("skipped: the same number in another PID namespace; unshare(2): {why}");
    }
    Ok(())
}

/// Children made from here on are in a new PID namespace; an ordinary user needs a user namespace.
fn unshare_pids() -> nix::Result<()> {
    let pids = CloneFlags::CLONE_NEWPID;
    unshare(pids).or_else(|_| unshare(pids | CloneFlags::CLONE_NEWUSER))
}

/// Runs as process 1 and returns its exit status: 0 if its child had neither guard.
fn first_process() -> i32 {
    let (Ok(shared), Ok(mutex)) = (counter(), RobustMutex::new(1_u64)) else {
        return 10;
    };
    let Ok(Acquired::Clean(robust)) = mutex.lock() else {
        return 11;
    };
    let mut guards = Some((shared.lock(), robust));
    if getpid().as_raw() != 1 || unshare_pids().is_err() {
        return 12;
    }
    let child = exit_status(|| {
        let Some((mut guard, mut robust)) = guards.take() else {
            return 22;
        };
        let wrote = [
            catch_unwind(AssertUnwindSafe(|| guard.set(2))).is_ok(),
            catch_unwind(AssertUnwindSafe(|| robust.set(2))).is_ok(),
        ];
        drop((guard, robust));
        match (getpid().as_raw(), wrote) {
            (1, [false, false]) => 0,
            (1, _) => 20,
            _ => 21,
        }
    });
    let unlocked = shared.try_lock().is_some() || matches!(mutex.try_lock(), Ok(Some(_)));
    drop(guards);
    match child {
        Some(0) if unlocked => 13,
        Some(0) => 0,
        Some(status) => status,
        None => 14,
    }
}

/// Forks a child that exits with what `body` returns; None if it cannot be forked, or dies.
///
/// `child::fork` is not for this: a child in a new PID namespace does not see its parent's number.
fn exit_status(body: impl FnOnce() -> i32) -> Option<i32> {
    // SAFETY: this process has one thread, so the child may run any code.
    match unsafe { nix::unistd::fork() }.ok()? {
        // SAFETY: _exit ends the child without running what its parent wants to run at exit.
        ForkResult::Child => unsafe { libc::_exit(body()) },
        ForkResult::Parent { child } => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => Some(status),
            _ => None,
        },
    }
}

/// The error number of `MADV_WIPEONFORK`; None if it is granted.
fn wipe_error() -> Option<i32> {
    // SAFETY: advice about an empty range touches nothing.
    let result = unsafe { libc::madvise(ptr::null_mut(), 0, libc::MADV_WIPEONFORK) };
    (result < 0).then(|| io::Error::last_os_error().raw_os_error())?
}

/// In a child, whose address space may grow no more.
fn no_memory_is_an_error_with_a_number() -> Outcome {
    child::fork("without memory", |_| {
        setrlimit(Resource::RLIMIT_AS, 0, 0)?;
        let error = RobustMutex::new([0_u64; 1000]).err();
        assert_eq!(error.map(|error| error.errno()), Some(libc::ENOMEM));
        let error = Shared::<[u64]>::from_fn(1 << 20, |_| 0).err();
        assert_eq!(error.map(|error| error.errno()), Some(libc::ENOMEM));
        Ok(())
    })?
    .join()?;
    Ok(())
}
