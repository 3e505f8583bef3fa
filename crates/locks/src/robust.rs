//! Robust: a process-shared mutex that outlives its holder.
//!
//! A spinlock whose holder is killed stays locked for ever. For a robust mutex the C library keeps, in each
//! thread, a list of the robust mutexes held; when the thread dies in whatever way, the kernel walks the list,
//! marks each futex word FUTEX_OWNER_DIED and wakes a waiter, who then holds the lock, and is told.
//!
//! | futex word | Meaning |
//! |---|---|
//! | 0 | unlocked |
//! | TID | locked by that thread |
//! | TID + FUTEX_WAITERS | locked, somebody sleeps |
//! | FUTEX_OWNER_DIED (with or without FUTEX_WAITERS) | the holder died; the next one gets EOWNERDEAD |
//!
//! - **Use it** between processes of which any may be killed.
//! - **Seldom** between threads of one process: what kills one kills all, so only a thread that ends by itself with the
//!   lock held (a forgotten guard) leaves it behind, and [`Futex`](super::Futex) is cheaper.
//! - **Cost**: the C library's mutex, some stores to its list, and a getpid(2) for each guard and each access. A dead holder's lock
//!   comes as fast as the kernel ends the holder: `spinlock handover` measures it, some microseconds to some hundreds.
//! - **Fairness**: that of the futex mutex.
//!
//! The data may be half changed when the holder dies, so the successor has to look at it first:
//! [`Acquired::OwnerDied`] gives no access until [`Bereft::repair`] is called, and if it is dropped instead,
//! the mutex is unusable for everybody (ENOTRECOVERABLE), as the standard prescribes.
//!
//! Its guard lends no reference and gives no access in a forked child, as that of [`SharedMutex`](super::SharedMutex).
//!
//! It is no [`lock_api::RawMutex`]: that trait has no word for "your predecessor died". And its guard
//! must stay in its thread, because the kernel's list is the thread's:
//!
//! ```compile_fail,E0277
//! use locks::{RobustMutex, robust::Acquired};
//! let mutex = RobustMutex::new(0_u64).unwrap();
//! let Ok(Acquired::Clean(guard)) = mutex.lock() else { panic!() };
//! std::thread::scope(|scope| { scope.spawn(move || drop(guard)); });
//! ```
//!
//! Sources: pthread_mutexattr_setrobust(3), get_robust_list(2), kernel Documentation/locking/robust-futexes.rst.
#![expect(unsafe_code, reason = "pthread mutexes and memory from mmap(2)")]

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, size_of};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::{fmt, process};

use super::CallError;
use super::process_shared::{Shareable, assert_mappable, map};
use super::shared_mutex::own;

/// What lies in the mapping.
struct Inner<T> {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    value: UnsafeCell<T>,
}

/// A value behind a robust mutex in a `MAP_SHARED` mapping, for this process and its forked children.
///
/// ```
/// use locks::{RobustMutex, robust::Acquired};
/// let mutex = RobustMutex::new(0_u64)?;
/// let mut guard = match mutex.lock()? {
///     Acquired::Clean(guard) => guard,
///     Acquired::OwnerDied(bereft) => bereft.repair(|_| 0)?,
/// };
/// guard.set(guard.get() + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RobustMutex<T> {
    inner: NonNull<Inner<T>>,
    guards: Guards,
}

/// How the lock was got.
#[derive(Debug)]
#[must_use]
pub enum Acquired<'a, T> {
    /// The last holder unlocked it.
    Clean(Guard<'a, T>),
    /// The last holder died holding it (EOWNERDEAD).
    OwnerDied(Bereft<'a, T>),
}

impl<T: Shareable + Send + Copy> RobustMutex<T> {
    /// Puts `value` into a mapping of its own, unlocked.
    ///
    /// # Errors
    /// That of mmap(2) or of pthread_mutex_init(3): ENOMEM.
    pub fn new(value: T) -> Result<Self, CallError> {
        const { assert_mappable::<Inner<T>>() };
        let inner = map(size_of::<Inner<T>>(), 1)?.0.cast::<Inner<T>>();
        let this = Self {
            inner,
            guards: Guards(AtomicU64::new(0)),
        };
        // SAFETY: the mapping is fresh, zeroed, aligned and large enough, and nobody else has seen it.
        unsafe { (*inner.as_ptr()).value = UnsafeCell::new(value) };
        initialise(this.mutex())?; // on failure `this` is dropped, which unmaps
        Ok(this)
    }
}

/// Makes `mutex` robust, shared between processes and error-checking.
fn initialise(mutex: *mut libc::pthread_mutex_t) -> Result<(), CallError> {
    let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attribute object is initialised by the first call, used by no one else, and destroyed if it was
    // initialised. `mutex` points to writable memory that nobody uses yet.
    unsafe {
        let result = libc::pthread_mutexattr_init(attributes);
        check("pthread_mutexattr_init", result)?;
        let initialised = (|| {
            let result =
                libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED);
            check("pthread_mutexattr_setpshared", result)?;
            let result = libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST);
            check("pthread_mutexattr_setrobust", result)?;
            // Relocking and unlocking by a stranger become errors instead of a deadlock and a disaster.
            let result =
                libc::pthread_mutexattr_settype(attributes, libc::PTHREAD_MUTEX_ERRORCHECK);
            check("pthread_mutexattr_settype", result)?;
            check(
                "pthread_mutex_init",
                libc::pthread_mutex_init(mutex, attributes),
            )
        })();
        libc::pthread_mutexattr_destroy(attributes);
        initialised
    }
}

impl<T> RobustMutex<T> {
    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        // SAFETY: `inner` is mapped as long as `self` lives.
        unsafe { self.inner.as_ref() }.mutex.get()
    }

    /// Waits for the lock.
    ///
    /// # Errors
    /// EDEADLK if this thread holds it already; ENOTRECOVERABLE if a successor of a dead holder gave up.
    pub fn lock(&self) -> Result<Acquired<'_, T>, CallError> {
        // SAFETY: an initialised mutex in mapped memory.
        let result = unsafe { libc::pthread_mutex_lock(self.mutex()) };
        match result {
            0 => Ok(Acquired::Clean(self.guard())),
            libc::EOWNERDEAD => Ok(Acquired::OwnerDied(Bereft {
                guard: self.guard(),
            })),
            errno => Err(error("pthread_mutex_lock", errno)),
        }
    }

    /// Takes the lock if it is free, or its holder dead; None if somebody holds it.
    ///
    /// # Errors
    /// ENOTRECOVERABLE, as [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<Option<Acquired<'_, T>>, CallError> {
        // SAFETY: an initialised mutex in mapped memory.
        let result = unsafe { libc::pthread_mutex_trylock(self.mutex()) };
        match result {
            0 => Ok(Some(Acquired::Clean(self.guard()))),
            libc::EOWNERDEAD => Ok(Some(Acquired::OwnerDied(Bereft {
                guard: self.guard(),
            }))),
            // glibc tells apart who holds it; to the caller it is held either way.
            libc::EBUSY | libc::EDEADLK => Ok(None),
            errno => Err(error("pthread_mutex_trylock", errno)),
        }
    }

    /// The guard of the lock that this thread has just taken.
    fn guard(&self) -> Guard<'_, T> {
        let process = process::id();
        self.guards.add(process);
        Guard {
            mutex: self,
            process,
            stays_in_its_thread: PhantomData,
        }
    }
}

/// How many guards one process has of one mutex, forgotten ones included: the count in the low half, the process ID in the
/// high one. It lies in the handle, so a forked child has a copy, in which its parent's guards do not count.
struct Guards(AtomicU64);

impl Guards {
    fn of(word: u64, process: u32) -> u64 {
        if word >> 32 == u64::from(process) {
            word & u64::from(u32::MAX)
        } else {
            0
        }
    }

    fn set(&self, process: u32, count: impl Fn(u64) -> u64) {
        let next = |word| u64::from(process) << 32 | count(Self::of(word, process));
        let mut word = self.0.load(Relaxed);
        while let Err(now) = self
            .0
            .compare_exchange_weak(word, next(word), Relaxed, Relaxed)
        {
            word = now;
        }
    }

    fn add(&self, process: u32) {
        self.set(process, |count| count + 1);
    }

    fn remove(&self, process: u32) {
        self.set(process, |count| count.saturating_sub(1));
    }

    fn any(&self) -> bool {
        Self::of(self.0.load(Relaxed), process::id()) > 0
    }
}

impl<T> Drop for RobustMutex<T> {
    fn drop(&mut self) {
        // A guard may have been forgotten. Then the mutex is in its thread's robust list, and unmapping it would leave
        // a dangling link there: keep the page. The lock itself is not touched: other processes have mappings of
        // their own, and the death of its holder is for one of them to learn.
        if self.guards.any() {
            return;
        }
        // SAFETY: nobody in this process borrows or holds it. munmap of our own mapping cannot fail.
        unsafe { libc::munmap(self.inner.as_ptr().cast(), size_of::<Inner<T>>()) };
    }
}

/// The lock is held by this thread until this is dropped.
pub struct Guard<'a, T> {
    mutex: &'a RobustMutex<T>,
    process: u32,
    stays_in_its_thread: PhantomData<*mut ()>,
}

impl<T: Copy> Guard<'_, T> {
    /// The value.
    ///
    /// # Panics
    /// In a child forked while the lock was held: it is its parent's.
    pub fn get(&self) -> T {
        own(self.process);
        // SAFETY: this process holds the lock, so no one writes; the value is mapped as long as the mutex.
        unsafe { *self.mutex.inner.as_ref().value.get() }
    }

    /// Writes the value.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn set(&mut self, value: T) {
        own(self.process);
        // SAFETY: this process holds the lock, so nobody else reads or writes, and no reference is ever lent.
        unsafe { *self.mutex.inner.as_ref().value.get() = value }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // A forked child drops a copy of its parent's guard: the lock was never the child's, unless by a guard of its own.
        if self.process != process::id() {
            return;
        }
        // SAFETY: an initialised mutex in mapped memory, locked by this thread.
        unsafe { libc::pthread_mutex_unlock(self.mutex.mutex()) };
        self.mutex.guards.remove(self.process);
    }
}

/// The lock is held, but the data behind it may be half changed.
pub struct Bereft<'a, T> {
    guard: Guard<'a, T>,
}

impl<'a, T: Copy> Bereft<'a, T> {
    /// Gives `repair` the value, puts what it returns in its place, declares it consistent and gives the guard.
    ///
    /// # Errors
    /// That of pthread_mutex_consistent(3).
    ///
    /// # Panics
    /// As [`Guard::get`].
    pub fn repair(mut self, repair: impl FnOnce(T) -> T) -> Result<Guard<'a, T>, CallError> {
        let repaired = repair(self.guard.get());
        self.guard.set(repaired);
        // SAFETY: we hold this mutex, having got EOWNERDEAD for it.
        let result = unsafe { libc::pthread_mutex_consistent(self.guard.mutex.mutex()) };
        check("pthread_mutex_consistent", result)?;
        Ok(self.guard)
    }
}

// SAFETY: the value moves between threads and processes under the lock; `new` requires `Shareable + Send`.
unsafe impl<T: Send> Send for RobustMutex<T> {}
// SAFETY: as above: the mutex excludes all but one.
unsafe impl<T: Send> Sync for RobustMutex<T> {}

impl<T> fmt::Debug for RobustMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RobustMutex").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Bereft<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bereft").finish_non_exhaustive()
    }
}

fn check(call: &'static str, errno: i32) -> Result<(), CallError> {
    if errno == 0 {
        Ok(())
    } else {
        Err(error(call, errno))
    }
}

fn error(call: &'static str, errno: i32) -> CallError {
    CallError::new(call, "a robust mutex between processes", errno)
}
