//! What the epoll strategies have in common: an instance per worker or one for all, and how much is
//! taken after a return.

use std::net::TcpListener;
use std::rc::Rc;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Prepared, Wait, take, unless_interrupted};
use crate::listen::{Empty, Site};
use crate::tally::Turn;

/// An epoll instance for each worker, made after the fork, that watches for `flags`.
pub(super) fn own(site: &Site, flags: EpollFlags) -> Result<Prepared> {
    let listener = site.listener(Empty::Again)?;
    Ok(Prepared::one(listener, move |listener, _| {
        let epoll = Rc::new(watch(&listener, flags)?);
        Ok(Watcher {
            epoll,
            listener,
            flags,
        })
    }))
}

/// One epoll instance, made before the fork and inherited by all, that watches for `flags`.
pub(super) fn shared(site: &Site, flags: EpollFlags) -> Result<Prepared> {
    let listener = site.listener(Empty::Again)?;
    let epoll = Rc::new(watch(&listener, flags)?);
    Ok(Prepared::one(listener, move |listener, _| {
        Ok(Watcher {
            epoll: Rc::clone(&epoll),
            listener,
            flags,
        })
    }))
}

fn watch(listener: &TcpListener, flags: EpollFlags) -> Result<Epoll> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
    epoll
        .add(listener, EpollEvent::new(flags, 0))
        .with_context(|| format!("epoll_ctl EPOLL_CTL_ADD {flags:?}"))?;
    Ok(epoll)
}

struct Watcher {
    epoll: Rc<Epoll>,
    listener: TcpListener,
    flags: EpollFlags,
}

impl Wait for Watcher {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        let mut events = [EpollEvent::empty()];
        unless_interrupted(self.epoll.wait(&mut events, EpollTimeout::NONE))?;
        turn.returned();
        if self.flags.contains(EpollFlags::EPOLLET) {
            // The edge is told once: what is not taken now is not told of again.
            while take(&self.listener, turn)? {}
        } else {
            take(&self.listener, turn)?;
        }
        if self.flags.contains(EpollFlags::EPOLLONESHOT) {
            let mut event = EpollEvent::new(self.flags, 0);
            self.epoll.modify(&self.listener, &mut event)?;
        }
        Ok(())
    }
}
