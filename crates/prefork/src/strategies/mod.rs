//! Ways for several processes to accept from one address. Each file is one of them: what is made
//! before the fork, and one turn of waiting and taking.

mod blocking;
mod epoll;
mod epoll_edge;
mod epoll_exclusive;
mod epoll_exclusive_edge;
mod epoll_level;
mod epoll_shared_edge;
mod epoll_shared_level;
mod epoll_shared_oneshot;
mod io_uring;
mod io_uring_multishot;
mod mutex;
mod mutex_fcntl;
mod mutex_flock;
mod mutex_futex;
mod poll;
mod reuseport;
mod reuseport_steered;
mod select;

use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::Result;
use nix::errno::Errno;
use nix::sys::socket::{SockFlag, accept4};

use crate::listen::Site;
use crate::tally::Turn;

/// A way to wait for connections.
#[derive(Clone, Copy, Debug)]
pub struct Strategy {
    /// Stable name: what `--strategy` takes.
    pub name: &'static str,
    /// What its workers do, in a line.
    pub about: &'static str,
    /// Makes, before the fork, what the workers have in common.
    pub prepare: fn(&Site) -> Result<Prepared>,
}

/// One worker's wait.
pub trait Wait {
    /// Sleeps until the kernel says that there is a connection, and takes what is there. Tells `turn`
    /// of each return from a call that may sleep, each connection, each EAGAIN.
    ///
    /// # Errors
    /// What the system call failed with; being interrupted is none.
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno>;
}

/// Makes the wait of one worker, in that worker, of its listener and its index.
type Make = Box<dyn Fn(TcpListener, usize) -> Result<Box<dyn Wait>>>;

/// What the workers inherit.
pub struct Prepared {
    /// One listening socket for all, or one for each worker.
    pub listeners: Vec<TcpListener>,
    /// The C library waits again by itself, so that not every return to user space is seen.
    pub returns_unseen: bool,
    /// What whoever serves real clients by it should know.
    pub caution: Option<&'static str>,
    make: Make,
}

impl Prepared {
    /// One listening socket for all.
    fn one<W: Wait + 'static>(
        listener: TcpListener,
        make: impl Fn(TcpListener, usize) -> Result<W> + 'static,
    ) -> Self {
        Prepared::each(vec![listener], make)
    }

    /// A listening socket for each.
    fn each<W: Wait + 'static>(
        listeners: Vec<TcpListener>,
        make: impl Fn(TcpListener, usize) -> Result<W> + 'static,
    ) -> Self {
        Prepared {
            listeners,
            returns_unseen: false,
            caution: None,
            make: Box::new(move |listener, index| Ok(Box::new(make(listener, index)?))),
        }
    }

    /// To be called in worker `index`, after the fork: its wait. Closes its siblings' listeners.
    ///
    /// # Errors
    /// What the strategy needs and the kernel refuses: a ring, an epoll instance.
    pub fn wait(&mut self, index: usize) -> Result<Box<dyn Wait>> {
        let own = if self.listeners.len() == 1 { 0 } else { index };
        let listener = self.listeners.swap_remove(own);
        self.listeners.clear();
        (self.make)(listener, index)
    }
}

/// Every strategy, in the order in which they are best read.
pub const ALL: &[Strategy] = &[
    blocking::STRATEGY,
    poll::STRATEGY,
    select::STRATEGY,
    epoll_level::STRATEGY,
    epoll_edge::STRATEGY,
    epoll_exclusive::STRATEGY,
    epoll_exclusive_edge::STRATEGY,
    epoll_shared_level::STRATEGY,
    epoll_shared_edge::STRATEGY,
    epoll_shared_oneshot::STRATEGY,
    reuseport::STRATEGY,
    reuseport_steered::STRATEGY,
    mutex_futex::STRATEGY,
    mutex_flock::STRATEGY,
    mutex_fcntl::STRATEGY,
    io_uring::STRATEGY,
    io_uring_multishot::STRATEGY,
];

/// The strategy called `name`.
///
/// # Errors
/// There is none of that name; the message lists them.
pub fn named(name: &str) -> Result<&'static Strategy> {
    ALL.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|known| known.name).collect();
        anyhow::anyhow!("no strategy `{name}`; there are {}", names.join(", "))
    })
}

/// accept4(2) on `listener`; none where there was no connection.
fn accept(listener: &TcpListener) -> Result<Option<OwnedFd>, Errno> {
    match accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
        Ok(fd) => Ok(Some(owned(fd))),
        // The client went away meanwhile, or a signal came: wait again.
        Err(Errno::EAGAIN | Errno::ECONNABORTED | Errno::EPROTO | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Takes one connection where there is one; says whether there was.
fn take(listener: &TcpListener, turn: &mut Turn<'_>) -> Result<bool, Errno> {
    match accept(listener)? {
        Some(connection) => turn.accepted(connection),
        None => {
            turn.again();
            return Ok(false);
        }
    }
    Ok(true)
}

/// A wait that a signal ended is a wait that found nothing.
fn unless_interrupted<T>(result: Result<T, Errno>) -> Result<(), Errno> {
    match result {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Adopts a descriptor that accept has just returned.
#[expect(unsafe_code, reason = "nix returns accepted sockets as numbers")]
fn owned(fd: std::os::fd::RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for this process, which has one thread;
    // nothing else knows its number, so the OwnedFd is its only owner.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for strategy in ALL {
            assert_eq!(named(strategy.name).unwrap().name, strategy.name);
            assert_eq!(
                ALL.iter()
                    .filter(|other| other.name == strategy.name)
                    .count(),
                1
            );
        }
        let error = named("epol").unwrap_err().to_string();
        assert!(
            error.contains("`epol`") && error.contains("epoll-level"),
            "{error}"
        );
    }
}
