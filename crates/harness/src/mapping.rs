//! A mapping of a file, unmapped when it is dropped.
#![expect(unsafe_code, reason = "mmap and munmap")]

use std::ffi::c_void;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use observe::Error;

/// A shared mapping that is never read or written; it only holds a reference to the description.
pub struct Mapping {
    at: NonNull<c_void>,
    length: usize,
}

/// Maps the first `length` bytes of `file`, readable and shared.
///
/// # Errors
/// ENODEV for a file that cannot be mapped, EACCES for one that was not opened for reading, ENOMEM.
pub fn shared(file: &File, length: NonZeroUsize) -> Result<Mapping, Error> {
    // SAFETY: no address is given, so the kernel picks one where nothing of ours lies; the memory
    // is never dereferenced.
    let at = unsafe {
        mmap(
            None,
            length,
            ProtFlags::PROT_READ,
            MapFlags::MAP_SHARED,
            file,
            0,
        )
    };
    Ok(Mapping {
        at: at.map_err(|errno| Error::new("mmap MAP_SHARED", errno))?,
        length: length.get(),
    })
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this very range was mapped by `shared`, is owned by this value alone, and no
        // reference into it was ever made. munmap of a mapping of one's own does not fail.
        let _ = unsafe { munmap(self.at, self.length) };
    }
}
