//! A listening socket inherited over fork is one socket: parent and children accept from it.

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, sameness};
use prefork::{Accept, Site};

use super::wait_for;
use crate::client::Client;

const DESCRIPTION: Quantity =
    Name("description of the listener in parent and children").word(SAME, DIFFERENT);
const ACCEPTED: Quantity =
    Name("processes that accepted a connection to the parent's port").count(3, 1);

pub(super) const CLAIM: Claim = Claim {
    id: "listener-shared-by-fork",
    statement: "A child inherits the listening socket itself: parent and children accept from one \
                queue.",
    measures: "The parent listens and forks two children; three connections are made; each child \
               and then the parent accepts once, without blocking. kcmp compares the descriptors.",
    control: "each child listens on a socket of its own",
    notes: &[7, 8],
    needs: &["kcmp, or pidfd_getfd and F_DUPFD_QUERY, on a child of one's own"],
    syscalls: &["socket", "listen", "fork", "accept4", "kcmp"],
    man: &["fork(2)", "accept(2)", "kcmp(2)"],
    quantities: &[DESCRIPTION, ACCEPTED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let listener = Site::loopback(3).listener(Accept::NonBlocking)?;
    let address = listener.local_addr().context("getsockname")?;
    let fork = |name: &str| {
        child::fork(name, |parent| {
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
    let mut children = [fork("first")?, fork("second")?];
    let own = (std::process::id() as i32, listener.as_raw_fd());
    let mut same = true;
    for child in &mut children {
        let fd: i32 = child.recv()?;
        child.at_checkpoint()?;
        same &= observe::description::same(own, (child.pid(), fd))?;
    }
    let mut client = Client::new(address);
    let _connections = [client.connect()?, client.connect()?, client.connect()?];
    wait_for("three connections in the queue", || {
        Ok(observe::tcp_info::read(&listener)?.unacked == 3)
    })?;
    let mut accepted = 0;
    for child in &mut children {
        child.release()?;
        accepted += u64::from(child.recv::<bool>()?);
        child.at_checkpoint()?;
    }
    accepted += u64::from(accepts(&listener)?);
    Ok(Reading::kernel()
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
