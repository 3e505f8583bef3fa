//! A busy waiter uses CPU time and gets nothing done.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use claim::Prediction::{AtLeast, AtMost};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::clock::thread_cpu_ns;
use locks::{Futex, TestAndSet};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::gettid;
use observe::{Error, Operation};

use super::wakeups;

const BURNT: Quantity = Name("user CPU of the waiter, per second of waiting")
    .predict(AtLeast(0.2), AtMost(0.1))
    .unit("s");
const HOLD: Act = Does("holds the lock until after the waiter has asked for it")
    .in_memory()
    .shown_by("a mark that is set just before the release; the waiter finds it when it comes in");
const WAIT: Act = Does("asks for the lock that is held")
    .in_memory()
    .by("waiter")
    .shown_by("a wait of 100 ms or more");
const SPIN: Act = Does("stays on the CPU while it waits")
    .in_memory()
    .by("waiter")
    .shown_by("its state in /proc/TID/status just before the release: R, and not S")
    .in_control(InControl::Instead("futex", "FUTEX_WAIT_PRIVATE"))
    .or_not_measured("run it again while the machine does little else");
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
    example: Some("spin_or_sleep"),
    lesson: Some("strace-mutex-sleeps-spinlock-burns"),
    needs: &[claim::QUIET_MACHINE],
    acts: &[HOLD, WAIT, SPIN],
    man: &["getrusage(2)", "futex(2)"],
    quantities: &[BURNT],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    wakeups::require()?;
    let (waited, state) = match arm {
        Arm::Experiment => wait_for::<TestAndSet>()?,
        Arm::Control => wait_for::<Futex>()?,
    };
    // Two clocks of the kernel: what one has not counted, the other has.
    ensure!(
        waited.user <= waited.cpu + 0.02 && waited.cpu <= 2.0 * waited.user + 0.02,
        "getrusage says {:.3} s of user time, and the thread's CPU clock {:.3} s in all",
        waited.user,
        waited.cpu
    );
    Ok(Reading::kernel()
        .act(&HOLD, waited.found_released)
        .act(&WAIT, waited.wall >= SHORTEST_WAIT.as_secs_f64())
        .act(&SPIN, state == 'R')
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
    /// Whether the lock had been released when the waiter came in.
    found_released: bool,
}

/// The wait of a thread for a lock that is held, and the state of the thread at its end.
fn wait_for<L: lock_api::RawMutex + Sync + Send>() -> Result<(Waited, char)> {
    let mutex = lock_api::Mutex::<L, ()>::new(());
    let (about_to_wait, released) = (AtomicBool::new(false), AtomicBool::new(false));
    let thread = AtomicI32::new(0);
    std::thread::scope(|scope| {
        let held = mutex.lock();
        let waiting = || -> Result<Waited> {
            let (cpu, user, start) = (thread_cpu_ns(), user_time()?, Instant::now());
            thread.store(gettid().as_raw(), Relaxed);
            about_to_wait.store(true, Relaxed);
            let inside = mutex.lock();
            let found_released = released.load(Relaxed);
            drop(inside);
            Ok(Waited {
                wall: start.elapsed().as_secs_f64(),
                user: user_time()? - user,
                cpu: (thread_cpu_ns() - cpu) as f64 / 1e9,
                found_released,
            })
        };
        let waiter = Builder::new()
            .name("waiter".to_owned())
            .spawn_scoped(scope, waiting)
            .map_err(|e| Error::from_io("spawn the waiter", &e).with_kind(Operation::Thread))?;
        while !about_to_wait.load(Relaxed) && !waiter.is_finished() {
            std::thread::yield_now();
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the time that is measured"
        )]
        std::thread::sleep(HELD);
        let state = observe::status::read(thread.load(Relaxed)).map(|it| it.state);
        released.store(true, Relaxed);
        drop(held);
        let waited = waiter
            .join()
            .map_err(|_| anyhow!("the waiter panicked"))??;
        Ok((waited, state?))
    })
}

/// User CPU time of this thread so far, in seconds.
fn user_time() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).context("getrusage RUSAGE_THREAD")?;
    let time: TimeVal = usage.user_time();
    Ok(time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
}
