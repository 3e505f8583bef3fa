//! Robust: a process-shared mutex that outlives its holder.
//!
//! A spinlock whose holder is killed stays locked for ever. For robust mutexes the C library keeps,
//! in each thread, a list of those that the thread holds. When the thread dies, in whatever way,
//! the kernel walks the list, marks each futex word FUTEX_OWNER_DIED and wakes a waiter. That
//! waiter gets the lock, and is informed.
//!
//! | futex word | Meaning |
//! |---|---|
//! | 0 | unlocked |
//! | TID | locked by that thread |
//! | TID + FUTEX_WAITERS | locked, another thread sleeps |
//! | FUTEX_OWNER_DIED (with or without FUTEX_WAITERS) | the holder died; the next gets EOWNERDEAD |
//!
//! - **Use it** between processes of which any may be killed.
//! - **Seldom** between threads of one process: what kills one kills all, so only a thread that
//!   ends by itself with the lock held (a forgotten guard) leaves it behind, and
//!   [`Futex`](super::Futex) is cheaper.
//! - **Never** between PID namespaces: the word bears the holder's TID as the holder's namespace
//!   counts. A thread with the same number elsewhere gets EDEADLK instead of waiting, and its death
//!   inside a call of this mutex can be taken for that of the holder. Nor in a child made by a raw
//!   clone(2): the C library there goes on using the TID of the parent.
//! - **Cost**: the C library's mutex, some stores to its list, and two loads and a comparison for
//!   each guard and each access. A dead holder's lock comes as fast as the kernel ends the holder:
//!   some microseconds to some hundreds.
//! - **Fairness**: that of the futex mutex.
//!
//! The data may be half changed when the holder dies, so the successor has to look at it first.
//! [`Acquired::OwnerDied`] gives no access until [`InconsistentGuard::repair`] is called. If it is
//! dropped instead, the mutex is unusable for everybody (ENOTRECOVERABLE), as the standard
//! prescribes.
//!
//! Its guard lends no reference and gives no access in a forked child, as that of
//! [`SharedMutex`](super::SharedMutex).
//!
//! It is no [`lock_api::RawMutex`]: that trait cannot say "your predecessor died". And its guard
//! must stay in its thread, because the list is the thread's:
//!
//! ```compile_fail,E0277
//! use locks::{RobustMutex, robust::Acquired};
//! let mutex = RobustMutex::new(0_u64).unwrap();
//! let Ok(Acquired::Clean(guard)) = mutex.lock() else { panic!() };
//! std::thread::scope(|scope| { scope.spawn(move || drop(guard)); });
//! ```
//!
//! Sources: pthread_mutexattr_setrobust(3), get_robust_list(2), kernel
//! Documentation/locking/robust-futexes.rst.
#![expect(unsafe_code, reason = "pthread mutexes and memory from mmap(2)")]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::CallError;
use super::generation::Generation;
use super::process_shared::{Shareable, assert_mappable, map};
use super::shared_mutex::assert_holder;

/// What lies in the mapping.
struct Inner<T> {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    value: UnsafeCell<T>,
}

/// A value behind a robust mutex in a `MAP_SHARED` mapping, for this process and its forked
/// children.
///
/// ```
/// use locks::{RobustMutex, robust::Acquired};
/// let mutex = RobustMutex::new(0_u64)?;
/// let mut guard = match mutex.lock()? {
///     Acquired::Clean(guard) => guard,
///     Acquired::OwnerDied(inconsistent) => inconsistent.repair(|_| 0)?,
/// };
/// guard.set(guard.get() + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RobustMutex<T> {
    inner: NonNull<Inner<T>>,
    /// Length of the mapping.
    bytes: usize,
    /// Whether a guard of this handle exists, a forgotten one included. It is written only by
    /// the holder of the mutex. A forked child has a copy, which says what was so at the fork.
    held: AtomicBool,
}

/// How the lock was got.
#[derive(Debug)]
#[must_use]
pub enum Acquired<'a, T> {
    /// The last holder unlocked it.
    Clean(Guard<'a, T>),
    /// The last holder died holding it (EOWNERDEAD).
    OwnerDied(InconsistentGuard<'a, T>),
}

impl<T: Shareable + Send + Copy> RobustMutex<T> {
    /// Puts `value` into a mapping of its own, unlocked.
    ///
    /// # Errors
    /// That of mmap(2) or of pthread_mutex_init(3): ENOMEM.
    pub fn new(value: T) -> Result<Self, CallError> {
        const { assert_mappable::<Inner<T>>() };
        let (place, bytes) = map(size_of::<Inner<T>>(), 1)?;
        let this = RobustMutex {
            inner: place.cast::<Inner<T>>(),
            bytes,
            held: AtomicBool::new(false),
        };
        // SAFETY: the mapping is fresh, zeroed, aligned and large enough, and no other thread has
        // seen it.
        unsafe { (*this.inner.as_ptr()).value = UnsafeCell::new(value) };
        initialise(this.mutex())?; // on failure `this` is dropped, which unmaps
        Ok(this)
    }
}

/// Whether the kernel knows where this thread keeps the list of its robust mutexes
/// (get_robust_list(2)): without that nobody learns of its death. The C library registers the list
/// when a thread begins, and cannot where a filter refuses set_robust_list(2).
///
/// # Errors
/// ENOSYS or EPERM where the question itself is refused.
pub fn is_list_registered() -> Result<bool, CallError> {
    let mut head: *const libc::c_void = ptr::null();
    let mut length: libc::size_t = 0;
    // SAFETY: thread 0 is the calling one; the kernel writes a pointer and a length into the two
    // places, which live until the call returns.
    let answer =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut length) };
    match answer {
        0 => Ok(!head.is_null()),
        _ => {
            let errno = std::io::Error::last_os_error().raw_os_error();
            Err(call_error("get_robust_list", errno.unwrap_or(0)))
        }
    }
}

/// Makes `mutex` robust, shared between processes and error-checking.
fn initialise(mutex: *mut libc::pthread_mutex_t) -> Result<(), CallError> {
    let mut place = MaybeUninit::uninit();
    let attributes = Attributes::new(&mut place)?;
    let object = ptr::from_mut(&mut *attributes.0);
    // SAFETY: the object is initialised as long as `attributes` lives, and no other thread uses it.
    let result =
        unsafe { libc::pthread_mutexattr_setpshared(object, libc::PTHREAD_PROCESS_SHARED) };
    check("pthread_mutexattr_setpshared", result)?;
    // SAFETY: as above.
    let result = unsafe { libc::pthread_mutexattr_setrobust(object, libc::PTHREAD_MUTEX_ROBUST) };
    check("pthread_mutexattr_setrobust", result)?;
    // To lock twice, and to unlock what another thread holds, become errors instead of undefined.
    // SAFETY: as above.
    let result = unsafe { libc::pthread_mutexattr_settype(object, libc::PTHREAD_MUTEX_ERRORCHECK) };
    check("pthread_mutexattr_settype", result)?;
    // SAFETY: as above, and `mutex` points to writable memory that is not in use yet.
    let result = unsafe { libc::pthread_mutex_init(mutex, object) };
    check("pthread_mutex_init", result)
}

/// The attributes that a mutex is made with, destroyed on drop: no early return leaks them.
struct Attributes<'a>(&'a mut libc::pthread_mutexattr_t);

impl Attributes<'_> {
    fn new(
        place: &mut MaybeUninit<libc::pthread_mutexattr_t>,
    ) -> Result<Attributes<'_>, CallError> {
        // SAFETY: room for the object, which nothing else borrows.
        let result = unsafe { libc::pthread_mutexattr_init(place.as_mut_ptr()) };
        check("pthread_mutexattr_init", result)?;
        // SAFETY: the call above has initialised it.
        Ok(Attributes(unsafe { place.assume_init_mut() }))
    }
}

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, and not used after.
        unsafe { libc::pthread_mutexattr_destroy(self.0) };
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
    /// EDEADLK if this thread holds it already; ENOTRECOVERABLE if a successor of a dead holder
    /// dropped the lock without [repair](InconsistentGuard::repair).
    pub fn lock(&self) -> Result<Acquired<'_, T>, CallError> {
        // SAFETY: an initialised mutex in mapped memory.
        match unsafe { libc::pthread_mutex_lock(self.mutex()) } {
            0 => Ok(Acquired::Clean(self.guard())),
            libc::EOWNERDEAD => Ok(Acquired::OwnerDied(InconsistentGuard {
                guard: self.guard(),
            })),
            errno => Err(call_error("pthread_mutex_lock", errno)),
        }
    }

    /// Takes the lock if it is free, or its holder dead; None if it is held.
    ///
    /// # Errors
    /// ENOTRECOVERABLE, as [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<Option<Acquired<'_, T>>, CallError> {
        // SAFETY: an initialised mutex in mapped memory.
        match unsafe { libc::pthread_mutex_trylock(self.mutex()) } {
            0 => Ok(Some(Acquired::Clean(self.guard()))),
            libc::EOWNERDEAD => Ok(Some(Acquired::OwnerDied(InconsistentGuard {
                guard: self.guard(),
            }))),
            // glibc tells its own thread from others; to the caller it is held either way.
            libc::EBUSY | libc::EDEADLK => Ok(None),
            errno => Err(call_error("pthread_mutex_trylock", errno)),
        }
    }

    /// The guard of the lock that this thread has just taken.
    fn guard(&self) -> Guard<'_, T> {
        self.held.store(true, Relaxed);
        Guard {
            mutex: self,
            holder: Generation::current(),
            stays_in_its_thread: PhantomData,
        }
    }
}

impl<T> Drop for RobustMutex<T> {
    fn drop(&mut self) {
        // A guard may have been forgotten. Then the mutex is in its thread's list, and unmapping it
        // would leave a dangling link there: keep the page. So does a child that was forked while
        // the lock was held, whatever became of its copy of the list. The lock itself is not
        // touched: other processes have mappings of their own, and the death of its holder is for
        // them to learn.
        if *self.held.get_mut() {
            return;
        }
        // SAFETY: no thread of this process borrows or holds it. munmap of our own mapping, with
        // the length it was made with, cannot fail.
        unsafe { libc::munmap(self.inner.as_ptr().cast(), self.bytes) };
    }
}

/// The lock is held by this thread until this is dropped.
#[must_use]
pub struct Guard<'a, T> {
    mutex: &'a RobustMutex<T>,
    holder: Generation,
    stays_in_its_thread: PhantomData<*mut ()>,
}

impl<T: Copy> Guard<'_, T> {
    /// The value.
    ///
    /// # Panics
    /// In a child forked while the lock was held, because its parent holds the lock.
    pub fn get(&self) -> T {
        assert_holder(self.holder);
        // SAFETY: this process holds the lock, so no one writes; mapped as long as the mutex.
        unsafe { *self.mutex.inner.as_ref().value.get() }
    }

    /// Writes the value.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn set(&mut self, value: T) {
        assert_holder(self.holder);
        // SAFETY: this process holds the lock, so no other thread reads or writes, and no reference
        // is ever lent.
        unsafe { *self.mutex.inner.as_ref().value.get() = value }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // In a forked child this is a copy. The lock is not the child's, and the C library must not
        // be asked: it compares thread numbers, which another PID namespace repeats.
        if self.holder != Generation::current() {
            return;
        }
        self.mutex.held.store(false, Relaxed);
        // SAFETY: an initialised mutex in mapped memory, locked by this thread.
        unsafe { libc::pthread_mutex_unlock(self.mutex.mutex()) };
    }
}

/// The lock is held, but the data behind it may be half changed.
#[must_use]
pub struct InconsistentGuard<'a, T> {
    guard: Guard<'a, T>,
}

impl<'a, T: Copy> InconsistentGuard<'a, T> {
    /// Gives `repair` the value, puts what it returns in its place, declares it consistent and
    /// returns the guard.
    ///
    /// # Errors
    /// That of pthread_mutex_consistent(3).
    ///
    /// # Panics
    /// As [`Guard::get`].
    pub fn repair(mut self, repair: impl FnOnce(T) -> T) -> Result<Guard<'a, T>, CallError> {
        let repaired = repair(self.guard.get());
        self.guard.set(repaired);
        // SAFETY: this process holds this mutex, or `set` had panicked, and it got EOWNERDEAD for
        // it.
        let result = unsafe { libc::pthread_mutex_consistent(self.guard.mutex.mutex()) };
        check("pthread_mutex_consistent", result)?;
        Ok(self.guard)
    }
}

// SAFETY: the value moves between threads and processes under the lock; `new` requires
// `Shareable + Send`.
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

impl<T> fmt::Debug for InconsistentGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InconsistentGuard").finish_non_exhaustive()
    }
}

fn check(operation: &'static str, errno: i32) -> Result<(), CallError> {
    match errno {
        0 => Ok(()),
        errno => Err(call_error(operation, errno)),
    }
}

fn call_error(operation: &'static str, errno: i32) -> CallError {
    CallError::new(operation, "a robust mutex between processes", errno)
}
