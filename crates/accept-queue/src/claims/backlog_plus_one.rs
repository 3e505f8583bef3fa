//! How many connections wait: one more than the backlog, and the next SYN is dropped and counted.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};
use observe::sock_diag::ESTABLISHED;
use observe::{netstat, tcp_info};
use socket2::{Domain, Protocol, Socket, Type};

use super::until;
use crate::listen::{Empty, Site};

/// Connections asked for beyond what the queue holds.
const MORE: usize = 2;
/// What net.core.somaxconn is set to in the namespace, and the backlog then asked for.
const SOMAXCONN: i32 = 64;
const OVER: i32 = 2 * SOMAXCONN;

const BACKLOGS: [(i32, &str); 5] = [
    (0, "ESTABLISHED with backlog 0"),
    (1, "ESTABLISHED with backlog 1"),
    (2, "ESTABLISHED with backlog 2"),
    (5, "ESTABLISHED with backlog 5"),
    (128, "ESTABLISHED with backlog 128"),
];
const DROPPED: &str = "SYNs dropped and counted as ListenOverflows";
const CAPPED: &str = "ESTABLISHED with backlog 128 and somaxconn 64";

const fn holds(row: usize) -> Quantity {
    let (backlog, name) = BACKLOGS[row];
    Quantity {
        name,
        unit: "",
        experiment: Prediction::Count(backlog as u64 + 1),
        control: Prediction::Count(backlog as u64 + 1 + MORE as u64),
    }
}

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "backlog-plus-one",
    topic: "accept-queue",
    statement: "A queue with backlog B holds B + 1 connections; the next SYN is dropped and counted; \
                somaxconn caps the backlog.",
    measures: "In a network namespace of its own: for B of 0, 1, 2, 5 and 128, B + 3 clients connect \
               while nobody accepts; TCP_INFO tells who is ESTABLISHED, /proc/net/netstat what was \
               dropped. Then somaxconn is set to 64 there, and the same done with a backlog of 128.",
    control: "the server accepts each connection as it comes",
    notes: &[9],
    needs: &["a network namespace: root, or user namespaces for everyone"],
    syscalls: &["unshare", "listen", "connect", "getsockopt TCP_INFO"],
    man: &["listen(2)", "tcp(7)", "network_namespaces(7)"],
    quantities: &[
        holds(0),
        holds(1),
        holds(2),
        holds(3),
        holds(4),
        Quantity {
            name: DROPPED,
            unit: "",
            experiment: Prediction::AtLeast((BACKLOGS.len() * MORE) as f64),
            control: Prediction::Count(0),
        },
        Quantity {
            name: CAPPED,
            unit: "",
            experiment: Prediction::Count(SOMAXCONN as u64 + 1),
            control: Prediction::Count((OVER + 1) as u64 + MORE as u64),
        },
    ],
    limit: Duration::from_secs(20),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let child = child::fork("backlog", |parent| {
        parent.enter_network()?;
        // The host's own may be lower than what is asked for; this namespace has one for itself.
        set_somaxconn(4096)?;
        let mut established = Vec::new();
        for (backlog, _) in BACKLOGS {
            established.push(fill(backlog, arm)?);
        }
        let dropped = netstat::listen_overflows()?;
        set_somaxconn(SOMAXCONN)?;
        Ok((established, dropped, fill(OVER, arm)?))
    })?;
    let (established, dropped, capped) = child.join()?;
    let columns = ["backlog", "asked to connect", "ESTABLISHED"];
    let mut table = Table::new("who got in", &columns);
    let mut reading = Reading::kernel();
    for ((backlog, name), established) in BACKLOGS.into_iter().zip(established) {
        let asked = backlog as u64 + 1 + MORE as u64;
        table.row([backlog as u64, asked, established].map(|number| number.to_string()));
        reading = reading.with(name, established);
    }
    Ok(reading
        .with(DROPPED, dropped)
        .with(CAPPED, capped)
        .table(table))
}

/// Asks for B + 1 + MORE connections to a listener with backlog B; says how many are ESTABLISHED.
fn fill(backlog: i32, arm: Arm) -> Result<u64> {
    let site = Site {
        backlog,
        ..Site::loopback(1)
    };
    let listener = site.listener(Empty::Again)?;
    let address = listener.local_addr().context("getsockname")?;
    let overflows = netstat::listen_overflows()?;
    let mut clients = Vec::new();
    let mut accepted = Vec::new();
    for _ in 0..backlog as usize + 1 + MORE {
        let kind = Type::STREAM.nonblocking().cloexec();
        let client = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP)).context("socket")?;
        match client.connect(&address.into()) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => {
                return Err(e).context("connect");
            }
            _ => {}
        }
        if arm == Arm::Control {
            until("a connection to accept", || {
                Ok(accept(&listener, &mut accepted))
            })?;
        }
        clients.push(client);
    }
    let established = || -> Result<u64> {
        let mut count = 0;
        for client in &clients {
            count += u64::from(tcp_info::of(client)?.state == ESTABLISHED);
        }
        Ok(count)
    };
    // Every SYN has had its answer: a connection, or a drop that was counted.
    until("an answer to every SYN", || {
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

/// Sets net.core.somaxconn of this network namespace, which must be one of its own.
fn set_somaxconn(value: i32) -> Result<()> {
    let path = "/proc/sys/net/core/somaxconn";
    std::fs::write(path, value.to_string()).with_context(|| format!("write {value} to {path}"))
}
