//! What the kernel counts of one's own memory: faults, resident bytes, pages.

use nix::sys::resource::{UsageWho, getrusage};
use observe::Error;
use observe::pagemap::{Page, Pagemap};

use super::Memory;

/// Page faults of this process so far that were served without input or output (getrusage(2)).
///
/// # Errors
/// None that is documented for one's own process.
pub fn minor_faults() -> Result<u64, Error> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|errno| Error::new("getrusage", errno))?;
    Ok(usage.minor_page_faults() as u64)
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
/// counts.
///
/// # Errors
/// /proc is not mounted, or this process is not dumpable (prctl(2)) and may not see its own
/// pagemap.
pub fn present(memory: &Memory) -> Result<u64, Error> {
    let pages = pages(memory)?;
    Ok(pages.iter().filter(|page| page.present()).count() as u64)
}

/// The pagemap entries of `memory`.
///
/// # Errors
/// As [`present()`].
pub fn pages(memory: &Memory) -> Result<Vec<Page>, Error> {
    let pagemap = Pagemap::open(std::process::id() as i32)?;
    pagemap.pages(memory.address() as u64, memory.len() as u64)
}
