//! Woken is not served: a connection wakes a worker, and a process that is running takes it first.

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use claim::{Act, Arm, Does, InControl, Table};
use harness::pin;
use observe::fdinfo;
use prefork::{Metering, Site, strategies};
use serde::{Deserialize, Serialize};

use super::acts::LONE_WORKER;
use super::pool::{ensure_left_alone, wait_until_served};
use crate::client::Client;
use crate::workers::Workers;

/// Connections that the running process is to take; as many are made in the control.
pub(super) const CONNECTIONS: u64 = 20;

/// Connections that are made at most: on a busy machine the running process may lose its turn
/// meanwhile.
const MAX_CONNECTIONS: u64 = 40 * CONNECTIONS;

/// What makes a wakeup futile.
pub(super) const OVERTAKE: Act = Does("accepts, without blocking, what it has just connected")
    .call("ioctl", "FIONBIO, [1]")
    .by("runner")
    .times(CONNECTIONS as usize)
    .shown_by(
        "O_NONBLOCK among the flags in /proc/self/fdinfo; getpeername of what it accepted: the \
         client of that connection, twenty times",
    )
    .in_control(InControl::Not)
    .or_not_measured("run it on a machine that does little else meanwhile");

/// What became of them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Overtaken {
    /// Connections that the running process took.
    pub(super) taken: u64,
    /// Wakeups of the worker that slept in accept.
    pub(super) wakeups: u64,
    /// Connections that it accepted.
    pub(super) accepted: u64,
    /// Returns of its call.
    pub(super) returns: u64,
}

impl Overtaken {
    /// Who did what.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(
            "one worker asleep in accept, one process that runs",
            &["", "wakeups", "returns", "accepted"],
        );
        let cells = [self.wakeups, self.returns, self.accepted].map(|count| count.to_string());
        table.row(["the worker".to_owned()].into_iter().chain(cells));
        table.row(["the running process", "-", "-", &self.taken.to_string()]);
        table
    }
}

/// Makes connections to a worker that sleeps in accept. In the experiment the process that makes
/// them accepts, too, without leaving the CPU: the worker has been woken by then and has not run.
/// All are on one CPU, where a batch process does not preempt an ordinary one that wakes it
/// (sched(7)).
///
/// # Errors
/// Those of the worker and of the connections.
pub(super) fn overtake(arm: Arm) -> Result<Overtaken> {
    // In a child: what is bound to a CPU stays bound.
    let child = child::fork("runner", |_| {
        pin::stay_here()?;
        let mut prepared = (strategies::by_name("blocking")?.prepare)(&Site::loopback(1))?;
        let own = prepared.listeners[0].try_clone().context("dup")?;
        let mut client = Client::new(own.local_addr().context("getsockname")?);
        let mut worker = Workers::start_as(LONE_WORKER, &mut prepared, 1, Metering::Counts)?;
        let raced = race(arm, &own, &mut client, &mut worker);
        ensure_left_alone(&worker)?;
        Ok(raced?)
    })?;
    Ok(child.join()?)
}

/// Makes the connections, each while `worker` sleeps in accept.
fn race(
    arm: Arm,
    own: &TcpListener,
    client: &mut Client,
    worker: &mut Workers,
) -> Result<Overtaken> {
    pin::make_batch_process(worker.pids()[0])?;
    let before = worker.settle()?;
    let tries = arm.choose(MAX_CONNECTIONS, CONNECTIONS);
    let (mut made, mut taken) = (0, 0);
    while taken < CONNECTIONS && made < tries {
        made += 1;
        if arm == Arm::Experiment {
            // For our accept only: the worker's has already started, and blocks in any case.
            own.set_nonblocking(true).context("ioctl FIONBIO")?;
            if !is_nonblocking(own)? {
                break;
            }
        }
        let connection = client.connect()?;
        if arm == Arm::Experiment {
            if let Ok((accepted, _)) = own.accept() {
                let client = connection.local_addr().context("getsockname")?;
                taken += u64::from(accepted.peer_addr().is_ok_and(|peer| peer == client));
            }
            own.set_nonblocking(false).context("ioctl FIONBIO")?;
        }
        wait_until_served(&connection, &worker.pids())?;
        worker.settle()?;
    }
    let spent = worker.settle()?.since(&before);
    Ok(Overtaken {
        taken,
        wakeups: spent.sum(|worker| worker.sleeps),
        accepted: spent.sum(|worker| worker.accepted),
        returns: spent.sum(|worker| worker.returns),
    })
}

/// Whether accept on `listener` returns at once where no connection waits.
fn is_nonblocking(listener: &TcpListener) -> Result<bool> {
    let info = fdinfo::read(std::process::id() as i32, listener.as_raw_fd())?;
    Ok(info.status_flags & libc::O_NONBLOCK != 0)
}
