//! Memory whose first writes the kernel notes and lets pass: asynchronous write protection of
//! userfaultfd(2) (Linux 6.7).
#![expect(
    unsafe_code,
    reason = "userfaultfd and its ioctls, which no library has"
)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use harness::memory::Memory;
use nix::errno::Errno;
use observe::{Error, Operation};

/// `include/uapi/linux/userfaultfd.h`.
const UFFD_USER_MODE_ONLY: libc::c_int = 1;
const UFFD_API: u64 = 0xaa;
const UFFD_FEATURE_PAGEFAULT_FLAG_WP: u64 = 1;
const UFFD_FEATURE_WP_UNPOPULATED: u64 = 1 << 13;
const UFFD_FEATURE_WP_ASYNC: u64 = 1 << 15;
/// `_IOWR(0xaa, 0x3f, struct uffdio_api)`.
const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
/// `_IOWR(0xaa, 0x00, struct uffdio_register)`.
const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;
const UFFDIO_REGISTER_MODE_WP: u64 = 2;

/// `struct uffdio_api`.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Register {
    start: u64,
    length: u64,
    mode: u64,
    ioctls: u64,
}

/// Registers `memory`; its writes are noted as long as the descriptor is open.
///
/// # Errors
/// ENOSYS or EPERM where userfaultfd(2) is refused, EINVAL before Linux 6.7.
pub fn watch(memory: &Memory) -> Result<OwnedFd, Error> {
    let flags = libc::O_CLOEXEC | UFFD_USER_MODE_ONLY;
    // SAFETY: integers alone.
    let number = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
    let number = Errno::result(number).map_err(|errno| refused("userfaultfd", errno))?;
    // SAFETY: the kernel has just made this descriptor for this call.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number as i32) };
    let mut api = Api {
        api: UFFD_API,
        features: UFFD_FEATURE_PAGEFAULT_FLAG_WP
            | UFFD_FEATURE_WP_UNPOPULATED
            | UFFD_FEATURE_WP_ASYNC,
        ioctls: 0,
    };
    // SAFETY: the kernel reads and writes the structure, which lives until the call returns.
    let told = unsafe { libc::ioctl(descriptor.as_raw_fd(), UFFDIO_API, &raw mut api) };
    Errno::result(told).map_err(|errno| refused("ioctl UFFDIO_API with WP_ASYNC", errno))?;
    let mut register = Register {
        start: memory.address() as u64,
        length: memory.len() as u64,
        mode: UFFDIO_REGISTER_MODE_WP,
        ioctls: 0,
    };
    // SAFETY: as above. Of the memory, which the caller owns, no byte changes: writes pass as ever,
    // and are noted.
    let told = unsafe { libc::ioctl(descriptor.as_raw_fd(), UFFDIO_REGISTER, &raw mut register) };
    Errno::result(told).map_err(|errno| refused("ioctl UFFDIO_REGISTER", errno))?;
    Ok(descriptor)
}

fn refused(what: &str, errno: Errno) -> Error {
    Error::new(what, errno).with_kind(Operation::UserFaultFd)
}
