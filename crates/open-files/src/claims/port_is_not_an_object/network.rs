//! Whether a process is in the network namespace of another.

use std::fs::metadata;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};

use crate::evidence::network_namespace;

/// A network namespace, to be asked for by a process that was forked there.
#[derive(Debug)]
pub(super) struct Network {
    /// The inode number of /proc/self/ns/net.
    inode: u64,
    /// Listens in it, where the inode is that of a file in /proc and not that of a namespace.
    listener: Option<TcpListener>,
}

impl Network {
    /// That of this process.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(super) fn of_this_process() -> Result<Network> {
        let inode = network_namespace()?;
        let listener = is_of_a_file(inode).then(listen).transpose()?;
        Ok(Network { inode, listener })
    }

    /// Whether this process, or one that was forked from it, is in another one: its own has another
    /// inode; where that does not tell, a connection from it to a listener of the first is refused.
    ///
    /// # Errors
    /// /proc cannot be read; a connection fails otherwise.
    pub(super) fn is_left(&self) -> Result<bool> {
        let Some(listener) = &self.listener else {
            return Ok(network_namespace()? != self.inode);
        };
        match TcpStream::connect(listener.local_addr().context("getsockname")?) {
            Ok(_) => Ok(false),
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(true),
            Err(e) => Err(e).context("connect from another network"),
        }
    }
}

/// Whether `inode`, that of /proc/self/ns/net, is not the namespace's: then another name of the
/// same task leads to another number. So it does on gVisor, where each such file has its own.
fn is_of_a_file(inode: u64) -> bool {
    let other = format!("/proc/self/task/{}/ns/net", std::process::id());
    metadata(other).is_ok_and(|other| other.ino() != inode)
}

fn listen() -> Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").context("listen in the first network")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways say of a process that has not moved that it is here still.
    #[test]
    fn a_listener_tells_what_the_inode_does() {
        let by_inode = Network::of_this_process().unwrap();
        assert!(by_inode.listener.is_none(), "{by_inode:?}");
        let by_listener = Network {
            inode: 0,
            listener: Some(listen().unwrap()),
        };
        for network in [&by_inode, &by_listener] {
            assert!(!network.is_left().unwrap(), "{network:?}");
        }
        let elsewhere = Network {
            inode: 0,
            listener: None,
        };
        assert!(elsewhere.is_left().unwrap());
    }

    #[test]
    fn a_number_of_a_file_is_no_namespace() {
        let inode = network_namespace().unwrap();
        assert!(!is_of_a_file(inode));
        assert!(is_of_a_file(inode + 1));
    }
}
