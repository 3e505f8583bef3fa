//! Serialising accept by a file lock: the herd moves from the socket to the lock.

use anyhow::Result;
use claim::Prediction::{AtLeast, Between};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};
use harness::pin;
use prefork::Metering;

use super::sleepers::blocked_in;
use super::{TRACEPOINT_IF_ALLOWED, measure_row, reading, start, tracepoint, wakeups};

const FEW_WORKERS: usize = 4;
const MANY_WORKERS: usize = 32;
const CONNECTIONS: u64 = 40;

const IN_FLOCK: Quantity = waits("workers, of 32, asleep in flock while one accepts");
const IN_FCNTL: Quantity = waits("workers, of 32, asleep in fcntl while one accepts");
const FLOCK: Quantity = grows("wakeups with 32 workers over those with 4, under flock");
const FCNTL: Quantity = grows("wakeups with 32 workers over those with 4, under fcntl");

const fn grows(name: &'static str) -> Quantity {
    Name(name)
        .predict(AtLeast(1.5), Between(0.9, 1.2))
        .unit("x")
}

const fn waits(name: &'static str) -> Quantity {
    Name(name).count(MANY_WORKERS as u64 - 1, 0)
}

pub(super) const CLAIM: Claim = Claim {
    id: "accept-mutex-cost",
    statement: "An accept mutex by flock or fcntl has a herd of its own: its wakeups per \
                connection grow with the number of workers.",
    measures: "Workers take a lock before they accept and give it up after, all on one CPU, so \
               that who gives it up takes it again before another runs. /proc/PID/syscall tells \
               who sleeps in which call; wakeups per connection are compared between 4 and 32 \
               workers.",
    control: "a robust mutex on a futex in shared memory: two wakeups, however many workers",
    notes: &[13],
    needs: &[TRACEPOINT_IF_ALLOWED, claim::QUIET_MACHINE],
    syscalls: &["flock", "fcntl F_SETLKW", "futex", "accept4"],
    man: &["flock(2)", "fcntl_locking(2)", "futex(2)"],
    quantities: &[IN_FLOCK, IN_FCNTL, FLOCK, FCNTL],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    // The waiters of a file lock stand in a chain, each behind the one before (fs/locks.c). The
    // process that gives the lock up wakes the first waiter. If this waiter finds the lock free,
    // the rest moves up behind it without waking: no herd. If the lock has been taken again by
    // then, each wakes in its turn and waits anew: the herd. On two CPUs the first waiter and the
    // next locker race for it; on one CPU the process that gave the lock up always runs on and
    // takes it again first.
    pin::stay_here()?;
    let tracepoint = tracepoint();
    let mut table = Table::new(
        "wakeups per connection",
        &["mutex", "4 workers", "32 workers"],
    );
    let mut growth = |strategy: &str| -> Result<f64> {
        let few = wakeups(&measure_row(
            strategy,
            FEW_WORKERS,
            CONNECTIONS,
            tracepoint.kernel,
        )?);
        let many = wakeups(&measure_row(
            strategy,
            MANY_WORKERS,
            CONNECTIONS,
            tracepoint.kernel,
        )?);
        table.row([
            strategy.to_owned(),
            format!("{few:.2}"),
            format!("{many:.2}"),
        ]);
        Ok(many / few)
    };
    let by_flock = arm.choose("mutex-flock", "mutex-futex");
    let by_fcntl = arm.choose("mutex-fcntl", "mutex-futex");
    let flock = growth(by_flock)?;
    // The control has one mutex for both.
    let fcntl = if by_fcntl == by_flock {
        flock
    } else {
        growth(by_fcntl)?
    };
    Ok(reading(&tracepoint)
        .with(&IN_FLOCK, count_blocked(by_flock, libc::SYS_flock)?)
        .with(&IN_FCNTL, count_blocked(by_fcntl, libc::SYS_fcntl)?)
        .with(&FLOCK, flock)
        .with(&FCNTL, fcntl)
        .table(table))
}

/// How many of 32 workers sleep in system call `number` while no client connects.
fn count_blocked(strategy: &str, number: libc::c_long) -> Result<u64> {
    let (mut workers, _) = start(strategy, MANY_WORKERS, Metering::Nothing)?;
    workers.wait_until_asleep()?;
    blocked_in(&workers, number)
}
