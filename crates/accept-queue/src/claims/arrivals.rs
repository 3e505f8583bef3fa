//! At which of several listening sockets connections arrive, where the kernel does not tell how
//! long their queues are.

use std::net::TcpListener;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::SETTLED;

/// Counts connections as they come. Edge-triggered epoll tells of each anew, also where others wait
/// already (epoll(7)).
pub(super) struct Arrivals {
    epoll: Epoll,
    counts: Vec<usize>,
}

impl Arrivals {
    /// Watches `listeners`, at which nobody waits yet.
    ///
    /// # Errors
    /// Those of epoll_create(2) and epoll_ctl(2).
    pub(super) fn watch(listeners: &[TcpListener]) -> Result<Arrivals> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
        for (index, listener) in listeners.iter().enumerate() {
            let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, index as u64);
            epoll
                .add(listener, event)
                .context("epoll_ctl EPOLL_CTL_ADD")?;
        }
        let counts = vec![0; listeners.len()];
        Ok(Arrivals { epoll, counts })
    }

    /// Counts the connection that has just been made; it may take a moment to arrive. One that does
    /// not is not counted.
    ///
    /// # Errors
    /// That of epoll_wait(2).
    pub(super) fn count_next(&mut self) -> Result<()> {
        let limit = EpollTimeout::try_from(SETTLED).unwrap_or(EpollTimeout::NONE);
        let mut events = [EpollEvent::empty()];
        let arrived = loop {
            match self.epoll.wait(&mut events, limit) {
                Err(Errno::EINTR) => {}
                arrived => break arrived.context("epoll_wait")?,
            }
        };
        for event in &events[..arrived] {
            if let Some(count) = self.counts.get_mut(event.data() as usize) {
                *count += 1;
            }
        }
        Ok(())
    }

    /// How many have arrived at each socket, in their order.
    pub(super) fn counts(&self) -> &[usize] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use observe::tcp_info;

    use super::*;

    #[test]
    fn each_connection_is_counted_at_its_socket() {
        let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let mut arrivals = Arrivals::watch(&listeners).unwrap();
        let clients: Vec<TcpStream> = [0, 1, 0]
            .map(|index: usize| {
                let address = listeners[index].local_addr().unwrap();
                let client = TcpStream::connect(address).unwrap();
                arrivals.count_next().unwrap();
                client
            })
            .into();
        let told = listeners.each_ref().map(|listener| {
            let info = tcp_info::read(listener).unwrap();
            info.unacked as usize
        });
        assert_eq!((arrivals.counts(), clients.len()), (&told[..], 3));
        assert_eq!(told, [2, 1]);
    }
}
