//! What the epoll strategies have in common: an instance for each worker or one for all, how many
//! connections a worker accepts after it returns, and which workers are woken for the rest.

use std::net::TcpListener;
use std::rc::Rc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Prepared, Wait, accept, accept_and_serve, check_woken};
use crate::error::Error;
use crate::listen::{Accept, Site};
use crate::tally::Turn;

/// An epoll instance for each worker, made after the fork, that watches for `flags`.
pub(super) fn instance_per_worker(site: &Site, flags: EpollFlags) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::NonBlocking)?;
    Ok(Prepared::one_listener(listener, move |listener, _| {
        let epoll = watch(&listener, flags)?;
        Ok(OwnInstance {
            epoll,
            listener,
            is_edge_triggered: flags.contains(EpollFlags::EPOLLET),
        })
    }))
}

/// One epoll instance, made before the fork and inherited by all, that watches for `flags`. With
/// EPOLLET or EPOLLONESHOT an event is delivered once, to one worker; that worker arms the event
/// again before it serves.
pub(super) fn shared_instance(site: &Site, flags: EpollFlags) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::NonBlocking)?;
    let epoll = Rc::new(watch(&listener, flags)?);
    Ok(Prepared::one_listener(listener, move |listener, _| {
        let instance = SharedInstance {
            epoll: Rc::clone(&epoll),
            listener,
            flags,
        };
        // A worker that died may have taken an event with it; this one may replace that worker.
        if instance.delivers_once() {
            instance.rearm()?;
        }
        Ok(instance)
    }))
}

fn watch(listener: &TcpListener, flags: EpollFlags) -> Result<Epoll, Error> {
    let epoll =
        Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(Error::system("epoll_create1", ""))?;
    let object = format!("EPOLL_CTL_ADD {flags:?}");
    epoll
        .add(listener, EpollEvent::new(flags, 0))
        .map_err(Error::system("epoll_ctl", object))?;
    Ok(epoll)
}

/// A worker with an epoll instance of its own.
struct OwnInstance {
    epoll: Epoll,
    listener: TcpListener,
    is_edge_triggered: bool,
}

impl Wait for OwnInstance {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        sleep(&self.epoll, turn)?;
        // Edge-triggered: drain the queue, because an edge is delivered once. It is delivered to
        // every idle instance, so a worker that still serves keeps nothing from the others.
        while accept_and_serve(&self.listener, turn)? && self.is_edge_triggered {}
        Ok(())
    }
}

/// A worker on the epoll instance that all workers inherited.
struct SharedInstance {
    epoll: Rc<Epoll>,
    listener: TcpListener,
    flags: EpollFlags,
}

impl SharedInstance {
    fn delivers_once(&self) -> bool {
        self.flags
            .intersects(EpollFlags::EPOLLET | EpollFlags::EPOLLONESHOT)
    }

    /// Arms the event again (epoll_ctl(2), EPOLL_CTL_MOD). The kernel looks at the queue once more:
    /// where it is not empty, another worker is woken.
    fn rearm(&self) -> Result<(), Error> {
        let mut event = EpollEvent::new(self.flags, 0);
        let armed = self.epoll.modify(&self.listener, &mut event);
        armed.map_err(|errno| {
            let object = format!("EPOLL_CTL_MOD {:?}", self.flags);
            Error::system("epoll_ctl", object)(errno)
        })
    }
}

impl Wait for SharedInstance {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        sleep(&self.epoll, turn)?;
        let connection = accept(&self.listener)?;
        // Before it serves, which may take long: two connections that came together are one event,
        // and the other workers would sleep although the second connection waits.
        if self.delivers_once() {
            self.rearm()?;
        }
        match connection {
            Some(connection) => turn.serve(connection),
            None => turn.note_eagain(),
        }
        Ok(())
    }
}

/// Sleeps in epoll_wait(2) until an event comes.
fn sleep(epoll: &Epoll, turn: &mut Turn<'_>) -> Result<(), Error> {
    let mut events = [EpollEvent::empty()];
    check_woken("epoll_wait", epoll.wait(&mut events, EpollTimeout::NONE))?;
    turn.note_return();
    Ok(())
}
