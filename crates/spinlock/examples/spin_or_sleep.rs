//! A thread that waits for a spinlock computes all the while; one that waits for a mutex sleeps.
//!
//! - run: `cargo run -p spinlock --example spin_or_sleep`
//! - expect: the spinner uses about 1 s of CPU time for each second of waiting, the sleeper none
//! - strace: `strace -f -e trace=futex,getrusage target/debug/examples/spin_or_sleep`
//! - claim: `witness run busy-wait-burns-cpu preempted-holder-collapse`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

fn main() -> Result<()> {
    println!("expect    a waiter for a spinlock burns CPU time, one for a mutex sleeps in futex");
    // ANCHOR: waiters
    let flag = AtomicBool::new(true); // held from the beginning
    let spinning = wait_while_held(
        || flag.store(false, Ordering::Release),
        || {
            while flag.swap(true, Ordering::Acquire) {
                spin_loop();
            }
        },
    )?;
    let mutex = Mutex::new(());
    let guard = mutex.lock().map_err(|_| anyhow!("a poisoned mutex"))?;
    let sleeping = wait_while_held(|| drop(guard), || drop(mutex.lock()))?;
    // ANCHOR_END: waiters
    println!("observed  user CPU of the waiter, per second of waiting: {spinning:.3}");
    println!("control   user CPU of the waiter, per second of waiting: {sleeping:.3}");
    Ok(())
}

/// Lets another thread wait for a lock that this one holds, until this one has computed for 120 ms;
/// the waiter's user time for each second of waiting.
fn wait_while_held(release: impl FnOnce(), lock: impl FnOnce() + Send) -> Result<f64> {
    let both = Barrier::new(2);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            both.wait();
            let before = user_time()?;
            let start = Instant::now();
            lock();
            let waited = start.elapsed().as_secs_f64();
            println!("getrusage the waiter is in, after {:.0} ms", waited * 1e3);
            Ok((user_time()? - before) / waited)
        });
        both.wait();
        let cpu_time = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
        let end = cpu_time().context("clock_gettime")?.num_milliseconds() + 120;
        while cpu_time().is_ok_and(|now| now.num_milliseconds() < end) {}
        release();
        waiter.join().map_err(|_| anyhow!("the waiter panicked"))?
    })
}

/// User CPU time of the calling thread, in seconds.
fn user_time() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).context("getrusage")?;
    Ok(usage.user_time().num_microseconds() as f64 / 1e6)
}
