//! Serialising accept by a file lock: the herd moves from the socket to the lock.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};
use prefork::Detail;
use prefork::Site;
use prefork::strategies;

use super::sleepers::blocked_in;
use super::{TRACEPOINT_IF_ALLOWED, paced, reading, tracepoint, wakeups};
use crate::workers::Workers;

const FEW: usize = 4;
const MANY: usize = 32;
const CONNECTIONS: u64 = 40;

const IN_FLOCK: &str = "workers, of 32, asleep in flock while one accepts";
const IN_FCNTL: &str = "workers, of 32, asleep in fcntl while one accepts";
const FLOCK: &str = "wakeups with 32 workers over those with 4, under flock";
const FCNTL: &str = "wakeups with 32 workers over those with 4, under fcntl";

const fn grows(name: &'static str) -> Quantity {
    Quantity {
        name,
        unit: "x",
        experiment: Prediction::AtLeast(1.5),
        control: Prediction::Between(0.9, 1.2),
    }
}

const fn waits(name: &'static str) -> Quantity {
    Quantity {
        name,
        unit: "",
        experiment: Prediction::Count(MANY as u64 - 1),
        control: Prediction::Count(0),
    }
}

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "accept-mutex-cost",
    topic: "accept-queue",
    statement: "An accept mutex by flock or fcntl has a herd of its own: its wakeups per connection \
                grow with the number of workers.",
    measures: "Workers take a lock before they accept and give it up after. /proc/PID/syscall tells \
               who sleeps in which call; wakeups per connection are compared between 4 and 32 workers.",
    control: "a robust mutex on a futex in shared memory: two wakeups, however many workers",
    notes: &[13],
    needs: &[TRACEPOINT_IF_ALLOWED, claim::QUIET_MACHINE],
    syscalls: &["flock", "fcntl F_SETLKW", "futex", "accept4"],
    man: &["flock(2)", "fcntl_locking(2)", "futex(2)"],
    quantities: &[waits(IN_FLOCK), waits(IN_FCNTL), grows(FLOCK), grows(FCNTL)],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let tracepoint = tracepoint();
    let mut table = Table::new(
        "wakeups per connection",
        &["mutex", "4 workers", "32 workers"],
    );
    let mut growth = |strategy: &str| -> Result<f64> {
        let few = wakeups(&paced(strategy, FEW, CONNECTIONS, tracepoint.kernel)?);
        let many = wakeups(&paced(strategy, MANY, CONNECTIONS, tracepoint.kernel)?);
        table.row([
            strategy.to_owned(),
            format!("{few:.2}"),
            format!("{many:.2}"),
        ]);
        Ok(many / few)
    };
    let (of_flock, of_fcntl) = match arm {
        Arm::Experiment => ("mutex-flock", "mutex-fcntl"),
        Arm::Control => ("mutex-futex", "mutex-futex"),
    };
    let flock = growth(of_flock)?;
    // The control has one mutex for both.
    let fcntl = if of_fcntl == of_flock {
        flock
    } else {
        growth(of_fcntl)?
    };
    Ok(reading(&tracepoint)
        .with(IN_FLOCK, waiting(of_flock, libc::SYS_flock)?)
        .with(IN_FCNTL, waiting(of_fcntl, libc::SYS_fcntl)?)
        .with(FLOCK, flock)
        .with(FCNTL, fcntl)
        .table(table))
}

/// How many of 32 workers sleep in system call `number` while nobody connects.
fn waiting(strategy: &str, number: libc::c_long) -> Result<u64> {
    let mut prepared = (strategies::by_name(strategy)?.prepare)(&Site::loopback(MANY))?;
    let mut workers = Workers::start(&mut prepared, MANY, Detail::Nothing)?;
    workers.wait_until_asleep()?;
    blocked_in(&workers, number)
}
