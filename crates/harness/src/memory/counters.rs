//! What the kernel counts of one's own memory: faults, resident bytes, pages.
#![expect(unsafe_code, reason = "mincore, which nix does not have")]

use nix::sys::resource::{UsageWho, getrusage};
use observe::Error;
use observe::pagemap::{Page, Pagemap};

use super::{Backing, Memory};

/// How many faults lie between two counts at most: reading a file of /proc can cost some.
const BETWEEN_COUNTS: u64 = 64;

/// Page faults of this process so far that were served without input or output: by getrusage(2),
/// which /proc/self/stat must confirm, or by that alone where a filter refuses the call.
///
/// # Errors
/// /proc is not mounted; without a number where the two disagree: one of them has not counted.
pub fn minor_faults() -> Result<u64, Error> {
    let asked = getrusage(UsageWho::RUSAGE_SELF);
    let shown = observe::stat::read(std::process::id() as i32)?.minor_faults;
    let Ok(usage) = asked else { return Ok(shown) };
    let counted = usage.minor_page_faults() as u64;
    if shown.abs_diff(counted) > BETWEEN_COUNTS {
        let what = format!("getrusage counts {counted} faults, and /proc/self/stat {shown}");
        return Err(Error::without_errno(what));
    }
    Ok(counted)
}

/// Whether this kernel counts page faults: a process that runs has had some.
///
/// # Errors
/// As [`minor_faults`].
pub fn are_faults_counted() -> Result<bool, Error> {
    Ok(minor_faults()? > 0)
}

/// What smaps says of the mappings that begin inside `memory`, added up: resident bytes, and of
/// these bytes in huge pages.
///
/// # Errors
/// /proc is not mounted.
pub fn resident(memory: &Memory) -> Result<(u64, u64), Error> {
    let range = memory.address() as u64..(memory.address() + memory.len()) as u64;
    let usages = observe::smaps::read(std::process::id() as i32)?;
    let inside = usages
        .iter()
        .filter(|usage| range.contains(&usage.mapping.start));
    Ok(inside.fold((0, 0), |(rss, huge), usage| {
        (rss + usage.rss, huge + usage.anon_huge_pages)
    }))
}

/// Pages of `memory` that are in memory, by pagemap's present bit; the shared frame of zeros
/// counts. Where there is no pagemap, mincore(2) says it of private memory; of shared memory it
/// would say whether the file has the page.
///
/// # Errors
/// That of pagemap: this process is not dumpable (prctl(2)) and may not see its own, or the kernel
/// has none and mincore is refused, too.
pub fn present(memory: &Memory) -> Result<u64, Error> {
    match pages(memory) {
        Ok(pages) => Ok(pages.iter().filter(|page| page.present()).count() as u64),
        Err(refused) => present_by_mincore(memory).ok_or(refused),
    }
}

fn present_by_mincore(memory: &Memory) -> Option<u64> {
    if memory.backing != Backing::Private {
        return None;
    }
    let page = observe::machine::read().page_size;
    let mut pages = vec![0_u8; memory.len().div_ceil(page)];
    let at = memory.base.as_ptr();
    // SAFETY: the range is mapped and owned; the kernel writes one byte a page into the vector,
    // which has as many, and nothing into the memory.
    let asked = unsafe { libc::mincore(at.cast(), memory.len(), pages.as_mut_ptr()) };
    let present = pages.iter().filter(|page| **page & 1 == 1);
    (asked == 0).then(|| present.count() as u64)
}

/// The pagemap entries of `memory`.
///
/// # Errors
/// As [`present()`].
pub fn pages(memory: &Memory) -> Result<Vec<Page>, Error> {
    let pagemap = Pagemap::open(std::process::id() as i32)?;
    pagemap.pages(memory.address() as u64, memory.len() as u64)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::sys::mman::MmapAdvise;

    use super::*;
    use crate::filter::with_refused_calls;

    #[test]
    fn faults_are_counted_under_a_filter_too() {
        let page = observe::machine::read().page_size;
        with_refused_calls((libc::SYS_getrusage, Vec::new()), Errno::EPERM, move || {
            assert_eq!(getrusage(UsageWho::RUSAGE_SELF), Err(Errno::EPERM));
            let mut memory = Memory::private(64 * page).unwrap();
            memory.advise(MmapAdvise::MADV_NOHUGEPAGE).ok();
            assert!(are_faults_counted().unwrap());
            let before = minor_faults().unwrap();
            memory.write_every(page, 1);
            assert!(minor_faults().unwrap() - before >= 64);
        });
    }

    #[test]
    fn mincore_counts_what_pagemap_does() {
        let page = observe::machine::read().page_size;
        let mut memory = Memory::private(64 * page).unwrap();
        memory.advise(MmapAdvise::MADV_NOHUGEPAGE).ok();
        assert_eq!(present_by_mincore(&memory), Some(0));
        // A page that was only read shows the frame of zeros, and is present all the same.
        memory.write_every(4 * page, 1);
        memory.read_every(8 * page);
        assert_eq!(present_by_mincore(&memory), Some(16));
        assert_eq!(present(&memory), Ok(16));
        memory.discard_every_second(page).unwrap();
        assert_eq!(present_by_mincore(&memory), present(&memory).ok());
        let shared = Memory::shared(page).unwrap();
        assert_eq!(present_by_mincore(&shared), None);
    }
}
