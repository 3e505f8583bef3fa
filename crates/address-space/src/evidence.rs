//! What /proc says of one's own memory: the evidence of the claims' acts.

use std::ops::Range;

use anyhow::Result;
use claim::{Act, Does};
use harness::memory::Memory;
use nix::errno::Errno;
use nix::sys::mman::MmapAdvise;
use observe::huge_pages;
use observe::maps::{self, Mapping};
use observe::smaps::{self, HugePages};

/// Faults are counted page by page only where no huge page serves many at once.
pub const BASE_PAGES: Act = Does("forbids huge pages")
    .call("madvise", "MADV_NOHUGEPAGE")
    .shown_by("`nh` among the VmFlags in /proc/self/smaps, or a kernel without huge pages")
    .or_not_measured(crate::huge_pages::KEEP_ADVICE);

/// Forbids huge pages in `memory`, and says whether that is seen: what [`BASE_PAGES`] declares.
///
/// # Errors
/// madvise(2) is refused, other than by a kernel that has no huge pages.
pub fn forbid_huge_pages(memory: &Memory) -> Result<bool> {
    match memory.advise(MmapAdvise::MADV_NOHUGEPAGE) {
        Err(error) if error.errno == Errno::EINVAL => {
            let set = huge_pages::read(huge_pages::ENABLED).ok().flatten();
            Ok(set.as_deref() != Some("always"))
        }
        told => {
            told?;
            Ok(told_of_huge_pages(memory)? == HugePages::Forbidden)
        }
    }
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

    #[test]
    fn advice_on_huge_pages_is_seen() -> Result<()> {
        let memory = Memory::private(4096)?;
        assert_eq!(told_of_huge_pages(&memory)?, HugePages::AsSet);
        assert!(forbid_huge_pages(&memory)?);
        Ok(())
    }
}
