//! Who can bind a port: its owner is looked up by number, in one network namespace.

use std::io::Read;

use anyhow::{Context, Result};
use claim::Arm;
use nix::errno::Errno;
use observe::sock_diag::{ESTABLISHED, LISTEN};
use socket2::{Domain, Socket, Type};

use super::super::{before_and_after_text, observe_before_and_after, outcome};
use super::listed::{self, Sockets};
use super::network::Network;
use super::sockets::{Evidence, accept_from, address, connect_to, listen_on, loopback, wait_for};

/// Binds a port that is taken here, from a child in another network namespace and from one in this.
pub(super) fn bind_in_two_namespaces(arm: Arm, evidence: &mut Evidence) -> Result<[String; 2]> {
    let listener = listen_on(0, false, evidence)?;
    let port = address(&listener)?.port();
    let here = Network::of_this_process()?;
    let mut bind_from = |another: bool| -> Result<String> {
        let host = child::fork("other host", |parent| {
            if another {
                parent.enter_network()?;
            }
            Ok((bind(port)?, here.is_left()?))
        })?;
        let (outcome, is_elsewhere) = host.join()?;
        evidence.elsewhere &= another == is_elsewhere;
        Ok(outcome)
    };
    let first = arm == Arm::Experiment;
    Ok([bind_from(first)?, bind_from(!first)?])
}

/// Binds a port whose listener is closed, while a connection that it accepted lives and after.
pub(super) fn rebind_without_listener(arm: Arm, evidence: &mut Evidence) -> Result<String> {
    let listener = listen_on(0, false, evidence)?;
    let server = address(&listener)?;
    let client = connect_to(server, evidence)?;
    let connection = accept_from(&listener, &client, evidence)?;
    drop(listener);
    let sockets = || listed::tcp_on(server.port());
    let end = || {
        // The client closes first, so that TIME_WAIT keeps its port and not the server's.
        drop(client);
        (&connection)
            .read_to_end(&mut Vec::new())
            .context("read to the client's close")?;
        drop(connection);
        wait_for("the connection's end", || {
            let is_over = match sockets()? {
                Sockets::All(left) => left.is_empty(),
                // A connection that no file refers to any more may still be there: ask by binding.
                Sockets::OfFiles(left) => left.is_empty() && bind(server.port())? == "ok",
            };
            Ok(is_over.then_some(()))
        })
    };
    let look = || {
        let sockets = sockets()?;
        let states: Vec<u8> = sockets.listed().iter().map(|it| it.state).collect();
        let outlived = states.contains(&ESTABLISHED) && !states.contains(&LISTEN);
        Ok((outlived, bind(server.port())?))
    };
    let looks = observe_before_and_after(arm, end, look)?;
    evidence.outlived &= looks[0].0;
    Ok(before_and_after_text(looks.map(|(_, outcome)| outcome)))
}

/// What binding `port` ends in, without SO_REUSEADDR: `ok` only where the socket then has it.
fn bind(port: u16) -> Result<String> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
    match socket.bind(&loopback(port).into()) {
        Ok(()) => match address(&socket)?.port() {
            bound if bound == port => Ok("ok".to_owned()),
            bound => Ok(format!("port {bound}")),
        },
        Err(error) => {
            let errno = error.raw_os_error().map(Errno::from_raw);
            Ok(outcome::<()>(Err(errno.context("bind")?)))
        }
    }
}
