//! A guard that is taken through a fork: only the process that locked holds the lock.
//!
//! No harness: libtest runs tests on threads, and a process with threads does not fork.

use std::error::Error;

use locks::{RobustMutex, Shared, SharedMutex, TestAndSet, robust::Acquired};

fn main() -> Result<(), Box<dyn Error>> {
    the_parents_copy_unlocks_and_the_childs_gives_no_access()?;
    a_child_neither_unlocks_nor_reaches_what_its_parent_holds()?;
    a_robust_guard_gives_no_access_in_a_child()
}

/// Moved into the closure, the guard is dropped in the parent while the child still has its copy.
fn the_parents_copy_unlocks_and_the_childs_gives_no_access() -> Result<(), Box<dyn Error>> {
    let shared = Shared::new(SharedMutex::<TestAndSet, u64>::new(1))?;
    let mut guard = shared.lock();
    let child = child::fork("copy", move |parent| {
        parent.checkpoint()?;
        guard.set(2);
        Ok(())
    })?;
    let mut child = child;
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

fn a_child_neither_unlocks_nor_reaches_what_its_parent_holds() -> Result<(), Box<dyn Error>> {
    let shared = Shared::new(SharedMutex::<TestAndSet, u64>::new(1))?;
    let mut guard = Some(shared.lock());
    let dropped = child::fork("dropper", |_| Ok(guard.take().is_some()))?.join()?;
    assert!(dropped);
    assert!(
        shared.try_lock().is_none(),
        "a child unlocked for its parent"
    );
    drop(guard);
    assert!(shared.try_lock().is_some());
    // What the child locked itself, it may write.
    let own = |_: &mut child::Parent| {
        shared.lock().set(5);
        Ok(())
    };
    child::fork("own", own)?.join()?;
    assert_eq!(shared.lock().get(), 5);
    Ok(())
}

fn a_robust_guard_gives_no_access_in_a_child() -> Result<(), Box<dyn Error>> {
    let mutex = RobustMutex::new(1_u64)?;
    let Acquired::Clean(mut guard) = mutex.lock()? else {
        return Err("nobody has died".into());
    };
    let wrote = child::fork("copy", |_| {
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
