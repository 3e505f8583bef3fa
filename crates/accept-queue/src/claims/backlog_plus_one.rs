//! How many connections wait: one more than the backlog, and the next SYN is dropped and counted.

use std::net::TcpListener;

use anyhow::{Context, Result};
use child::OwnNetwork;
use claim::Prediction::{AtLeast, Count};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};
use harness::limits::room_for_descriptors;
use nix::errno::Errno;
use observe::sock_diag::ESTABLISHED;
use observe::{netstat, sysctl, tcp_info};
use prefork::{Accept, Site};
use socket2::{Domain, Protocol, Socket, Type};

use super::wait_for;

/// Connections asked for beyond what the queue holds.
const EXCESS: usize = 2;
/// What net.core.somaxconn is set to in the namespace, where that may be: few connections then fill
/// a queue that it caps.
const SOMAXCONN: u64 = 64;

/// Each backlog, and what it lets in.
const BACKLOGS: [(i32, Quantity); 5] = [
    (0, holds("ESTABLISHED with backlog 0", 0)),
    (1, holds("ESTABLISHED with backlog 1", 1)),
    (2, holds("ESTABLISHED with backlog 2", 2)),
    (5, holds("ESTABLISHED with backlog 5", 5)),
    (128, holds("ESTABLISHED with backlog 128", 128)),
];
const DROPPED: Quantity = Name("SYNs dropped and counted as ListenOverflows")
    .predict(AtLeast((BACKLOGS.len() * EXCESS) as f64), Count(0));
const CAPPED: Quantity = Name("ESTABLISHED beyond somaxconn, with a backlog of twice as much")
    .count(1, 1 + EXCESS as u64);

const fn holds(name: &'static str, backlog: u64) -> Quantity {
    Name(name).count(backlog + 1, backlog + 1 + EXCESS as u64)
}

pub(super) const CLAIM: Claim = Claim {
    id: "backlog-plus-one",
    statement: "A queue with backlog B holds B + 1 connections; the next SYN is dropped and \
                counted; somaxconn caps the backlog.",
    measures: "In a network namespace of its own: for B of 0, 1, 2, 5 and 128, B + 3 clients \
               connect while nobody accepts; TCP_INFO tells who is ESTABLISHED, /proc/net/netstat \
               what was dropped. Then the same with a backlog of twice somaxconn, which is set to \
               64 there if /proc/sys may be written.",
    control: "the server accepts each connection as it comes",
    notes: &[9],
    needs: &["a network namespace: root, or user namespaces for everyone"],
    syscalls: &["unshare", "listen", "connect", "getsockopt TCP_INFO"],
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

fn measure(arm: Arm) -> Result<Reading> {
    let child = child::fork("backlog", |parent| {
        let network = parent.enter_network()?;
        let mut established = Vec::new();
        for (backlog, _) in BACKLOGS {
            let asked = backlog as usize + 1 + EXCESS;
            room_for_descriptors(2 * asked as u64 + 64)?;
            established.push(fill_queue(backlog, asked, arm)?);
        }
        let dropped = netstat::listen_overflows()?;
        let cap = somaxconn(&network)?;
        let asked = cap as usize + 1 + EXCESS;
        // A client each and, in the control, as many at the server.
        room_for_descriptors(2 * asked as u64 + 64)?;
        let held = fill_queue(cap.saturating_mul(2), asked, arm)?;
        Ok((established, dropped, (cap, held), settings()))
    })?;
    let (established, dropped, (cap, held), settings) = child.join()?;
    let columns = ["backlog", "asked to connect", "ESTABLISHED"];
    let mut table = Table::new("who got in", &columns);
    let mut reading = Reading::kernel();
    for ((backlog, quantity), established) in BACKLOGS.into_iter().zip(established) {
        let asked = backlog as u64 + 1 + EXCESS as u64;
        table.row([backlog as u64, asked, established].map(|number| number.to_string()));
        reading = reading.with(&quantity, established);
    }
    let cap = u64::try_from(cap).unwrap_or(0);
    table.row([
        format!("{}, somaxconn {cap}", 2 * cap),
        (cap + 1 + EXCESS as u64).to_string(),
        held.to_string(),
    ]);
    Ok(reading
        .with(&DROPPED, dropped)
        .with(&CAPPED, held.saturating_sub(cap))
        .table(table)
        .note(settings))
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

/// Asks for so many connections to a listener with this backlog; says how many are ESTABLISHED.
fn fill_queue(backlog: i32, asked: usize, arm: Arm) -> Result<u64> {
    let site = Site {
        backlog,
        ..Site::loopback(1)
    };
    let listener = site.listener(Accept::NonBlocking)?;
    let address = listener.local_addr().context("getsockname")?;
    let overflows = netstat::listen_overflows()?;
    let mut clients = Vec::new();
    let mut accepted = Vec::new();
    for _ in 0..asked {
        let kind = Type::STREAM.nonblocking().cloexec();
        let client = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP)).context("socket")?;
        match client.connect(&address.into()) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => {
                return Err(e).context("connect");
            }
            _ => {}
        }
        if arm == Arm::Control {
            wait_for("a connection to accept", || {
                Ok(accept(&listener, &mut accepted))
            })?;
        }
        clients.push(client);
    }
    let established = || -> Result<u64> {
        let mut count = 0;
        for client in &clients {
            count += u64::from(tcp_info::read(client)?.state == ESTABLISHED);
        }
        Ok(count)
    };
    // Every SYN has had its answer: a connection, or a drop that was counted.
    wait_for("an answer to every SYN", || {
        let dropped = netstat::listen_overflows()? - overflows;
        Ok(established()? + dropped >= clients.len() as u64)
    })?;
    established()
}

fn accept(listener: &TcpListener, accepted: &mut Vec<std::net::TcpStream>) -> bool {
    let connection = listener.accept();
    connection.is_ok_and(|(connection, _)| {
        accepted.push(connection);
        true
    })
}

/// net.core.somaxconn of this network namespace, which is one of its own: [`SOMAXCONN`] where
/// /proc/sys is there and may be written, else the value that was found.
fn somaxconn(network: &OwnNetwork) -> Result<i32> {
    match network.set(sysctl::SOMAXCONN, SOMAXCONN) {
        Err(Errno::EROFS | Errno::EACCES | Errno::EPERM | Errno::ENOENT) => {}
        set => set.with_context(|| format!("write {SOMAXCONN} to {}", sysctl::SOMAXCONN))?,
    }
    let value = sysctl::read(sysctl::SOMAXCONN)?;
    i32::try_from(value).with_context(|| format!("{} is {value}", sysctl::SOMAXCONN))
}
