//! A busy waiter uses CPU time and gets nothing done.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use claim::Prediction::{AtLeast, AtMost};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::clock::thread_cpu_ns;
use locks::{Futex, TestAndSet};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use observe::{Error, Operation};

const BURNT: Quantity = Name("user CPU of the waiter, per second of waiting")
    .predict(AtLeast(0.2), AtMost(0.1))
    .unit("s");
/// How long the lock is held.
const HELD: Duration = Duration::from_millis(120);
/// A shorter wait means that the lock let the waiter in while it was held.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

pub(super) const CLAIM: Claim = Claim {
    id: "busy-wait-burns-cpu",
    statement: "A thread that waits for a spinlock computes all the while; one that waits for a \
                mutex sleeps.",
    measures: "The holder keeps the lock for 120 ms while one other thread waits for it; the \
               waiter reads its own user CPU time before and after.",
    control: "a futex mutex in place of the spinlock",
    notes: &[18, 21],
    needs: &[claim::QUIET_MACHINE],
    syscalls: &["futex", "getrusage"],
    man: &["getrusage(2)", "futex(2)"],
    quantities: &[BURNT],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let waited = match arm {
        Arm::Experiment => wait_for::<TestAndSet>()?,
        Arm::Control => wait_for::<Futex>()?,
    };
    ensure!(
        waited.wall >= SHORTEST_WAIT.as_secs_f64(),
        "the waiter came in after {:.6} s, while the lock was held for {} s: it kept no thread out",
        waited.wall,
        HELD.as_secs_f64()
    );
    Ok(Reading::kernel()
        .with(&BURNT, waited.user / waited.wall)
        .note("1 when the waiter has a CPU to itself; less where others compete for it")
        .note(format!(
            "waited {:.3} s; {:.0} % of the thread's CPU time, {:.3} ms, was in user mode",
            waited.wall,
            100.0 * waited.user / waited.cpu.max(waited.user).max(1e-9),
            waited.cpu * 1e3
        )))
}

/// What a wait took, in seconds.
struct Waited {
    wall: f64,
    user: f64,
    cpu: f64,
}

/// The wait of a thread for a lock that is held.
fn wait_for<L: lock_api::RawMutex + Sync + Send>() -> Result<Waited> {
    let mutex = lock_api::Mutex::<L, ()>::new(());
    let about_to_wait = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let held = mutex.lock();
        let waiting = || -> Result<Waited> {
            let (cpu, user, start) = (thread_cpu_ns(), user_time()?, Instant::now());
            about_to_wait.store(true, Relaxed);
            drop(mutex.lock());
            Ok(Waited {
                wall: start.elapsed().as_secs_f64(),
                user: user_time()? - user,
                cpu: (thread_cpu_ns() - cpu) as f64 / 1e9,
            })
        };
        let waiter = Builder::new()
            .spawn_scoped(scope, waiting)
            .map_err(|e| Error::from_io("spawn the waiter", &e).of(Operation::Thread))?;
        while !about_to_wait.load(Relaxed) && !waiter.is_finished() {
            std::thread::yield_now();
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the time that is measured"
        )]
        std::thread::sleep(HELD);
        drop(held);
        waiter.join().map_err(|_| anyhow!("the waiter panicked"))?
    })
}

/// User CPU time of this thread so far, in seconds.
fn user_time() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).context("getrusage RUSAGE_THREAD")?;
    let time: TimeVal = usage.user_time();
    Ok(time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
}
