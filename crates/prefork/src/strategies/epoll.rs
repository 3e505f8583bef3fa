//! What the epoll strategies have in common: an instance per worker or one for all, how much is taken
//! after a return, and who is told of the rest.

use std::net::TcpListener;
use std::rc::Rc;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Prepared, Wait, accept, take, unless_interrupted};
use crate::listen::{Empty, Site};
use crate::tally::Turn;

/// An epoll instance for each worker, made after the fork, that watches for `flags`.
pub(super) fn own(site: &Site, flags: EpollFlags) -> Result<Prepared> {
    let listener = site.listener(Empty::Again)?;
    Ok(Prepared::one(listener, move |listener, _| {
        let epoll = watch(&listener, flags)?;
        Ok(Own {
            epoll,
            listener,
            drains: flags.contains(EpollFlags::EPOLLET),
        })
    }))
}

/// One epoll instance, made before the fork and inherited by all, that watches for `flags`. Where they
/// tell an event once, to one worker, that worker has the next told before it serves.
pub(super) fn shared(site: &Site, flags: EpollFlags) -> Result<Prepared> {
    let listener = site.listener(Empty::Again)?;
    let epoll = Rc::new(watch(&listener, flags)?);
    Ok(Prepared::one(listener, move |listener, _| {
        let watcher = Shared {
            epoll: Rc::clone(&epoll),
            listener,
            flags,
        };
        // The worker in whose place this one comes may have died with an event that it was told of.
        if watcher.is_told_once() {
            watcher
                .tell_of_the_rest()
                .context("epoll_ctl EPOLL_CTL_MOD")?;
        }
        Ok(watcher)
    }))
}

fn watch(listener: &TcpListener, flags: EpollFlags) -> Result<Epoll> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
    epoll
        .add(listener, EpollEvent::new(flags, 0))
        .with_context(|| format!("epoll_ctl EPOLL_CTL_ADD {flags:?}"))?;
    Ok(epoll)
}

struct Own {
    epoll: Epoll,
    listener: TcpListener,
    drains: bool,
}

impl Wait for Own {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        sleep(&self.epoll, turn)?;
        // The edge is told once: what is not taken now is not told of again. It is told to each
        // instance whose worker sleeps, so one that serves meanwhile keeps nothing from the others.
        while take(&self.listener, turn)? && self.drains {}
        Ok(())
    }
}

struct Shared {
    epoll: Rc<Epoll>,
    listener: TcpListener,
    flags: EpollFlags,
}

impl Shared {
    fn is_told_once(&self) -> bool {
        self.flags
            .intersects(EpollFlags::EPOLLET | EpollFlags::EPOLLONESHOT)
    }

    /// Arms the event again. EPOLL_CTL_MOD looks at the queue once more: where it is not empty, another
    /// worker is woken.
    fn tell_of_the_rest(&self) -> Result<(), Errno> {
        let mut event = EpollEvent::new(self.flags, 0);
        self.epoll.modify(&self.listener, &mut event)
    }
}

impl Wait for Shared {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        sleep(&self.epoll, turn)?;
        let connection = accept(&self.listener)?;
        // Before it serves, which may take long: two connections that came together are one event, and
        // the others would sleep beside the second.
        if self.is_told_once() {
            self.tell_of_the_rest()?;
        }
        match connection {
            Some(connection) => turn.accepted(connection),
            None => turn.again(),
        }
        Ok(())
    }
}

/// Sleeps in epoll_wait until an event comes.
fn sleep(epoll: &Epoll, turn: &mut Turn<'_>) -> Result<(), Errno> {
    let mut events = [EpollEvent::empty()];
    unless_interrupted(epoll.wait(&mut events, EpollTimeout::NONE))?;
    turn.returned();
    Ok(())
}
