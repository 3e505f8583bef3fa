//! Serialising accept by a file lock: the herd moves from the socket to the lock.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::{TRACEPOINT_IF_ALLOWED, kernel, paced, reading, wakeups};

const FEW: usize = 4;
const MANY: usize = 32;
const CONNECTIONS: u64 = 40;

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

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "accept-mutex-cost",
    topic: "accept-queue",
    statement: "An accept mutex by flock or fcntl has a herd of its own: its wakeups per connection \
                grow with the number of workers.",
    measures: "Workers take a lock before they accept and give it up after; wakeups per connection are \
               compared between 4 and 32 workers.",
    control: "a robust mutex on a futex in shared memory: two wakeups, however many workers",
    notes: &[13],
    needs: &[TRACEPOINT_IF_ALLOWED, claim::QUIET_MACHINE],
    syscalls: &["flock", "fcntl F_SETLKW", "futex", "accept4"],
    man: &["flock(2)", "fcntl_locking(2)", "futex(2)"],
    quantities: &[grows(FLOCK), grows(FCNTL)],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let kernel = kernel();
    let mut table = Table::new(
        "wakeups per connection",
        &["mutex", "4 workers", "32 workers"],
    );
    let mut growth = |strategy: &str| -> Result<f64> {
        let few = wakeups(&paced(strategy, FEW, CONNECTIONS, kernel)?);
        let many = wakeups(&paced(strategy, MANY, CONNECTIONS, kernel)?);
        table.row([
            strategy.to_owned(),
            format!("{few:.2}"),
            format!("{many:.2}"),
        ]);
        Ok(many / few)
    };
    let (flock, fcntl) = match arm {
        Arm::Experiment => (growth("mutex-flock")?, growth("mutex-fcntl")?),
        Arm::Control => {
            let futex = growth("mutex-futex")?;
            (futex, futex)
        }
    };
    Ok(reading(kernel)
        .with(FLOCK, flock)
        .with(FCNTL, fcntl)
        .table(table))
}
