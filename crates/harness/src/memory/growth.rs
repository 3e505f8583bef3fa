//! How much memory the programs of the machine took meanwhile: for a kernel without pagemap, where
//! it is told of no page who else has it.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use observe::pagemap::Pagemap;
use observe::{Error, kernel, meminfo};

/// What is taken and given back by others meanwhile, and by a fork, is less than half of this.
const RESOLUTION: u64 = 1024;

/// How long the sum must stand still to be believed: gVisor computes it anew every 10 ms at most.
const STILL: Duration = Duration::from_millis(50);

/// How often it is looked at meanwhile at least: who was kept from the CPU has not looked.
const LOOKS: u32 = 50;

/// After this time the sum is taken as it is: others take memory all the time.
const LIMIT: Duration = Duration::from_secs(2);

/// Whether this kernel has no pagemap, and is no Linux: then the growth of the machine's memory
/// stands in. A Linux without pagemap has more programs than ours, which take memory, too.
pub fn is_pagemap_missing() -> bool {
    let own = Pagemap::open(std::process::id() as i32);
    let is_missing = own.is_err_and(|error| error.errno == Errno::ENOENT);
    is_missing && kernel::read().is_linux == Some(false)
}

/// A sum of the machine's memory (AnonPages of proc_meminfo(5)), to be compared with a later one.
#[derive(Clone, Copy, Debug)]
pub struct MemoryInUse {
    /// In bytes.
    bytes: u64,
}

impl MemoryInUse {
    /// What is in use now, where it must stand in: see [`is_pagemap_missing`].
    ///
    /// # Errors
    /// As [`MemoryInUse::now`].
    pub fn for_pagemap() -> Result<Option<MemoryInUse>, Error> {
        is_pagemap_missing().then(MemoryInUse::now).transpose()
    }

    /// What is in use now, once the sum stands still.
    ///
    /// # Errors
    /// /proc is not mounted, or its meminfo has no AnonPages.
    pub fn now() -> Result<MemoryInUse, Error> {
        let start = Instant::now();
        let (mut bytes, mut since, mut looks) = (anon_pages()?, start, 0);
        loop {
            let now = Instant::now();
            let is_still = now.duration_since(since) >= STILL && looks >= LOOKS;
            if is_still || now.duration_since(start) >= LIMIT {
                return Ok(MemoryInUse { bytes });
            }
            std::thread::yield_now();
            let read = anon_pages()?;
            looks += 1;
            if read != bytes {
                (bytes, since, looks) = (read, now, 0);
            }
        }
    }

    /// Pages of `page` bytes by which it has grown since `before`, to the nearest 1024: so coarse
    /// that it matters neither what others took nor what a fork takes (256 on gVisor, which copies
    /// 16 pages at once).
    pub fn pages_since(self, before: MemoryInUse, page: usize) -> u64 {
        let pages = self.bytes.saturating_sub(before.bytes) / page as u64;
        (pages + RESOLUTION / 2) / RESOLUTION * RESOLUTION
    }
}

fn anon_pages() -> Result<u64, Error> {
    let pages = meminfo::read()?.anon_pages;
    pages.ok_or_else(|| Error::no_data("find AnonPages in /proc/meminfo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_to_the_nearest_1024_pages() {
        let at = |pages: u64| MemoryInUse {
            bytes: pages * 4096,
        };
        for (pages, told) in [
            (0, 0),
            (256, 0),
            (512, 1024),
            (1020, 1024),
            (1300, 1024),
            (2048, 2048),
        ] {
            assert_eq!(at(500 + pages).pages_since(at(500), 4096), told, "{pages}");
        }
        assert_eq!(at(3).pages_since(at(500), 4096), 0);
    }

    #[test]
    fn linux_tells_both() {
        assert!(!is_pagemap_missing());
        assert!(MemoryInUse::now().unwrap().bytes > 0);
    }
}
