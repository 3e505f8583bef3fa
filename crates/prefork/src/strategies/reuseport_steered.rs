//! A listening socket per worker, chosen by a classic BPF program: the CPU on which the SYN
//! arrives, modulo the number of workers (socket(7), `SO_ATTACH_REUSEPORT_CBPF`). With more workers
//! than CPUs the rest get nothing.
#![expect(
    unsafe_code,
    reason = "setsockopt with a filter, which nix does not have"
)]

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::blocking::Blocking;
use super::{Prepared, Strategy};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "reuseport-steered",
    about: "a socket for each worker, chosen by the CPU of the SYN",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let group = site.reuseport_group()?;
    steer(&group[0], site.workers)
        .map_err(Error::system("setsockopt", "SO_ATTACH_REUSEPORT_CBPF"))?;
    Ok(Prepared::listener_each(group, |listener, _| {
        Ok(Blocking { listener })
    }))
}

/// Attaches `return cpu % workers` to the group that `listener` belongs to.
fn steer(listener: &TcpListener, workers: usize) -> Result<(), Errno> {
    let instruction = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    /// `SKF_AD_OFF + SKF_AD_CPU` of `include/uapi/linux/filter.h`.
    const CPU: u32 = (-0x1000_i32 + 36) as u32;
    let mut program = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, CPU),
        instruction(libc::BPF_ALU | libc::BPF_MOD, workers as u32),
        instruction(libc::BPF_RET | BPF_A, 0),
    ];
    /// `BPF_RVAL`'s accumulator.
    const BPF_A: u32 = 0x10;
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel reads the structure and the three instructions that it points to; both
    // live until the call returns.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const filter).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    Errno::result(result).map(drop)
}
