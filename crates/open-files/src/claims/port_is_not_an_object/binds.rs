//! Who can bind a port: its owner is looked up by number, in one network namespace.

use std::io::Read;
use std::net::TcpStream;

use anyhow::{Context, Result};
use claim::Arm;
use nix::errno::Errno;
use observe::sock_diag;
use socket2::{Domain, Socket, Type};

use super::super::{before_and_after_text, observe_before_and_after, outcome};
use super::sockets::{address, listen_on, loopback, wait_for};

/// Binds a port that is taken here, from a child in another network namespace and from one in this.
pub(super) fn bind_in_two_namespaces(arm: Arm) -> Result<[String; 2]> {
    let listener = listen_on(0, false)?;
    let port = address(&listener)?.port();
    let bind_from = |another: bool| -> Result<String> {
        let host = child::fork("other host", |parent| {
            if another {
                parent.enter_network()?;
            }
            Ok(bind(port)?)
        })?;
        Ok(host.join()?)
    };
    let first = arm == Arm::Experiment;
    Ok([bind_from(first)?, bind_from(!first)?])
}

/// Binds a port whose listener is closed, while a connection that it accepted lives and after.
pub(super) fn rebind_without_listener(arm: Arm) -> Result<String> {
    let listener = listen_on(0, false)?;
    let server = address(&listener)?;
    let client = TcpStream::connect(server).context("connect")?;
    let (connection, _) = listener.accept().context("accept")?;
    drop(listener);
    let end = || {
        // The client closes first, so that TIME_WAIT keeps its port and not the server's.
        drop(client);
        (&connection)
            .read_to_end(&mut Vec::new())
            .context("read to the client's close")?;
        drop(connection);
        wait_for("the connection's end", || {
            Ok(sock_diag::tcp_on(server.port())?.is_empty().then_some(()))
        })
    };
    let results = observe_before_and_after(arm, end, || bind(server.port()))?;
    Ok(before_and_after_text(results))
}

/// What binding `port` ends in, without SO_REUSEADDR.
fn bind(port: u16) -> Result<String> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
    let result = socket.bind(&loopback(port).into());
    Ok(outcome(result.map_err(|e| {
        Errno::from_raw(e.raw_os_error().unwrap_or(0))
    })))
}
