//! A spinlock does not notice that its holder is dead.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::{flock, scratch, wait};
use locks::robust::Acquired;
use locks::{RobustMutex, Shared, SharedMutex, TestAndSet};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::compare::render::nanoseconds;

const SPINLOCK: Quantity = Name("spinlock, 100 ms after its holder ended").word("locked", "got");
const ROBUST: Quantity =
    Name("robust mutex, asked by its next owner").word("EOWNERDEAD, got", "got");
const FLOCK: Quantity =
    Name("flock, before and after the end of its holder").word("held, got", "got, got");
const TAKE_FLOCK: Act = Does("takes the flock")
    .call("flock", "LOCK_EX")
    .by("holder")
    .shown_by(
        "the `lock:` line of its descriptor in /proc/PID/fdinfo, or the refusal of another process \
         where the kernel has no such lines",
    );
const TAKE_SPINLOCK: Act = Does("takes the spinlock")
    .in_memory()
    .by("holder")
    .shown_by("a spinlock that the parent is refused");
const TAKE_ROBUST: Act = Does("takes the robust mutex")
    .in_memory()
    .by("holder")
    .shown_by("a robust mutex that the parent is refused");
const REGISTERED: Act = Does("has a robust list that the kernel knows")
    .in_memory()
    .by("holder")
    .shown_by("its address (get_robust_list)")
    .or_not_measured("run it where no filter refuses set_robust_list");
const KEEP: Act = Does("gives nothing back before it is killed")
    .in_memory()
    .by("holder")
    .shown_by("the same evidence and the refusal of the spinlock, just before the kill")
    .in_control(InControl::Instead("flock", "LOCK_UN"));
const KILL: Act = Does("kills the holder with SIGKILL")
    .call("pidfd_send_signal", "SIGKILL")
    .shown_by("how the holder ended (waitid)");
const GIVE_UP: Act = Does("gives up its handle of the robust mutex")
    .in_memory()
    .by("bystander")
    .shown_by("it had a handle, and it ended with status 0");
const ASK: Act = Does("asks for the spinlock again and again")
    .in_memory()
    .shown_by("a count of its tries, within 100 ms");
/// How long the holder may take for each step, its death among them.
const HOLDER_LIMIT: Duration = Duration::from_secs(5);
/// How long the robust mutex is waited for: it is handed on before its holder's end is seen.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(1);
/// How long the spinlock is waited for.
const DEADLINE: Duration = Duration::from_millis(100);

pub(super) const CLAIM: Claim = Claim {
    id: "dead-holder-hangs",
    statement: "A spinlock whose holder is killed stays locked for ever; the kernel hands a robust \
                mutex on (EOWNERDEAD) and drops a flock.",
    measures: "A child takes a process-shared spinlock, a robust mutex and a flock, and is killed \
               with SIGKILL. A bystander, a process that never locked, gives up its handle of the \
               robust mutex. Then the parent asks for the robust mutex and the flock, and spins \
               for 100 ms.",
    control: "the child releases all three before it is killed",
    notes: &[21, 26],
    acts: &[
        TAKE_FLOCK,
        TAKE_SPINLOCK,
        TAKE_ROBUST,
        REGISTERED,
        KEEP,
        KILL,
        GIVE_UP,
        ASK,
    ],
    man: &[
        "pthread_mutexattr_setrobust(3)",
        "get_robust_list(2)",
        "flock(2)",
    ],
    quantities: &[SPINLOCK, ROBUST, FLOCK],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let spinlock = Shared::new(SharedMutex::<TestAndSet, u64>::new(0))?;
    let mut robust = RobustMutex::new(0_u64).map(Some)?;
    // Any inode can be locked: no folder is needed for one.
    let file = scratch::in_memory(b"")?;
    let mut holder = child::fork("holder", |parent| {
        // A description of its own, so that the lock is the child's and not the parent's as well.
        let own = scratch::open_from_process(parent.pid(), file.as_raw_fd(), OFlag::O_WRONLY)?;
        let robust = robust.as_ref().context("the child's copy is there")?;
        let held = (spinlock.lock(), robust.lock()?, own.lock()?);
        // Where the question is refused, the hand-over answers it.
        let registered = observe::robust_list::is_registered().unwrap_or(true);
        parent.send(&(own.as_raw_fd(), registered))?;
        parent.checkpoint()?;
        if arm == Arm::Control {
            drop(held);
            own.unlock()?;
        }
        Ok(parent.checkpoint()?)
    })?
    .limit(HOLDER_LIMIT);
    let (number, registered): (i32, bool) = holder.recv()?;
    let pid = holder.pid();
    holder.at_checkpoint()?;
    let (took, shut) = (
        flock::is_held((pid, number), "FLOCK", &file)?,
        spinlock.try_lock().is_none(),
    );
    let robust_shut = match &robust {
        Some(robust) => robust.try_lock()?.is_none(),
        None => false,
    };
    holder.release()?;
    holder.at_checkpoint()?;
    let kept = flock::is_held((pid, number), "FLOCK", &file)? && spinlock.try_lock().is_none();
    let before = try_flock(&file)?;
    holder.signal(Signal::SIGKILL)?;
    let end = holder.wait()?;
    let killed_by = matches!(end, WaitStatus::Signaled(_, Signal::SIGKILL, _));
    let gave_up = child::fork("bystander", |_| {
        Ok(robust.take().is_some()) // the bystander's copy only
    })?
    .join()?;
    let robust = robust.context("the parent's handle is there")?;

    let killed = Instant::now();
    let handed_on = wait::until_some("the robust mutex", HAND_OVER_LIMIT, || {
        Ok::<_, anyhow::Error>(robust.try_lock()?)
    });
    let taken = killed.elapsed();
    let owner = match handed_on {
        Ok(Acquired::Clean(_)) => "got",
        Ok(Acquired::OwnerDied(bereft)) => {
            drop(bereft.repair(|_| 0)?);
            "EOWNERDEAD, got"
        }
        Err(error) if error.is::<wait::Error>() => "locked",
        Err(error) => return Err(error),
    };
    let after = try_flock(&file)?;
    let start = Instant::now();
    let (mut got, mut tries) = (None, 0_u64);
    while got.is_none() && start.elapsed() < DEADLINE {
        got = spinlock.try_lock();
        tries += 1;
    }
    let spun = start.elapsed();
    Ok(Reading::kernel()
        .act(&TAKE_FLOCK, took)
        .act(&TAKE_SPINLOCK, shut)
        .act(&TAKE_ROBUST, robust_shut)
        .act(&REGISTERED, registered)
        .act(&KEEP, kept)
        .act(&KILL, killed_by)
        .act(&GIVE_UP, gave_up)
        .act(&ASK, tries > 0 && (got.is_some() || spun >= DEADLINE))
        .with(&SPINLOCK, if got.is_some() { "got" } else { "locked" })
        .with(&ROBUST, owner)
        .with(&FLOCK, format!("{before}, {after}"))
        .note(format!(
            "the robust mutex was there {} after its holder's end was seen; the spinlock was asked \
             for {tries} times",
            nanoseconds(taken.as_nanos() as f64)
        )))
}

/// Whether flock(2) can be had just now, `got` or `held`; it is given back.
fn try_flock(file: &File) -> Result<&'static str> {
    let locked = flock::is_locked(file)?;
    Ok(if locked { "held" } else { "got" })
}
