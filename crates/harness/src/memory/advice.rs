//! madvise(2): huge pages or none, and pages given back.
#![expect(unsafe_code, reason = "madvise on mappings that a value owns")]

use nix::errno::Errno;
use nix::sys::mman::{MmapAdvise, madvise};
use observe::{Error, Operation};
use present::units::bytes;

use super::Memory;

impl Memory {
    /// Asks for huge pages in the whole of it (`MADV_HUGEPAGE`), or for none (`MADV_NOHUGEPAGE`).
    ///
    /// # Errors
    /// EINVAL when the kernel has no huge pages; any other advice.
    pub fn advise(&self, advice: MmapAdvise) -> Result<(), Error> {
        // Other advice drops pages, or makes them vanish in children, under a slice that a caller
        // holds.
        if !matches!(
            advice,
            MmapAdvise::MADV_HUGEPAGE | MmapAdvise::MADV_NOHUGEPAGE
        ) {
            let what = format!("madvise {advice:?}, which is not about huge pages");
            return Err(Error::new(what, Errno::EINVAL));
        }
        // SAFETY: the range is owned and mapped; this advice changes the size of pages and no byte.
        unsafe { madvise(self.base.cast(), self.len, advice) }.map_err(|errno| {
            self.advice_error(&format!("{advice:?}"), errno)
                .with_kind(Operation::HugePages)
        })
    }

    /// Gives every second page back to the system; it reads as zeros afterwards.
    ///
    /// # Errors
    /// None that is documented for private anonymous memory.
    pub fn discard_every_second(&mut self, page: usize) -> Result<(), Error> {
        for at in (page..self.len).step_by(2 * page) {
            // SAFETY: one page within an owned mapping, into which `&mut self` keeps any reference
            // from pointing; its bytes become zeros, which are as initialised as those before.
            unsafe { madvise(self.base.add(at).cast(), page, MmapAdvise::MADV_DONTNEED) }
                .map_err(|errno| self.advice_error("MADV_DONTNEED", errno))?;
        }
        Ok(())
    }

    /// Collapses it into huge pages now (`MADV_COLLAPSE`, Linux 6.1).
    ///
    /// # Errors
    /// EINVAL before Linux 6.1, ENOMEM or EAGAIN when no huge page is to be had.
    pub fn collapse(&self) -> Result<(), Error> {
        /// asm-generic/mman-common.h.
        const MADV_COLLAPSE: libc::c_int = 25;
        // SAFETY: owned and mapped; collapsing changes the frames and not the bytes.
        let result = unsafe { libc::madvise(self.base.as_ptr().cast(), self.len, MADV_COLLAPSE) };
        Errno::result(result).map(drop).map_err(|errno| {
            self.advice_error("MADV_COLLAPSE", errno)
                .with_kind(Operation::Collapse)
        })
    }

    fn advice_error(&self, advice: &str, errno: Errno) -> Error {
        let size = bytes(self.len as u64);
        Error::new(format!("madvise {advice} of {size}"), errno)
    }
}
