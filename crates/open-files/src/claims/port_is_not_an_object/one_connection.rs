//! One connection's socket keeps its identity in each of its states.

use std::io::Read;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use claim::Table;
use observe::sock_diag::{ESTABLISHED, TIME_WAIT};
use serde::{Deserialize, Serialize};
use socket2::Socket;

use super::listed::{self, Listed, Sockets};
use super::sockets::{Evidence, accept_from, address, connect_to, wait_for};

/// What the kernel's list says of a connection's socket.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Identity {
    /// None where the list tells no cookies.
    pub(super) cookie: Option<u64>,
    /// 0 for a socket without an inode.
    pub(super) inode: u64,
}

/// One connection's socket on the server's side, in its three states.
#[derive(Serialize, Deserialize)]
pub(super) struct Connection {
    pub(super) queued: Identity,
    pub(super) accepted: Identity,
    pub(super) closed: Identity,
}

impl Connection {
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new("one socket's life", &["state", "cookie", "inode"]);
        for (state, Identity { cookie, inode }) in [
            ("ESTABLISHED, in the accept queue", self.queued),
            ("ESTABLISHED, accepted", self.accepted),
            ("TIME_WAIT", self.closed),
        ] {
            let cookie = cookie.map_or("-".to_owned(), |cookie| cookie.to_string());
            table.row([state.to_owned(), cookie, inode.to_string()]);
        }
        table
    }
}

/// Makes a connection, looks at it in each state, and ends it; the server closes first.
pub(super) fn follow_connection(listener: &Socket, evidence: &mut Evidence) -> Result<Connection> {
    let server = address(listener)?;
    let mut client = connect_to(server, evidence)?;
    let peer = client.local_addr().context("getsockname")?;
    let queued = find_socket(server, peer, ESTABLISHED)?;
    let connection = accept_from(listener, &client, evidence)?;
    let accepted = find_socket(server, peer, ESTABLISHED)?;
    if let Some(cookie) = accepted.cookie {
        let own = observe::socket::identity(&connection)?.cookie;
        if own != cookie {
            bail!("sock_diag tells cookie {cookie}, getsockopt {own}");
        }
    }
    drop(connection);
    client
        .read_to_end(&mut Vec::new())
        .context("read to the server's close")?;
    drop(client);
    Ok(Connection {
        queued,
        accepted,
        closed: find_socket(server, peer, TIME_WAIT)?,
    })
}

/// The socket of the connection from `remote` to `local`, once it is in `state`. Where the list has
/// sockets of files only, what it does not have is a socket without an inode.
fn find_socket(local: SocketAddr, remote: SocketAddr, state: u8) -> Result<Identity> {
    let what = format!("connection {remote} to {local} in state {state}");
    wait_for(&what, || {
        let sockets = listed::tcp_on(local.port())?;
        let listed = sockets.listed().iter();
        let mut listed = listed.filter(|it| it.remote == remote && it.state == state);
        let found = listed.next();
        if let Sockets::OfFiles(_) = sockets {
            let inode = found.map_or(0, |socket| socket.inode);
            return Ok(Some(Identity {
                cookie: None,
                inode,
            }));
        }
        found.map_or(Ok(()), compare_with_proc_net)?;
        Ok(found.map(|socket| Identity {
            cookie: socket.cookie,
            inode: socket.inode,
        }))
    })
}

/// Looks for a socket in /proc/net/tcp, which must show the inode that sock_diag shows.
fn compare_with_proc_net(socket: &Listed) -> Result<()> {
    let ends = (socket.local, socket.remote);
    let rows = observe::net_tcp::rows("tcp")?;
    let row = rows.iter().find(|row| (row.local, row.remote) == ends);
    match row {
        Some(row) if row.inode != socket.inode => {
            bail!(
                "sock_diag tells inode {}, /proc/net/tcp {}",
                socket.inode,
                row.inode
            )
        }
        _ => Ok(()),
    }
}
