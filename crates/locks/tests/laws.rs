//! The laws of lock_api that every lock of ours must keep.
#![expect(clippy::expect_used, reason = "what cannot start has failed")]

mod family;

use std::sync::Arc;
use std::thread;

use family::every_lock;
use lock_api::{Mutex, RawMutex};
use locks::robust::Acquired;
use locks::{CallError, RobustMutex, Shared, SharedMutex, TestAndSet};

fn try_lock_tells_the_truth<L: RawMutex>() {
    let mutex = Mutex::<L, u32>::new(1);
    assert!(!mutex.is_locked());
    let guard = mutex.try_lock().expect("free");
    assert!(mutex.is_locked());
    assert!(mutex.try_lock().is_none(), "held");
    drop(guard);
    assert!(!mutex.is_locked());
    for _ in 0..3 {
        *mutex.lock() += 1;
        *mutex.try_lock().expect("free again") += 1;
    }
    assert_eq!(mutex.into_inner(), 7);
}

fn a_locked_mutex_may_be_moved_and_dropped<L: RawMutex>() {
    let mutex = Mutex::<L, Box<u32>>::new(Box::new(1));
    std::mem::forget(mutex.lock());
    let moved = Box::new(mutex);
    assert!(moved.try_lock().is_none(), "still locked elsewhere");
    drop(moved);
}

fn another_thread_may_unlock<L>()
where
    L: RawMutex<GuardMarker = lock_api::GuardSend> + Send + Sync + 'static,
{
    let mutex = Arc::new(Mutex::<L, u32>::new(0));
    thread::scope(|scope| {
        let guard = mutex.lock();
        scope.spawn(move || drop(guard));
        *mutex.lock() += 1; // waits for that thread
    });
    assert_eq!(*mutex.lock(), 1);
}

fn a_waiter_gets_in<L: RawMutex + Send + Sync + 'static>() {
    let mutex = Arc::new(Mutex::<L, u32>::new(0));
    let guard = mutex.lock();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || *mutex.lock() += 1)
        })
        .collect();
    thread::yield_now();
    drop(guard);
    for waiter in waiters {
        waiter.join().expect("no waiter panics");
    }
    assert_eq!(*mutex.lock(), 3);
}

macro_rules! laws {
    ($($name:ident: $lock:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            try_lock_tells_the_truth::<locks::$lock>();
            a_locked_mutex_may_be_moved_and_dropped::<locks::$lock>();
            another_thread_may_unlock::<locks::$lock>();
            a_waiter_gets_in::<locks::$lock>();
        }
    )* };
}
every_lock!(laws);

#[test]
fn a_shared_mutex_is_a_mutex() -> Result<(), CallError> {
    let counter = Shared::new(SharedMutex::<TestAndSet, u64>::new(0))?;
    counter.lock().set(1);
    let guard = counter.lock();
    assert_eq!(guard.get(), 1);
    assert!(counter.try_lock().is_none());
    Ok(())
}

#[test]
fn a_shared_slice_has_its_length_and_its_limits() -> Result<(), CallError> {
    let squares = Shared::<[u64]>::from_fn(1000, |index| (index * index) as u64)?;
    assert_eq!(squares.len(), 1000);
    assert_eq!(squares[999], 998_001);
    let error = Shared::<[u64]>::from_fn(0, |_| 0).expect_err("no mapping is empty");
    assert_eq!(error.errno(), libc::EINVAL);
    let too_many = usize::MAX / size_of::<u64>() + 1;
    let error = Shared::<[u64]>::from_fn(too_many, |_| 0).expect_err("8 bytes each overflow");
    assert_eq!(error.errno(), libc::EOVERFLOW);
    Ok(())
}

/// Dies holding the lock, as far as the C library and the kernel can see: the thread ends.
fn thread_dies_inside(mutex: &RobustMutex<u64>) {
    thread::scope(|scope| {
        scope.spawn(|| match mutex.lock() {
            Ok(Acquired::Clean(mut guard)) => {
                guard.set(13);
                std::mem::forget(guard);
            }
            other => panic!("unlocked and sound, not {other:?}"),
        });
    });
}

#[test]
fn a_robust_mutex_survives_its_holder() -> Result<(), CallError> {
    let mutex = RobustMutex::new(0)?;
    thread_dies_inside(&mutex);
    let Acquired::OwnerDied(inconsistent) = mutex.lock()? else {
        panic!("nobody noticed the death")
    };
    let guard = inconsistent.repair(|value| value + 1)?;
    assert_eq!(guard.get(), 14);
    drop(guard);
    assert!(matches!(mutex.lock()?, Acquired::Clean(_)), "repaired");
    Ok(())
}

/// A mutex around an act instead of a value, as that of processes that accept in turn.
#[test]
fn a_robust_mutex_may_guard_no_value() -> Result<(), CallError> {
    let mutex = RobustMutex::new(())?;
    thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(mutex.lock()));
    });
    let Acquired::OwnerDied(inconsistent) = mutex.lock()? else {
        panic!("nobody noticed the death")
    };
    drop(inconsistent.repair(|()| ())?);
    assert!(matches!(mutex.lock()?, Acquired::Clean(_)), "repaired");
    Ok(())
}

#[test]
fn a_robust_mutex_that_nobody_repairs_is_lost() -> Result<(), CallError> {
    let mutex = RobustMutex::new(0)?;
    thread_dies_inside(&mutex);
    drop(mutex.lock()?);
    let error = mutex.lock().expect_err("not recoverable");
    assert!(error.to_string().contains("pthread_mutex_lock"), "{error}");
    assert_eq!(error.errno(), libc::ENOTRECOVERABLE);
    let error = mutex.try_lock().expect_err("not recoverable");
    assert_eq!(error.errno(), libc::ENOTRECOVERABLE);
    Ok(())
}

#[test]
fn locking_a_robust_mutex_twice_is_an_error() -> Result<(), CallError> {
    let mutex = RobustMutex::new(0)?;
    let _held = mutex.lock()?;
    let error = mutex.lock().expect_err("a deadlock otherwise");
    assert_eq!(error.errno(), libc::EDEADLK);
    assert!(mutex.try_lock()?.is_none());
    Ok(())
}

#[test]
fn a_robust_mutex_may_be_dropped_while_held() -> Result<(), CallError> {
    let mutex = RobustMutex::new(0)?;
    std::mem::forget(mutex.lock()?);
    drop(mutex);
    let other = RobustMutex::new(0)?;
    drop(other.lock()?); // walks this thread's robust list
    Ok(())
}
