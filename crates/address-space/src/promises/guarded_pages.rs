//! Pages of which one is a guard: by MADV_GUARD_INSTALL (Linux 6.13), or by mprotect(2).
#![expect(
    unsafe_code,
    reason = "madvise with new advice, mprotect, and a read that may fault"
)]

use harness::memory::Memory;
use nix::errno::Errno;
use observe::{Error, Operation};

/// `include/uapi/asm-generic/mman-common.h`.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// What the first byte of each page holds.
pub const FILL: u8 = 1;

/// Private memory that is never lent: a part of it may fault.
pub struct GuardedPages {
    memory: Memory,
    page: usize,
    guard: usize,
}

impl GuardedPages {
    /// `count` pages of `page` bytes, each written once; page `guard` is to become the guard.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new(count: usize, page: usize, guard: usize) -> Result<GuardedPages, Error> {
        let mut memory = Memory::private(count * page)?;
        memory.write_every(page, FILL);
        Ok(GuardedPages {
            memory,
            page,
            guard,
        })
    }

    /// The pages, which are only to be asked about.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn guard(&self) -> *mut libc::c_void {
        std::ptr::without_provenance_mut(self.memory.address() + self.guard * self.page)
    }

    /// Makes the page a guard without a mapping of its own.
    ///
    /// # Errors
    /// EINVAL before Linux 6.13.
    pub fn install_guard(&self) -> Result<(), Error> {
        // SAFETY: one page of memory that this value owns and into which nothing points.
        let told = unsafe { libc::madvise(self.guard(), self.page, MADV_GUARD_INSTALL) };
        Errno::result(told).map(drop).map_err(|errno| {
            Error::new("madvise MADV_GUARD_INSTALL", errno).with_kind(Operation::GuardRegion)
        })
    }

    /// Forbids all access to the page (`PROT_NONE`).
    ///
    /// # Errors
    /// ENOMEM at vm.max_map_count.
    pub fn forbid_access(&self) -> Result<(), Error> {
        protect(self.guard(), self.page, libc::PROT_NONE)
    }

    /// Makes all pages readable and writable.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn allow_access(&self) -> Result<(), Error> {
        let start = std::ptr::without_provenance_mut(self.memory.address());
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        protect(start, self.memory.len(), writable)
    }

    /// Reads the first byte of the guard: a signal ends the process where it may not.
    pub fn touch(&self) -> u8 {
        // SAFETY: the address is mapped. Where the kernel refuses the access it sends SIGSEGV,
        // whose default ends the process that calls this: a child that is made for it.
        unsafe { self.guard().cast::<u8>().read_volatile() }
    }
}

fn protect(at: *mut libc::c_void, length: usize, permissions: i32) -> Result<(), Error> {
    // SAFETY: the callers give pages of memory that they own and into which nothing points.
    let told = unsafe { libc::mprotect(at, length, permissions) };
    Errno::result(told)
        .map(drop)
        .map_err(|errno| Error::new("mprotect", errno))
}
