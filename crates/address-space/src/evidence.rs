//! What /proc says of one's own memory: the evidence of the claims' acts.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Result;
use claim::{Act, Does};
use harness::memory::Memory;
use nix::errno::Errno;
use nix::sys::mman::MmapAdvise;
use observe::huge_pages;
use observe::maps::{self, Mapping};
use observe::pagemap::Pagemap;
use observe::smaps::{self, HugePages, Usage};

/// Faults are counted page by page only where no huge page serves many at once.
pub const BASE_PAGES: Act = Does("forbids huge pages")
    .call("madvise", "MADV_NOHUGEPAGE")
    .shown_by("`nh` among the VmFlags in /proc/self/smaps, or a kernel without huge pages, by /sys")
    .or_not_measured(crate::huge_pages::KEEP_ADVICE);

/// Forbids huge pages in `memory`, and says whether that is seen: what [`BASE_PAGES`] declares.
///
/// # Errors
/// madvise(2) is refused, other than by a kernel that has no huge pages.
pub fn forbid_huge_pages(memory: &Memory) -> Result<bool> {
    match memory.advise(MmapAdvise::MADV_NOHUGEPAGE) {
        // A kernel that has huge pages does not answer so.
        Err(error) if error.errno == Errno::EINVAL => {
            Ok(huge_pages::read(huge_pages::ENABLED).is_err())
        }
        told => {
            told?;
            let forbidden = told_of_huge_pages(memory)? == HugePages::Forbidden;
            Ok(forbidden || are_huge_pages_unknown())
        }
    }
}

/// Whether /sys is there, and tells nothing of huge pages: a kernel that knows none may answer that
/// it forbids them, and keeps no note of it.
fn are_huge_pages_unknown() -> bool {
    let missing = huge_pages::read(huge_pages::ENABLED);
    missing.is_err_and(|error| error.errno == Errno::ENOENT)
        && std::path::Path::new("/sys/devices/system/cpu").exists()
}

/// What the kernel keeps of the advice on huge pages that it was given for the beginning of
/// `memory`.
///
/// # Errors
/// /proc is not mounted.
pub fn told_of_huge_pages(memory: &Memory) -> Result<HugePages> {
    let first = memory.address() as u64;
    let usages = smaps::read(std::process::id() as i32)?;
    let holds = usages
        .iter()
        .find(|usage| (usage.mapping.start..usage.mapping.end).contains(&first));
    Ok(holds.map_or(HugePages::AsSet, |usage| usage.huge_pages))
}

/// The mappings of this process, in address order.
///
/// # Errors
/// /proc is not mounted.
pub fn mappings() -> Result<Vec<Mapping>> {
    Ok(maps::read(std::process::id() as i32)?)
}

/// The addresses of `memory`.
pub fn addresses(memory: &Memory) -> Range<usize> {
    memory.address()..memory.address() + memory.len()
}

/// How many of these pages, by number, are in memory: by pagemap. Where the kernel has none
/// (gVisor), by smaps, in which those surely are whose whole mapping is resident.
///
/// # Errors
/// That of pagemap, where smaps does not tell either; /proc is not mounted.
pub fn pages_in_memory(numbers: &BTreeSet<usize>, page: usize) -> Result<usize> {
    let own = std::process::id() as i32;
    let pagemap = match Pagemap::open(own) {
        Ok(pagemap) => pagemap,
        Err(error) if error.errno == Errno::ENOENT => {
            let usages = smaps::read(own).map_err(|_| error)?;
            return Ok(count_in_whole_mappings(&usages, numbers, page));
        }
        Err(error) => return Err(error.into()),
    };
    let mut count = 0;
    for number in numbers {
        let entries = pagemap.pages((number * page) as u64, 1)?;
        count += usize::from(entries.iter().any(|entry| entry.present()));
    }
    Ok(count)
}

/// How many of these pages lie in mappings that are resident from end to end.
fn count_in_whole_mappings(usages: &[Usage], numbers: &BTreeSet<usize>, page: usize) -> usize {
    let whole = usages.iter().filter(|it| it.rss == it.mapping.len());
    let inside = |it: &Usage| {
        let range = it.mapping.start as usize..it.mapping.end as usize;
        numbers
            .iter()
            .filter(|&&number| range.contains(&(number * page)))
            .count()
    };
    whole.map(inside).sum()
}

/// Whether every byte of `range` lies in `mappings` with the permissions that `letters` are:
/// `rw-p`.
pub fn is_mapped(mappings: &[Mapping], range: &Range<usize>, letters: &str) -> bool {
    let (mut at, end) = (range.start as u64, range.end as u64);
    for mapping in mappings {
        let holds = (mapping.start..mapping.end).contains(&at);
        if holds && mapping.permissions.to_string() == letters {
            at = mapping.end;
        }
    }
    at >= end
}

/// Whether none of `mappings` has a byte of `range`.
pub fn is_free(mappings: &[Mapping], range: &Range<usize>) -> bool {
    let (start, end) = (range.start as u64, range.end as u64);
    let overlaps = |mapping: &Mapping| mapping.start < end && start < mapping.end;
    !mappings.iter().any(overlaps)
}

/// Whether the first byte of every page of `memory` is `value`.
pub fn every_page_holds(memory: &Memory, page: usize, value: u8) -> bool {
    memory.first_bytes(page).iter().all(|&byte| byte == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_and_what_is_not() -> Result<()> {
        let page = observe::machine::read().page_size;
        let mut memory = Memory::private(3 * page)?;
        let (range, maps) = (addresses(&memory), mappings()?);
        assert!(is_mapped(&maps, &range, "rw-p"));
        assert!(!is_mapped(&maps, &range, "rw-s"));
        assert!(!is_mapped(&[], &range, "rw-p"));
        let second = range.start + page..range.start + 2 * page;
        assert!(!is_free(&maps, &second));
        assert!(is_free(&maps, &(0..page)), "no page at address 0");
        memory.write_every(page, 7);
        assert!(every_page_holds(&memory, page, 7));
        memory.discard_every_second(page)?;
        assert!(!every_page_holds(&memory, page, 7));
        Ok(())
    }

    /// What stands in where the kernel has no pagemap.
    #[test]
    fn a_page_is_in_memory_where_its_whole_mapping_is() -> Result<()> {
        let page = observe::machine::read().page_size;
        // A mapping of its own: it merges with none whose permissions are others.
        let mut memory = Memory::shared(4 * page)?;
        let numbers: BTreeSet<usize> = (0..4).map(|at| memory.address() / page + at).collect();
        let whole = || {
            let usages = smaps::read(std::process::id() as i32)?;
            Ok::<_, anyhow::Error>(count_in_whole_mappings(&usages, &numbers, page))
        };
        memory.write_every(2 * page, 1);
        assert_eq!(whole()?, 0, "every second page was never touched");
        assert_eq!(pages_in_memory(&numbers, page)?, 2);
        memory.write_every(page, 1);
        assert_eq!((whole()?, pages_in_memory(&numbers, page)?), (4, 4));
        Ok(())
    }

    #[test]
    fn advice_on_huge_pages_is_seen() -> Result<()> {
        let memory = Memory::private(4096)?;
        assert_eq!(told_of_huge_pages(&memory)?, HugePages::AsSet);
        assert!(forbid_huge_pages(&memory)?);
        assert!(!are_huge_pages_unknown(), "Linux tells of them");
        Ok(())
    }
}
