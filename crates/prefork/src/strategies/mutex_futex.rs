//! An accept mutex on a futex in shared memory: the C library's robust, process-shared mutex
//! (pthread_mutexattr_setrobust(3)). Robust: where its holder dies, the next one gets it.
#![expect(unsafe_code, reason = "the C library's mutex")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::rc::Rc;

use nix::errno::Errno;

use super::mutex::{AcceptLocked, Lock};
use super::{Prepared, Strategy};
use crate::error::Error;
use crate::listen::{Accept, Site};
use crate::shared::{Shareable, Shared};

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "mutex-futex",
    about: "accept under a robust mutex in shared memory",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::Blocking)?;
    let mutex = Rc::new(Mutex::new().map_err(Error::system("pthread_mutex_init", ""))?);
    let prepared = Prepared::one_listener(listener, move |listener, _| {
        Ok(AcceptLocked {
            listener,
            lock: SharedMutex(Rc::clone(&mutex)),
        })
    });
    Ok(Prepared {
        // FUTEX_WAIT returns at each wakeup; pthread_mutex_lock looks at the mutex and may call it again.
        returns_unseen: true,
        ..prepared
    })
}

struct Cell(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: the C library initialises the bytes before anyone locks, and changes them by its own
// atomic operations, which hold between processes (PTHREAD_PROCESS_SHARED).
unsafe impl Shareable for Cell {}
// SAFETY: as above; a mutex is made to be used from everywhere.
unsafe impl Sync for Cell {}

struct Mutex(Shared<Cell>);

impl Mutex {
    fn new() -> Result<Self, Errno> {
        let mutex = Mutex(Shared::zeroed(1)?);
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised by the first call before the others use them and
        // live on this frame; the mutex lies in memory that nobody else has yet.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes))?;
            check(libc::pthread_mutexattr_setpshared(
                attributes,
                libc::PTHREAD_PROCESS_SHARED,
            ))?;
            check(libc::pthread_mutexattr_setrobust(
                attributes,
                libc::PTHREAD_MUTEX_ROBUST,
            ))?;
            check(libc::pthread_mutex_init(mutex.raw(), attributes))?;
            check(libc::pthread_mutexattr_destroy(attributes))?;
        }
        Ok(mutex)
    }

    fn raw(&self) -> *mut libc::pthread_mutex_t {
        self.0[0].0.get()
    }
}

struct SharedMutex(Rc<Mutex>);

impl Lock for SharedMutex {
    fn locked<T>(&mut self, section: impl FnOnce() -> T) -> Result<T, Errno> {
        // SAFETY: initialised in Mutex::new, and mapped as long as the Rc lives. A second lock by the
        // holder would deadlock, not misbehave, and no section locks again.
        match unsafe { libc::pthread_mutex_lock(self.0.raw()) } {
            // Its holder died. The mutex guards no data, so there is nothing to repair.
            // SAFETY: this process holds it now, as pthread_mutex_consistent asks.
            libc::EOWNERDEAD => check(unsafe { libc::pthread_mutex_consistent(self.0.raw()) })?,
            result => check(result)?,
        }
        let result = section();
        // SAFETY: locked above by this thread.
        check(unsafe { libc::pthread_mutex_unlock(self.0.raw()) })?;
        Ok(result)
    }
}

/// The pthread functions return the error number.
fn check(result: libc::c_int) -> Result<(), Errno> {
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_raw(result))
}
