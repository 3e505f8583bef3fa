//! SO_REUSEPORT: as many queues as sockets, and a dead worker takes its own queue with it.

use anyhow::{Context, Result, ensure};
use claim::Prediction::{AtLeast, Count};
use claim::{Arm, Claim, Name, NotMeasured, Quantity, Reading, Table};
use harness::limits::room_for_descriptors;
use observe::sock_diag::CLOSE;
use observe::sysctl;
use prefork::{Accept, Site};

use super::wait_for;
use crate::client::{Client, End, wait_for_close};

const WORKERS: usize = 4;
const CONNECTIONS: u32 = 64;

const QUEUES: Quantity =
    Name("queues that 64 connections to one port wait in").predict(AtLeast(2.0), Count(1));
/// The longest of four queues holds a quarter at least.
const RESET: Quantity = Name("connections reset when one of 4 workers dies")
    .predict(AtLeast((CONNECTIONS / WORKERS as u32) as f64), Count(0));

pub(super) const CLAIM: Claim = Claim {
    id: "reuseport-splits-the-queue",
    statement: "With SO_REUSEPORT each worker's socket has a queue of its own; what waits in it \
                when its worker dies is reset.",
    measures: "Four workers each hold one listening socket of one port and accept nothing; 64 \
               clients connect; TCP_INFO tells each queue. The worker with the longest queue is \
               killed, the connections that are closed then are counted (TCP_INFO), and the others \
               accept what they have.",
    control: "the four hold one socket: one queue, and the others accept all of it",
    notes: &[9],
    syscalls: &["setsockopt SO_REUSEPORT", "getsockopt TCP_INFO", "accept4"],
    man: &["socket(7)", "tcp(7)"],
    quantities: &[QUEUES, RESET],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    if sysctl::read(sysctl::TCP_MIGRATE_REQ).is_ok_and(|migrates| migrates == 1) {
        return NotMeasured::err(
            "net.ipv4.tcp_migrate_req is 1: the kernel moves a dead socket's queue to another",
            "run it in a network namespace of its own (unshare -n)",
        );
    }
    // Both ends of each connection, and the workers.
    room_for_descriptors(2 * u64::from(CONNECTIONS) + 64)?;
    let site = Site::loopback(WORKERS);
    let mut listeners = match arm {
        Arm::Experiment => site.reuseport_group()?,
        Arm::Control => vec![site.listener(Accept::Blocking)?],
    };
    let address = listeners[0].local_addr().context("getsockname")?;
    let mut workers = Vec::new();
    for index in 0..WORKERS {
        workers.push(child::fork("worker", |parent| {
            // Each closes its siblings' sockets: only then does its own die with it.
            let own = listeners.swap_remove(index.min(listeners.len() - 1));
            listeners.clear();
            parent.checkpoint()?;
            own.set_nonblocking(true)?;
            let mut accepted = Vec::new();
            while let Ok((connection, _)) = own.accept() {
                accepted.push(connection);
            }
            Ok(accepted.len() as u64)
        })?);
    }
    for worker in &mut workers {
        worker.at_checkpoint()?;
    }
    let mut client = Client::new(address);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.connect()?);
    }
    let lengths = || -> Result<Vec<u32>> {
        let length = |listener| Ok(observe::tcp_info::read(listener)?.unacked);
        listeners.iter().map(length).collect()
    };
    wait_for("64 connections in the queues", || {
        Ok(lengths()?.iter().sum::<u32>() == CONNECTIONS)
    })?;
    let lengths = lengths()?;
    let (longest, &length) = lengths
        .iter()
        .enumerate()
        .max_by_key(|(_, length)| **length)
        .context("no queue")?;
    // The workers' sockets are theirs alone from here on.
    drop(listeners);
    let mut victim = workers.remove(longest);
    victim.signal(nix::sys::signal::Signal::SIGKILL)?;
    victim.wait()?;
    // The other workers still hold their sockets: a reset now comes from the victim's end.
    let reset_now = || -> Result<u32> {
        let mut count = 0;
        for connection in &connections {
            count += u32::from(observe::tcp_info::read(connection)?.state == CLOSE);
        }
        Ok(count)
    };
    if arm == Arm::Experiment {
        // A kernel that resets none is to be refuted, and is no broken set-up.
        let _ = wait_for("the resets", || Ok(reset_now()? == length));
    }
    let at_its_end = reset_now()?;
    for worker in &mut workers {
        worker.release()?;
    }
    let mut accepted = 0;
    for worker in workers {
        accepted += worker.join()?;
    }
    let mut reset = 0u32;
    for connection in connections {
        reset += u32::from(wait_for_close(connection)? == End::Reset);
    }
    ensure!(
        accepted + u64::from(reset) == u64::from(CONNECTIONS),
        "{accepted} accepted and {reset} reset of {CONNECTIONS}"
    );
    let mut table = Table::new("length of each queue", &["socket", "connections"]);
    for (index, length) in lengths.iter().enumerate() {
        table.row([index.to_string(), length.to_string()]);
    }
    Ok(Reading::kernel()
        .with(
            &QUEUES,
            lengths.iter().filter(|&&length| length > 0).count(),
        )
        .with(&RESET, at_its_end)
        .note(format!(
            "the killed worker's queue held {length}; {accepted} were accepted by the others, \
             {reset} reset in all"
        ))
        .table(table))
}
