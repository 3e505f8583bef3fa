//! Every worker has a ring with one multishot accept (io_uring_prep_multishot_accept(3), Linux
//! 5.19). It completes once for each connection, also while the worker is busy: the kernel accepts
//! for the worker until the accept is cancelled or the completion queue is full.

use std::os::fd::AsRawFd;

use io_uring::{opcode, types::Fd};

use super::{Prepared, Strategy, io_uring::prepare_with};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "io-uring-multishot",
    about: "each worker has one accept on its ring that serves many connections",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let prepared = prepare_with(site, |listener| {
        opcode::AcceptMulti::new(Fd(listener.as_raw_fd()))
            .flags(libc::SOCK_CLOEXEC)
            .build()
    })?;
    Ok(Prepared {
        caution: Some(
            "a multishot accept goes on while its worker serves: connections wait for a busy \
             worker beside idle ones",
        ),
        ..prepared
    })
}
