//! Every worker has a ring (io_uring(7)) with one accept in flight and sleeps in io_uring_enter.
#![expect(
    unsafe_code,
    reason = "entries may point to memory; accepted sockets come as numbers"
)]

use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::{IoUring, opcode, squeue, types::Fd};
use nix::errno::Errno;

use super::{Prepared, Strategy, Wait};
use crate::error::Error;
use crate::listen::{Accept, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "io-uring",
    about: "each worker has an accept in flight on a ring of its own",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    prepare_with(site, |listener| {
        opcode::Accept::new(
            Fd(listener.as_raw_fd()),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
        .flags(libc::SOCK_CLOEXEC)
        .build()
    })
}

/// A ring per worker, made after the fork, that submits `entry` whenever nothing is in flight.
pub(super) fn prepare_with(
    site: &Site,
    entry: fn(&TcpListener) -> squeue::Entry,
) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::Blocking)?;
    // Made once before any worker is forked and dropped, so that a refusal is an error here.
    IoUring::new(2).map_err(Error::system("io_uring_setup", ""))?;
    Ok(Prepared::one_listener(listener, move |listener, _| {
        let ring = IoUring::new(64).map_err(Error::system("io_uring_setup", ""))?;
        Ok(Ring {
            ring,
            listener,
            entry,
            armed: false,
        })
    }))
}

struct Ring {
    ring: IoUring,
    listener: TcpListener,
    entry: fn(&TcpListener) -> squeue::Entry,
    armed: bool,
}

impl Wait for Ring {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        if !self.armed {
            let entry = (self.entry)(&self.listener);
            // SAFETY: the entry points to no memory (both address pointers are null), and its
            // descriptor stays open as long as the ring, whose fields drop in order: ring first.
            let pushed = unsafe { self.ring.submission().push(&entry) };
            pushed.map_err(Error::system("io_uring", "push an entry"))?;
            self.armed = true;
        }
        match self.ring.submit_and_wait(1) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::system("io_uring_enter", "")(e)),
        }
        turn.note_return();
        for completion in self.ring.completion() {
            // A multishot accept stays in flight as long as its completions announce more.
            self.armed = io_uring::cqueue::more(completion.flags());
            match completion.result() {
                fd if fd >= 0 => {
                    // SAFETY: the kernel has just made this descriptor for this process, and each
                    // completion is read once: no one else knows its number.
                    turn.serve(unsafe { OwnedFd::from_raw_fd(fd) });
                }
                error => match Errno::from_raw(-error) {
                    Errno::EAGAIN => turn.note_eagain(),
                    Errno::ECONNABORTED | Errno::EINTR | Errno::ECANCELED => {}
                    errno => return Err(Error::system("io_uring", "accept")(errno)),
                },
            }
        }
        Ok(())
    }
}
