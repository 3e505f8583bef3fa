//! `/proc/PID/pagemap`: which frame each page lies in (proc_pid_pagemap(5), the kernel's
//! admin-guide/mm/pagemap.rst).

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use crate::{Error, file_error};

/// One page's entry: 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page(pub u64);

impl Page {
    /// Whether the page is in memory: bit 63.
    pub fn present(self) -> bool {
        self.0 >> 63 & 1 == 1
    }

    /// Whether the page is swapped out: bit 62.
    pub fn is_swapped(self) -> bool {
        self.0 >> 62 & 1 == 1
    }

    /// Whether no other process maps the page: bit 56.
    pub fn exclusive(self) -> bool {
        self.0 >> 56 & 1 == 1
    }

    /// Whether a write to the page is noted by userfaultfd(2) before it is done: bit 57.
    pub fn is_write_protected(self) -> bool {
        self.0 >> 57 & 1 == 1
    }

    /// Whether the page is a guard (`MADV_GUARD_INSTALL`), since Linux 6.15: bit 58.
    pub fn is_guard(self) -> bool {
        self.0 >> 58 & 1 == 1
    }

    /// The frame's number, bits 0 to 54. None where the page is not in memory, and where the reader
    /// lacks CAP_SYS_ADMIN, to whom the kernel shows 0.
    pub fn frame(self) -> Option<u64> {
        let frame = self.0 & ((1 << 55) - 1);
        (self.present() && frame != 0).then_some(frame)
    }
}

/// An open pagemap of one process.
#[derive(Debug)]
pub struct Pagemap {
    pid: i32,
    file: File,
    page_size: u64,
}

impl Pagemap {
    /// Opens the pagemap of process `pid`.
    ///
    /// # Errors
    /// EACCES or EPERM where ptrace access is denied, ENOENT where there is no such process.
    pub fn open(pid: i32) -> Result<Self, Error> {
        let path = format!("/proc/{pid}/pagemap");
        let file = File::open(&path).map_err(|e| file_error("open", path.as_ref(), &e))?;
        let page_size = crate::machine::read().page_size as u64;
        Ok(Pagemap {
            pid,
            file,
            page_size,
        })
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The entries of the pages that hold `start .. start + bytes`, addresses of the process. Fewer
    /// come back where the address space ends or the process has.
    ///
    /// # Errors
    /// That of pread(2).
    pub fn pages(&self, start: u64, bytes: u64) -> Result<Vec<Page>, Error> {
        let first = start / self.page_size;
        let count = start
            .saturating_add(bytes)
            .div_ceil(self.page_size)
            .saturating_sub(first);
        let describe = || format!("read /proc/{}/pagemap at {start:#x}", self.pid);
        let size = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(8))
            .ok_or_else(|| Error::new(describe(), Errno::EINVAL))?;
        let mut buffer = vec![0; size];
        let mut filled = 0;
        while filled < size {
            match self
                .file
                .read_at(&mut buffer[filled..], first * 8 + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::from_io(describe(), &e)),
            }
        }
        Ok(decode(&buffer[..filled]))
    }
}

/// Decodes entries of 8 bytes; an incomplete last one is left out.
pub fn decode(bytes: &[u8]) -> Vec<Page> {
    let (entries, _) = bytes.as_chunks::<8>();
    entries
        .iter()
        .map(|entry| Page(u64::from_ne_bytes(*entry)))
        .collect()
}

/// How many runs of neighbouring frames hold pages that are neighbours, in memory and shown.
pub fn runs(pages: &[Page]) -> usize {
    let mut runs = 0;
    let mut before: Option<u64> = None;
    for page in pages {
        let frame = page.frame();
        if let Some(frame) = frame {
            runs += usize::from(before.is_none_or(|before| frame != before + 1));
        }
        before = frame;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRESENT: u64 = 1 << 63;

    #[test]
    fn entries() {
        let page = Page(PRESENT | 1 << 56 | 0x1234);
        assert_eq!((page.present(), page.exclusive()), (true, true));
        assert_eq!(page.frame(), Some(0x1234));
        assert_eq!(Page(PRESENT).frame(), None, "hidden from the unprivileged");
        assert_eq!(Page(1 << 62 | 0x1234).frame(), None, "a swap offset");
    }

    #[test]
    fn runs_end_where_frames_or_pages_do() {
        let pages = [5, 6, 7, 9, 0, 10, 3].map(|frame| match frame {
            0 => Page(0),
            frame => Page(PRESENT | frame),
        });
        assert_eq!(runs(&pages), 4, "5 6 7, 9, 10, 3");
        assert_eq!(runs(&[]), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_decode(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode(&bytes).len(), bytes.len() / 8);
            prop_assert!(runs(&decode(&bytes)) <= bytes.len() / 8);
        }
    }
}
