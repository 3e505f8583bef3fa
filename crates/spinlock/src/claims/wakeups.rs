//! Whether a thread that sleeps at a lock can be woken.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use locks::system_calls::{futex_wait_briefly, futex_wake};
use nix::errno::Errno;
use observe::{Error, Operation};

/// How long a sleeper is looked for; it sleeps nearly all the time.
const LIMIT: Duration = Duration::from_secs(2);

/// Makes sure that FUTEX_WAKE wakes a thread that sleeps. Where it does not, the waiters of a lock
/// sleep for ever, and the experiment with them.
///
/// # Errors
/// The call is refused, or answers 0 while a thread sleeps.
pub(super) fn require() -> Result<()> {
    let asleep = AtomicU32::new(1);
    thread::scope(|scope| {
        let sleep = || {
            while asleep.load(Relaxed) == 1 {
                futex_wait_briefly(&asleep, 1);
            }
        };
        // The name tells in a trace that it is no thread of the claim.
        let sleeper = Builder::new()
            .name("self-check".to_owned())
            .spawn_scoped(scope, sleep)
            .map_err(|e| Error::from_io("spawn a sleeper", &e).with_kind(Operation::Thread))?;
        let start = Instant::now();
        let mut woken = 0;
        while woken == 0 && start.elapsed() < LIMIT {
            woken = futex_wake(&asleep);
            thread::yield_now();
        }
        let errno = Errno::last();
        asleep.store(0, Relaxed);
        // At the end of the scope nothing is left to wait for, which would take a wakeup.
        let _ = sleeper.join();
        match woken {
            1.. => Ok(()),
            0 => bail!("futex FUTEX_WAKE answered 0 for {LIMIT:?} while a thread slept"),
            _ => Err(Error::new("futex FUTEX_WAKE", errno).into()),
        }
    })
}

#[cfg(test)]
mod tests {
    use harness::seccomp::Filter;

    use super::*;

    #[test]
    fn a_kernel_that_wakes_nobody_is_known() {
        require().unwrap();
        let lied_to = |errno| {
            let trial = thread::spawn(move || {
                let filter = Filter::answering(&["futex(FUTEX_WAKE)"], errno).unwrap();
                filter.install().unwrap();
                require().unwrap_err().to_string()
            });
            trial.join().unwrap()
        };
        assert!(lied_to(None).contains("answered 0"));
        assert!(lied_to(Some(Errno::ENOSYS)).contains("ENOSYS"));
    }
}
