//! The accept strategies: ways for several processes to accept from one address. Each file is one
//! of them, and says what is made before the fork and how a worker waits and accepts.
#![expect(unsafe_code, reason = "nix returns accepted sockets as numbers")]

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

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::SockType;
use nix::sys::socket::{SockFlag, accept4, getsockopt};

use crate::error::{Error, ErrorKind};
use crate::listen::Site;
use crate::tally::Turn;

/// A way for several workers to wait for connections to one address.
#[derive(Clone, Copy, Debug)]
pub struct Strategy {
    /// Stable name: what `--strategy` takes.
    pub name: &'static str,
    /// What its workers do, in a line.
    pub about: &'static str,
    /// Makes, before the fork, what the workers have in common.
    ///
    /// # Errors
    /// [`ErrorKind::Address`], or [`ErrorKind::System`] for what the kernel refuses this strategy.
    pub prepare: fn(&Site) -> Result<Prepared, Error>,
}

/// How one worker waits; [`Prepared::waiter`] makes it.
pub trait Wait {
    /// Sleeps until there is a connection, accepts what there is and hands it to `turn`; notes
    /// there each return from a call that may sleep, and each EAGAIN.
    ///
    /// # Errors
    /// [`ErrorKind::System`]: what the system call failed with, or that it answered what cannot be;
    /// to be interrupted by a signal (EINTR) is no error.
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error>;
}

/// Makes the wait of one worker, in that worker, from its listener and its index.
type MakeWait = Box<dyn Fn(TcpListener, usize) -> Result<Box<dyn Wait>, Error>>;

/// What the workers inherit: made before the first of them is forked.
pub struct Prepared {
    /// One listening socket for all, or one for each worker.
    pub listeners: Vec<TcpListener>,
    /// The C library waits again by itself, so that not every return to user space is seen.
    pub returns_unseen: bool,
    /// What users of this strategy should know before they serve real clients, if anything.
    pub caution: Option<&'static str>,
    make_wait: MakeWait,
}

impl Prepared {
    /// One listening socket for all workers.
    fn one_listener<W: Wait + 'static>(
        listener: TcpListener,
        make_wait: impl Fn(TcpListener, usize) -> Result<W, Error> + 'static,
    ) -> Self {
        Prepared::listener_each(vec![listener], make_wait)
    }

    /// A listening socket for each worker.
    fn listener_each<W: Wait + 'static>(
        listeners: Vec<TcpListener>,
        make_wait: impl Fn(TcpListener, usize) -> Result<W, Error> + 'static,
    ) -> Self {
        Prepared {
            listeners,
            returns_unseen: false,
            caution: None,
            make_wait: Box::new(move |listener, index| Ok(Box::new(make_wait(listener, index)?))),
        }
    }

    /// The address that all workers accept from, with the port that the kernel chose.
    ///
    /// # Errors
    /// [`ErrorKind::System`]: that of getsockname(2); EBADF after [`Prepared::waiter`].
    pub fn address(&self) -> Result<SocketAddr, Error> {
        let listener = self.listeners.first();
        listener
            .ok_or(std::io::Error::from(Errno::EBADF))
            .and_then(TcpListener::local_addr)
            .map_err(Error::system("getsockname", ""))
    }

    /// To be called once in worker `index` (from 0), after the fork: returns how it waits. Closes
    /// the listeners of its siblings.
    ///
    /// # Errors
    /// [`ErrorKind::System`]: what the strategy needs and the kernel refuses, such as a ring or an
    /// epoll instance; EBADF where there is no listener for this worker.
    pub fn waiter(&mut self, index: usize) -> Result<Box<dyn Wait>, Error> {
        let own = if self.listeners.len() == 1 { 0 } else { index };
        if own >= self.listeners.len() {
            let object = format!("the listener of worker {index}");
            return Err(Error::system("take", object)(Errno::EBADF));
        }
        let listener = self.listeners.swap_remove(own);
        self.listeners.clear();
        (self.make_wait)(listener, index)
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
/// [`ErrorKind::UnknownStrategy`]; the message lists the names that there are.
pub fn by_name(name: &str) -> Result<&'static Strategy, Error> {
    ALL.iter()
        .find(|strategy| strategy.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|strategy| strategy.name).collect();
            let why = format!("no strategy `{name}`; there are {}", names.join(", "));
            Error::new(ErrorKind::UnknownStrategy, "choose", "a strategy", why)
        })
}

/// accept4(2) on `listener`; none where there was no connection.
fn accept(listener: &TcpListener) -> Result<Option<OwnedFd>, Error> {
    match accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
        Ok(fd) if fd <= libc::STDERR_FILENO && !is_socket(fd) => {
            let why = format!("answered {fd}, which is no socket");
            Err(Error::new(ErrorKind::System, "accept4", "", why))
        }
        // SAFETY: the kernel has just made this descriptor for this process; nothing else knows its
        // number, so the OwnedFd is its only owner.
        Ok(fd) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) })),
        // The client closed meanwhile, or a signal came: wait again.
        Err(Errno::EAGAIN | Errno::ECONNABORTED | Errno::EPROTO | Errno::EINTR) => Ok(None),
        Err(errno) => Err(Error::system("accept4", "")(errno)),
    }
}

/// Whether `fd` is a socket. Asked of the numbers of the standard streams alone, which accept4(2)
/// gives to no program that has them open: a filter may answer 0 and have done nothing.
fn is_socket(fd: RawFd) -> bool {
    // SAFETY: the descriptor is borrowed for one call, which closes nothing.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    getsockopt(&fd, SockType).is_ok()
}

/// Accepts one connection and serves it; returns whether there was one.
fn accept_and_serve(listener: &TcpListener, turn: &mut Turn<'_>) -> Result<bool, Error> {
    let connection = accept(listener)?;
    let found = connection.is_some();
    match connection {
        Some(connection) => turn.serve(connection),
        None => turn.note_eagain(),
    }
    Ok(found)
}

/// What `call`, which waits without a timeout for one descriptor, answered: how many are ready. A
/// wait that a signal ended is a wait that found nothing; one that ends for no reason at all cannot
/// be, and would end in the same way again, for ever.
fn check_woken<N: PartialEq + Default>(
    call: &'static str,
    answer: Result<N, Errno>,
) -> Result<(), Error> {
    match answer {
        Ok(ready) if ready == N::default() => {
            let why = "ended without an event and without a timeout";
            Err(Error::new(ErrorKind::System, call, "", why))
        }
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::system(call, "")(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for strategy in ALL {
            assert_eq!(by_name(strategy.name).unwrap().name, strategy.name);
            assert_eq!(
                ALL.iter()
                    .filter(|other| other.name == strategy.name)
                    .count(),
                1
            );
        }
        let error = by_name("epol").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownStrategy);
        let error = error.to_string();
        assert!(
            error.contains("`epol`") && error.contains("epoll-level"),
            "{error}"
        );
    }

    #[test]
    fn an_answer_that_cannot_be_is_an_error() {
        assert!(check_woken("poll", Ok(1)).is_ok());
        assert!(check_woken::<i32>("poll", Err(Errno::EINTR)).is_ok());
        let refused = check_woken::<i32>("poll", Err(Errno::ENOMEM)).unwrap_err();
        assert_eq!(refused.errno(), Some(Errno::ENOMEM));
        let lie = check_woken("poll", Ok(0)).unwrap_err();
        assert_eq!((lie.operation(), lie.errno()), ("poll", None), "{lie}");
    }

    /// In a thread of its own, which ends with the filter that lies to it.
    #[test]
    fn a_standard_stream_is_no_connection() {
        let lied_to = std::thread::spawn(|| {
            let listener = Site::loopback(1).listener(crate::Accept::Blocking).unwrap();
            let lie = harness::seccomp::Filter::answering(&["accept4"], None).unwrap();
            lie.install().unwrap();
            accept(&listener).unwrap_err().to_string()
        });
        let error = lied_to.join().unwrap();
        assert_eq!(error, "accept4: answered 0, which is no socket");
    }

    #[test]
    fn a_listener_is_taken_once() {
        for name in ["blocking", "reuseport"] {
            let strategy = by_name(name).unwrap();
            let mut prepared = (strategy.prepare)(&Site::loopback(2)).unwrap();
            assert!(prepared.address().unwrap().port() > 0);
            assert!(prepared.waiter(1).is_ok());
            for error in [prepared.address().err(), prepared.waiter(1).err()] {
                let error = error.unwrap();
                assert_eq!(error.kind(), ErrorKind::System);
                assert_eq!(error.errno(), Some(Errno::EBADF), "{name}: {error}");
            }
        }
    }
}
