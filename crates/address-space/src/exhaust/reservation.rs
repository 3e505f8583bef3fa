//! A range of addresses as a value that owns it, so that only own ranges can be unmapped.
#![expect(unsafe_code, reason = "mmap and munmap of addresses without memory")]

use std::ptr::null_mut;

use nix::errno::Errno;

/// Addresses without memory (PROT_NONE), which vm.overcommit_memory does not count either. No other
/// value has any of them, and no reference points there, since they never were readable.
pub struct Reservation {
    /// The first.
    pub at: usize,
    /// How many bytes.
    pub size: usize,
}

impl Reservation {
    /// Reserves `size` bytes where the kernel likes.
    pub fn new(size: usize) -> Result<Reservation, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let at = unsafe { libc::mmap(null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            Err(Errno::last())
        } else {
            Ok(Reservation {
                at: at as usize,
                size,
            })
        }
    }

    /// Cuts the lowest `size` bytes off: whole pages, and no more than there are.
    pub fn cut(&mut self, size: usize) -> Reservation {
        let size = size.min(self.size);
        let lowest = Reservation { at: self.at, size };
        self.at += size;
        self.size -= size;
        lowest
    }

    /// Gives the addresses back.
    pub fn release(mut self) -> Result<(), Errno> {
        let whole = self.cut(self.size);
        let result = whole.unmap();
        // Those that could not be given back are not tried again.
        std::mem::forget(whole);
        result
    }

    fn unmap(&self) -> Result<(), Errno> {
        // SAFETY: these addresses are this value's alone, which is not used after this, and nothing
        // points to them. Whoever maps something takes addresses that are free, and these are not.
        Errno::result(unsafe { libc::munmap(self.at as *mut libc::c_void, self.size) }).map(drop)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.size > 0 {
            // One that stays takes addresses of a child that is about to end.
            let _ = self.unmap();
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;

    const UNIT: usize = 1 << 20;

    fn is_mapped(address: usize) -> Result<bool> {
        let maps = observe::maps::read(std::process::id() as i32)?;
        let address = address as u64;
        Ok(maps.iter().any(|m| (m.start..m.end).contains(&address)))
    }

    #[test]
    fn what_is_cut_off_is_given_back_alone() -> Result<()> {
        let mut whole = Reservation::new(3 * UNIT)?;
        let lowest = whole.cut(UNIT);
        let next = whole.cut(UNIT);
        assert_eq!(
            (next.at, whole.at),
            (lowest.at + UNIT, lowest.at + 2 * UNIT)
        );
        // Whether the hole is there is not asked: another test may map something into it at once.
        next.release()?;
        assert!(is_mapped(lowest.at)? && is_mapped(whole.at)?);
        let rest = whole.cut(2 * UNIT);
        assert_eq!((rest.size, whole.size), (UNIT, 0), "no more than there is");
        Ok(())
    }
}
