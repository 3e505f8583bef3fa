//! Where a mapping lies: cutting it, moving it, asking for certain addresses.
#![expect(unsafe_code, reason = "mmap and mremap at addresses that a value owns")]

use std::mem::ManuallyDrop;

use nix::errno::Errno;
use nix::sys::mman::MapFlags;
use observe::Error;
use present::units::bytes;

use super::{Backing, Memory, map};

impl Memory {
    /// Unmaps every second page, makes sure that one page fits into the first gap, and asks for
    /// `len` bytes from there on (`MAP_FIXED_NOREPLACE`, Linux 4.17): the error number where they
    /// do not fit.
    ///
    /// # Errors
    /// The memory has less than two pages; there is no gap; the kernel does not know the flag.
    pub fn ask_for_its_gaps(
        mut self,
        page: usize,
        len: usize,
    ) -> Result<Result<Memory, Errno>, Error> {
        let mut kept = Vec::new();
        while self.len > page {
            let mut rest = self.split_off(page)?;
            let next = rest.split_off(page.min(rest.len))?;
            drop(rest);
            kept.push(std::mem::replace(&mut self, next));
        }
        let first = kept.first().ok_or_else(|| {
            let what = format!("unmap every second page of {}", bytes(self.len as u64));
            Error::new(what, Errno::EINVAL)
        })?;
        let gap = first.address() + page;
        // What fits is given back at once: it only shows that there is a gap.
        Memory::at(gap, page)?
            .map_err(|errno| Error::new("mmap of one page at the first gap", errno))?;
        Memory::at(gap, len)
    }

    /// Private anonymous memory at `address` (`MAP_FIXED_NOREPLACE`, Linux 4.17): the error number
    /// where something is mapped there.
    fn at(address: usize, len: usize) -> Result<Result<Memory, Errno>, Error> {
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_ANONYMOUS;
        let flags = flags | MapFlags::MAP_FIXED_NOREPLACE;
        // SAFETY: MAP_FIXED_NOREPLACE replaces nothing; a kernel that does not know it takes the
        // address for a wish and maps elsewhere, which replaces nothing either.
        let base = unsafe { map(address, len, flags, None) };
        let memory = base.map(|base| Memory {
            base,
            len,
            backing: Backing::Private,
        });
        if memory
            .as_ref()
            .is_ok_and(|memory| memory.address() != address)
        {
            // It did not know the flag, and would have granted the wish where it could.
            return Ok(Err(Errno::EEXIST));
        }
        Ok(memory)
    }

    /// Moves the mapping to another address: mremap(2) onto `target`, which it replaces; what
    /// `target` has more is unmapped.
    ///
    /// # Errors
    /// `target` is shorter; ENOMEM when the kernel has no memory for page tables. mremap may have
    /// unmapped the target by then, or not, so its addresses are given up and never used again; the
    /// memory itself is unmapped.
    pub fn move_onto(self, target: Memory) -> Result<Memory, Error> {
        if target.len < self.len {
            let (own, other) = (bytes(self.len as u64), bytes(target.len as u64));
            let what = format!("mremap of {own} onto {other}, where there is no room");
            return Err(Error::new(what, Errno::EINVAL));
        }
        // Whatever becomes of the target's range, its Drop must not unmap it: after a failure it
        // may belong to another thread's mmap.
        let target = ManuallyDrop::new(target);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        let (old, new): (*mut libc::c_void, *mut libc::c_void) =
            (self.base.as_ptr().cast(), target.base.as_ptr().cast());
        // SAFETY: both ranges are owned by values that this call consumes, so no reference points
        // into either; MREMAP_FIXED replaces the first `self.len` bytes of the target, which are
        // its own.
        let moved = unsafe { libc::mremap(old, self.len, self.len, flags, new) };
        // A kernel that answers with another address has moved nothing that could be read.
        if moved != new {
            let errno = match moved {
                libc::MAP_FAILED => Errno::last(),
                _ => Errno::EFAULT,
            };
            let what = format!("mremap of {}", bytes(self.len as u64));
            return Err(Error::new(what, errno));
        }
        let base = target.base;
        let memory = Memory {
            base,
            len: self.len,
            backing: self.backing,
        };
        if target.len > self.len {
            let rest = target.len - self.len;
            // SAFETY: within the target's range, behind what was replaced.
            let base = unsafe { target.base.add(self.len) };
            drop(Memory {
                base,
                len: rest,
                backing: target.backing,
            });
        }
        // Its range is not mapped any more.
        std::mem::forget(self);
        Ok(memory)
    }

    /// Cuts the mapping in two at `at` and keeps the lower part.
    ///
    /// # Errors
    /// `at` is no multiple of the page size, or behind the end.
    pub fn split_off(&mut self, at: usize) -> Result<Memory, Error> {
        let page = observe::machine::read().page_size;
        if at > self.len || !at.is_multiple_of(page) {
            let size = bytes(self.len as u64);
            let what = format!("cut {size} at byte {at}, where pages have {page} bytes");
            return Err(Error::new(what, Errno::EINVAL));
        }
        let upper = self.len - at;
        self.len = at;
        // SAFETY: at <= the old length, so this is within the mapping or one past its end.
        let base = unsafe { self.base.add(at) };
        Ok(Memory {
            base,
            len: upper,
            backing: self.backing,
        })
    }
}
