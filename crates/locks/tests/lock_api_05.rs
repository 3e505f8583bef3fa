//! Every lock is a mutex of lock_api 0.5, which has another `RawMutex` than 0.4.

mod family;

use std::thread;

use family::every_lock;
use lock_api_05::{Mutex, RawMutex};

const THREADS: u64 = 2;
const TIMES: u64 = 1000;

fn excludes<L: RawMutex + Send + Sync>() {
    let counter = Mutex::<L, u64>::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    *counter.lock() += 1;
                }
            });
        }
    });
    assert_eq!(*counter.lock(), THREADS * TIMES);
}

fn tries<L: RawMutex>() {
    let mutex = Mutex::<L, Box<u32>>::new(Box::new(1));
    assert!(!mutex.is_locked());
    let guard = mutex.try_lock();
    assert!(guard.is_some() && mutex.is_locked());
    assert!(mutex.try_lock().is_none(), "held");
    drop(guard);
    std::mem::forget(mutex.lock());
    let moved = Box::new(mutex);
    assert!(moved.try_lock().is_none(), "still locked elsewhere");
}

macro_rules! laws {
    ($($name:ident: $lock:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            excludes::<locks::$lock>();
            tries::<locks::$lock>();
        }
    )* };
}
every_lock!(laws);
