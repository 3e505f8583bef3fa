//! Accepting what waits at a socket, and who holds what was accepted.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};
use observe::process;

/// Accepts from `listener`, whose accept does not block, until the queue is empty or `most`
/// connections are taken.
///
/// # Errors
/// That of accept4(2): EMFILE.
pub(super) fn accept_all(listener: &TcpListener, most: usize) -> Result<Vec<TcpStream>> {
    let mut accepted = Vec::new();
    while accepted.len() < most {
        match listener.accept() {
            Ok((connection, _)) => accepted.push(connection),
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => return Err(e).context("accept"),
        }
    }
    Ok(accepted)
}

/// How many sockets process `pid` has open: a witness of what it accepted that asks neither the
/// process nor its sockets.
///
/// # Errors
/// The process is gone.
pub(super) fn count_sockets(pid: i32) -> Result<usize> {
    let links = process::descriptors(pid)?.into_iter();
    let links = links.filter_map(|fd| process::link(pid, fd).ok());
    Ok(links
        .filter(|link| link.as_encoded_bytes().starts_with(b"socket:"))
        .count())
}
