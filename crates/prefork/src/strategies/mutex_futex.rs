//! An accept mutex on a futex in shared memory: the C library's robust, process-shared mutex
//! (pthread_mutexattr_setrobust(3)). Robust: where its holder dies, the next worker gets it.

use std::rc::Rc;

use locks::robust::Acquired;
use locks::{CallError, RobustMutex};
use nix::errno::Errno;

use super::mutex::{AcceptLocked, Lock};
use super::{Prepared, Strategy};
use crate::error::Error;
use crate::listen::{Accept, Site};

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "mutex-futex",
    about: "accept under a robust mutex in shared memory",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::Blocking)?;
    let mutex = RobustMutex::new(()).map_err(|error| Error::from_call(&error))?;
    let mutex = Rc::new(mutex);
    let prepared = Prepared::one_listener(listener, move |listener, _| {
        Ok(AcceptLocked {
            listener,
            lock: FutexLock(Rc::clone(&mutex)),
        })
    });
    Ok(Prepared {
        // FUTEX_WAIT returns at each wakeup; pthread_mutex_lock then looks at the mutex and may
        // call it again.
        returns_unseen: true,
        ..prepared
    })
}

/// The mutex guards no data, only the turn to accept.
struct FutexLock(Rc<RobustMutex<()>>);

impl Lock for FutexLock {
    fn with_lock<T>(&mut self, section: impl FnOnce() -> T) -> Result<T, Errno> {
        let errno = |error: CallError| Errno::from_raw(error.errno());
        let guard = match self.0.lock().map_err(errno)? {
            Acquired::Clean(guard) => guard,
            // The holder died. There is no data that it may have left half changed.
            Acquired::OwnerDied(inconsistent) => inconsistent.repair(|()| ()).map_err(errno)?,
        };
        let result = section();
        drop(guard);
        Ok(result)
    }
}
