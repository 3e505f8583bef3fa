//! The ioctl `PAGEMAP_SCAN` of `/proc/PID/pagemap` (Linux 6.7; the kernel's
//! admin-guide/mm/pagemap.rst): which pages were written, and, in the same call, protect them anew.
#![expect(unsafe_code, reason = "an ioctl that no library has")]

use std::ops::Range;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::pagemap::Pagemap;
use crate::{Error, Operation};

/// `_IOWR('f', 16, struct pm_scan_arg)`, `include/uapi/linux/fs.h`.
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
const PM_SCAN_WP_MATCHING: u64 = 1;
const PAGE_IS_WRITTEN: u64 = 1 << 1;
/// More regions are not asked for: the caller's pages are few.
const MOST_REGIONS: usize = 1024;

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg`.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    region_count: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// What a scan does with the pages that it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It protects them again (`PM_SCAN_WP_MATCHING`), so that the next scan reports later writes
    /// alone.
    Protect,
    /// It leaves them as they are.
    Leave,
}

impl Pagemap {
    /// The pages that were written since they were last protected, as ranges of addresses in
    /// ascending order, of those that hold `start .. start + bytes`. The pages are registered with
    /// userfaultfd(2) for asynchronous write protection, else every one counts as written.
    ///
    /// # Errors
    /// ENOTTY before Linux 6.7; EPERM to protect pages that are not registered; E2BIG for more than
    /// 1024 ranges.
    pub fn scan_written(
        &self,
        start: u64,
        bytes: u64,
        afterwards: Afterwards,
    ) -> Result<Vec<Range<u64>>, Error> {
        let mut regions = vec![Region::default(); MOST_REGIONS];
        let mut scan = Scan {
            size: size_of::<Scan>() as u64,
            flags: match afterwards {
                Afterwards::Protect => PM_SCAN_WP_MATCHING,
                Afterwards::Leave => 0,
            },
            start,
            end: start.saturating_add(bytes),
            walk_end: 0,
            regions: regions.as_mut_ptr() as u64,
            region_count: MOST_REGIONS as u64,
            max_pages: 0,
            category_inverted: 0,
            category_mask: PAGE_IS_WRITTEN,
            category_anyof_mask: 0,
            return_mask: PAGE_IS_WRITTEN,
        };
        // SAFETY: the kernel reads and writes the structure and writes at most `region_count`
        // regions; both live on until the call returns.
        let found = unsafe { libc::ioctl(self.descriptor(), PAGEMAP_SCAN, &raw mut scan) };
        let refused = |errno| {
            Error::new(format!("ioctl PAGEMAP_SCAN at {start:#x}"), errno)
                .with_kind(Operation::PagemapScan)
        };
        let found = Errno::result(found).map_err(refused)?;
        if scan.walk_end != scan.end {
            return Err(refused(Errno::E2BIG));
        }
        let found = regions.iter().take(found.unsigned_abs() as usize);
        Ok(found.map(|region| region.start..region.end).collect())
    }

    fn descriptor(&self) -> i32 {
        self.file().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_as_long_as_the_ioctl_says() {
        let size = PAGEMAP_SCAN >> 16 & 0x3fff;
        assert_eq!(size_of::<Scan>() as u64, size);
        assert_eq!(size_of::<Region>(), 24);
    }
}
