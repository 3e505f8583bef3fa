//! A listening socket inherited over fork is one socket: parent and children accept from it.

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, DIFFERENT, Does, InControl, Name, Quantity, Reading, SAME, sameness};
use observe::{process, tcp_info};
use prefork::{Accept, Site};

use super::acts;
use super::pool::{ensure_queue_holds, socket_name};
use super::sleepers::count_children;
use super::told::{count_open, is_queue_told};
use super::{is_shown, wait_for};
use crate::client::Client;

const CHILDREN: usize = 2;
const CONNECTIONS: u32 = 1 + CHILDREN as u32;

const DESCRIPTION: Quantity =
    Name("description of the listener in parent and children").word(SAME, DIFFERENT);
const ACCEPTED: Quantity =
    Name("processes that accepted a connection to the parent's port").count(CONNECTIONS as u64, 1);

const FORK: Act = acts::fork("forks two children", CHILDREN);
const INHERIT: Act = Does("keeps the listening socket that it inherits")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .by("child")
    .times(CHILDREN)
    .shown_by("/proc/PID/fd of both children: the inode of the parent's socket")
    .in_control(InControl::Instead("listen", ""));
const CONNECT: Act = Does("connects three times to its own port")
    .call("connect", "AF_INET")
    .times(CONNECTIONS as usize)
    .shown_by(
        "TCP_INFO of its listening socket, or of the clients where that of a listener tells \
         nothing: three connections wait",
    );
const ACCEPT: Act = Does("accepts a connection that waits at that port")
    .call("accept4", "SOCK_CLOEXEC")
    .by("child")
    .times(CHILDREN)
    .shown_by("TCP_INFO of the parent's listening socket: one connection less after each child")
    .in_control(InControl::Not);
const ACCEPT_TOO: Act = Does("accepts, after the children, from the same port")
    .call("accept4", "SOCK_CLOEXEC")
    .shown_by("TCP_INFO of its listening socket: one connection less");

pub(super) const CLAIM: Claim = Claim {
    id: "listener-shared-by-fork",
    statement: "A child inherits the listening socket itself: parent and children accept from one \
                queue.",
    measures: "The parent listens and forks two children; three connections are made; each child \
               and then the parent accepts once, without blocking. kcmp compares the descriptors.",
    control: "each child listens on a socket of its own",
    notes: &[7, 8],
    example: Some("preforked_server"),
    needs: &["kcmp, or pidfd_getfd and F_DUPFD_QUERY, or the flags in fdinfo of a child"],
    acts: &[FORK, INHERIT, CONNECT, ACCEPT, ACCEPT_TOO],
    man: &["fork(2)", "accept(2)", "kcmp(2)"],
    quantities: &[DESCRIPTION, ACCEPTED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let listener = Site::loopback(3).listener(Accept::NonBlocking)?;
    let address = listener.local_addr().context("getsockname")?;
    ensure_queue_holds(CONNECTIONS as usize, &listener)?;
    let told = is_queue_told(&listener)?;
    let fork = || {
        child::fork("child", |parent| {
            let own = match arm {
                Arm::Experiment => listener.try_clone()?,
                Arm::Control => Site::loopback(1).listener(Accept::NonBlocking)?,
            };
            parent.send(&own.as_raw_fd())?;
            parent.checkpoint()?;
            parent.send(&accepts(&own)?)?;
            Ok(parent.checkpoint()?)
        })
    };
    let mut children = [fork()?, fork()?];
    let pids = children.each_ref().map(|child| child.pid());
    let forked = count_children(&pids, std::process::id())?;
    let own = (std::process::id() as i32, listener.as_raw_fd());
    let socket = socket_name(&listener)?;
    let (mut same, mut inherited) = (true, true);
    for child in &mut children {
        let fd: i32 = child.recv()?;
        child.at_checkpoint()?;
        same &= observe::description::same(own, (child.pid(), fd))?;
        inherited &= process::link(child.pid(), fd)? == *socket;
    }
    let mut client = Client::new(address);
    let connections = [client.connect()?, client.connect()?, client.connect()?];
    let waiting = || -> Result<u32> {
        if told {
            Ok(tcp_info::read(&listener)?.unacked)
        } else {
            count_open(&connections)
        }
    };
    // A client learns a moment later that its connection was closed.
    let takes_from = |before: u32| -> Result<bool> {
        let is_less = || Ok(waiting()? + 1 == before);
        if told { is_less() } else { is_shown(is_less) }
    };
    wait_for("three connections in the queue", || {
        Ok(waiting()? == CONNECTIONS)
    })?;
    let made = waiting()?;
    let (mut accepted, mut taken) = (0, true);
    for child in &mut children {
        let before = waiting()?;
        child.release()?;
        accepted += u64::from(child.recv::<bool>()?);
        child.at_checkpoint()?;
        taken &= takes_from(before)?;
    }
    let left = waiting()?;
    accepted += u64::from(accepts(&listener)?);
    Ok(Reading::kernel()
        .act(&FORK, forked == CHILDREN)
        .act(&INHERIT, inherited)
        .act(&CONNECT, made == CONNECTIONS)
        .act(&ACCEPT, taken)
        .act(&ACCEPT_TOO, takes_from(left)?)
        .with(&DESCRIPTION, sameness(same))
        .with(&ACCEPTED, accepted))
}

/// Whether there was a connection to take.
fn accepts(listener: &TcpListener) -> Result<bool> {
    match listener.accept() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
        Err(e) => Err(e).context("accept"),
    }
}
