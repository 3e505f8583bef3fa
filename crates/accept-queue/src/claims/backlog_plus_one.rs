//! How many connections wait: one more than the backlog, and the next SYN is dropped and counted.

use anyhow::{Context, Result};
use child::{OwnNetwork, Parent};
use claim::Prediction::{AtLeast, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise, Table};
use nix::errno::Errno;
use observe::{netstat, sysctl};
use serde::{Deserialize, Serialize};

use super::full_queue::{Queue, fill_queue};

/// Connections asked for beyond what the queue holds.
const EXCESS: usize = 2;
/// How much larger the control's backlogs are: all get in there, also where a kernel counts them
/// otherwise than by one more.
const LARGER: i32 = 10;
/// What the experiment sets net.core.somaxconn to, in its namespace: few connections then fill a
/// queue that it caps.
const SOMAXCONN: u64 = 48;

/// Each backlog, and what it lets in.
const BACKLOGS: [(i32, Quantity); 5] = [
    (0, holds("connections that wait with backlog 0", 0)),
    (1, holds("connections that wait with backlog 1", 1)),
    (2, holds("connections that wait with backlog 2", 2)),
    (5, holds("connections that wait with backlog 5", 5)),
    (128, holds("connections that wait with backlog 128", 128)),
];
/// With every backlog, and once more with the cap.
const CONNECTIONS: usize = 1 + 2 + 3 + 6 + 129 + (SOMAXCONN as usize + 1) + 6 * EXCESS;
const DROPPED: Quantity = Name("SYNs dropped and counted as ListenOverflows")
    .predict(AtLeast((BACKLOGS.len() * EXCESS) as f64), Count(0));
const CAPPED: Quantity =
    Name("connections that wait beyond somaxconn, with a backlog of twice as much")
        .count(1, 1 + EXCESS as u64);
/// The largest net.core.somaxconn that is filled where it cannot be set: connections are made one
/// by one.
const LARGEST: u64 = 512;

const fn holds(name: &'static str, backlog: u64) -> Quantity {
    Name(name).count(backlog + 1, backlog + 1 + EXCESS as u64)
}

const NAMESPACE: Act = Does("moves into a network namespace of its own")
    .call("unshare", "CLONE_NEWNET")
    .by("backlog")
    .shown_by("/proc/self/ns/net: another inode than the parent's");
const LISTEN: Act = Does("listens with the backlogs 0, 1, 2, 5 and 128")
    .call("listen", "128")
    .by("backlog")
    .shown_by("TCP_INFO of each listening socket: that backlog is in force")
    .in_control(InControl::Instead("listen", "138"));
const CONNECT: Act = Does("asks for two connections more than each queue is to hold")
    .call("connect", "AF_INET")
    .by("backlog")
    .times(CONNECTIONS)
    .shown_by("TCP_INFO of each client: SYN_SENT or ESTABLISHED");
const CAP: Act = Does("sets net.core.somaxconn to 48 in its namespace")
    .call("write", "\"48\"")
    .by("backlog")
    .shown_by("/proc/sys/net/core/somaxconn in its namespace: half of the last backlog")
    .in_control(InControl::Not)
    .or_not_measured("mount /proc/sys so that it may be written in a network namespace");

pub(super) const CLAIM: Claim = Claim {
    id: "backlog-plus-one",
    statement: "A queue with backlog B holds B + 1 connections; the next SYN is dropped and \
                counted; somaxconn caps the backlog.",
    measures: "In a network namespace of its own: for B of 0, 1, 2, 5 and 128, B + 3 clients \
               connect, one after the other, while nobody accepts; TCP_INFO of the listening \
               socket tells how many wait, /proc/net/netstat what was dropped. Then the same with \
               somaxconn set to 48 and a backlog of 96. A kernel that does not tell is asked by \
               accepting in the end.",
    control: "each backlog is larger by ten, and somaxconn is left as it is: all are let in",
    surprise: Some(Surprise::Small("a backlog of 0 lets one connection wait")),
    notes: &[9],
    example: Some("backlog_plus_one"),
    needs: &["a network namespace: root, or user namespaces for everyone"],
    acts: &[NAMESPACE, LISTEN, CONNECT, CAP],
    man: &["listen(2)", "tcp(7)", "network_namespaces(7)"],
    quantities: &[
        BACKLOGS[0].1,
        BACKLOGS[1].1,
        BACKLOGS[2].1,
        BACKLOGS[3].1,
        BACKLOGS[4].1,
        DROPPED,
        CAPPED,
    ],
    measure,
    ..Claim::DEFAULT
};

/// What the child in its namespace found.
#[derive(Serialize, Deserialize)]
struct Found {
    /// The namespace in which it was found.
    namespace: String,
    /// Each backlog's queue, and last the capped one.
    queues: Vec<Queue>,
    /// None where the kernel does not count it.
    dropped: Option<u64>,
    /// What is to cap the last backlog, and what does.
    cap: u64,
    somaxconn: u64,
    settings: String,
}

fn measure(arm: Arm) -> Result<Reading> {
    let child = child::fork("backlog", |parent| Ok(fill_queues(parent, arm)?))?;
    let found = child.join()?;
    let columns = ["backlog", "in force", "asked to connect", "waited"];
    let mut table = Table::new("who got in", &columns);
    let mut reading = Reading::kernel();
    for queue in &found.queues {
        let cells = [
            u64::from(queue.asked_backlog.unsigned_abs()),
            queue.backlog.into(),
            queue.clients as u64,
            queue.waiting,
        ];
        table.row(cells.map(|number| number.to_string()));
    }
    let (capped, queues) = found.queues.split_last().context("no queue was filled")?;
    for ((_, quantity), queue) in BACKLOGS.iter().zip(queues) {
        reading = reading.with(quantity, queue.waiting);
    }
    let is_in_force =
        |(backlog, queue): (&(i32, Quantity), &Queue)| queue.backlog == backlog.0.unsigned_abs();
    let listened = BACKLOGS.iter().zip(queues).all(is_in_force);
    let sent: usize = found.queues.iter().map(|queue| queue.sent).sum();
    let due = CONNECTIONS + (found.cap - SOMAXCONN) as usize;
    let reading = match found.dropped {
        Some(dropped) => reading.with(&DROPPED, dropped),
        None => reading.leave_out(
            "this kernel tells neither the lengths of queues nor ListenOverflows, so that \
             connections are counted as they are accepted in the end",
            &[DROPPED],
            &[],
        ),
    };
    Ok(reading
        .act(&NAMESPACE, found.namespace != namespace()?)
        .act(&LISTEN, listened)
        .act(&CONNECT, sent == due)
        .act(&CAP, found.somaxconn == found.cap)
        .with(&CAPPED, capped.waiting.saturating_sub(found.cap))
        .table(table)
        .note(found.settings))
}

/// Moves into a network namespace and fills all queues there.
fn fill_queues(parent: &Parent, arm: Arm) -> Result<Found> {
    let network = parent.enter_network()?;
    let mut queues = Vec::new();
    for (backlog, _) in BACKLOGS {
        let more = arm.choose(0, LARGER);
        let clients = backlog as usize + 1 + EXCESS;
        queues.push(fill_queue(backlog + more, clients)?);
    }
    let is_told = queues.iter().all(|queue: &Queue| queue.is_told);
    let dropped = is_told.then(netstat::listen_overflows).transpose()?;
    if arm == Arm::Experiment {
        cap_backlogs(&network)?;
    }
    let cap = match arm {
        Arm::Experiment if !is_told => cap_in_force()?,
        _ => SOMAXCONN,
    };
    let clients = cap as usize + 1 + EXCESS;
    queues.push(fill_queue(2 * cap as i32, clients)?);
    Ok(Found {
        namespace: namespace()?,
        queues,
        dropped,
        cap,
        somaxconn: sysctl::read(sysctl::SOMAXCONN)?,
        settings: settings(),
    })
}

/// The network namespace of this process: `net:[inode]`.
fn namespace() -> Result<String> {
    let path = "/proc/self/ns/net";
    let link = std::fs::read_link(path).with_context(|| format!("readlink {path}"))?;
    Ok(link.to_string_lossy().into_owned())
}

/// What else decides the fate of a SYN, in this network namespace (tcp(7)): read, never set.
fn settings() -> String {
    let settings = ["net.ipv4.tcp_abort_on_overflow", "net.ipv4.tcp_syncookies"].map(|name| {
        let value = sysctl::read(name);
        let value = value.map_or_else(|error| error.to_string(), |value| value.to_string());
        format!("{name} = {value}")
    });
    format!("in that namespace {}", settings.join(", "))
}

/// What caps backlogs where net.core.somaxconn can perhaps not be set: its value, if that is small.
fn cap_in_force() -> Result<u64> {
    let most = sysctl::read(sysctl::SOMAXCONN)?;
    Ok(match (SOMAXCONN..=LARGEST).contains(&most) {
        true => most,
        false => SOMAXCONN,
    })
}

/// Sets net.core.somaxconn to [`SOMAXCONN`] in this namespace; leaves it where /proc/sys is
/// missing or may not be written.
fn cap_backlogs(network: &OwnNetwork) -> Result<()> {
    match network.set(sysctl::SOMAXCONN, SOMAXCONN) {
        // gVisor, whose file cannot be written, answers EIO.
        Err(Errno::EROFS | Errno::EACCES | Errno::EPERM | Errno::ENOENT | Errno::EIO) => Ok(()),
        set => set.with_context(|| format!("write {SOMAXCONN} to {}", sysctl::SOMAXCONN)),
    }
}
