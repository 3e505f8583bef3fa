//! Internal waste of a process: huge pages that are partly used, and the last pages of files.

use std::collections::HashSet;
use std::path::Path;

use observe::pagemap::Pagemap;
use observe::process;
use observe::smaps::Usage;
use serde::Serialize;

use super::Error;
use super::target::Target;

/// Bytes that are resident or mapped and hold nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Waste {
    /// Anonymous memory in huge pages.
    pub huge_pages: u64,
    /// Of that, bytes that were looked at.
    pub huge_looked_at: u64,
    /// Of what was looked at, bytes in base pages full of zeros: as far as their contents show,
    /// never used.
    pub huge_unused: u64,
    /// Bytes between the ends of mapped files and the ends of their last pages.
    pub file_tails: u64,
    /// Files that these belong to, as a number.
    pub files: u64,
}

/// Bytes of huge pages that are looked into, at most.
const MAX_BYTES: u64 = 256 << 20;
/// Blocks of addresses in which huge pages are searched for (256 GiB in all), at most: a mapping
/// may be empty nearly everywhere.
const MAX_BLOCKS: u64 = 1 << 17;
/// Bytes of a base page, in which a huge page is looked through.
pub const BASE_PAGE: usize = 4096;

/// Looks for waste. The error says why huge pages could not be looked into, when they could not.
pub(crate) fn measure(target: &Target, usages: &[Usage]) -> (Waste, Option<Error>) {
    let mut waste = Waste {
        huge_pages: in_huge_pages(usages),
        ..Waste::default()
    };
    let refused = match waste.huge_pages {
        0 => None,
        _ => look_into_huge_pages(target, usages, &mut waste).err(),
    };
    add_file_tails(target, usages, &mut waste);
    (waste, refused)
}

/// Bytes in huge pages. /proc may be emulated: no sum of its numbers wraps.
pub(crate) fn in_huge_pages(usages: &[Usage]) -> u64 {
    let sizes = usages.iter().map(|usage| usage.anon_huge_pages);
    sizes.fold(0, u64::saturating_add)
}

fn look_into_huge_pages(target: &Target, usages: &[Usage], waste: &mut Waste) -> Result<(), Error> {
    let memory = target.memory()?;
    let pagemap = Pagemap::open(target.pid)?;
    let huge_page = observe::huge_pages::size();
    let mut buffer = vec![0; huge_page as usize];
    let mut blocks = 0;
    let in_user_space = |usage: &&Usage| usage.mapping.end < 1 << 63;
    let usages = usages.iter().filter(|usage| usage.anon_huge_pages > 0);
    for usage in usages.filter(in_user_space) {
        let mut left = usage.anon_huge_pages;
        let mapping = &usage.mapping;
        let mut at = mapping.start.next_multiple_of(huge_page);
        while left > 0 && at + huge_page <= mapping.end {
            if waste.huge_looked_at >= MAX_BYTES || blocks >= MAX_BLOCKS {
                return Ok(());
            }
            blocks += 1;
            // All of a huge page is present. So may a block of base pages be, which is then taken
            // for one; `left` bounds that error to the number of huge pages that smaps reports.
            let pages = pagemap.pages(at, huge_page)?;
            if pages.iter().all(|page| page.present()) {
                let filled = memory.read(at, &mut buffer)?;
                let zeros = buffer[..filled]
                    .chunks(BASE_PAGE)
                    .filter(|page| is_zero(page));
                waste.huge_unused += (zeros.count() * BASE_PAGE) as u64;
                waste.huge_looked_at += huge_page;
                left = left.saturating_sub(huge_page);
            }
            at += huge_page;
        }
    }
    Ok(())
}

fn is_zero(page: &[u8]) -> bool {
    let (words, rest) = page.as_chunks::<8>();
    words.iter().all(|word| u64::from_ne_bytes(*word) == 0) && rest.iter().all(|&byte| byte == 0)
}

/// Adds the tails of mapped files, seen through the root of the process. A file that was deleted or
/// is out of reach has no size to compare with and is left out.
fn add_file_tails(target: &Target, usages: &[Usage], waste: &mut Waste) {
    let mut seen = HashSet::new();
    for usage in usages.iter().filter(|usage| usage.mapping.inode != 0) {
        let mapping = &usage.mapping;
        let path = Path::new(&mapping.path);
        if !path.is_absolute() {
            continue;
        }
        let Ok(metadata) = process::file_metadata(target.pid, path) else {
            continue;
        };
        let end = mapping.offset.saturating_add(mapping.len());
        if metadata.is_file() && metadata.len() > mapping.offset && end > metadata.len() {
            // The last page of a file is in memory once, however often it is mapped.
            if seen.insert((mapping.device, mapping.inode)) {
                waste.files += 1;
                let page = observe::machine::read().page_size as u64;
                waste.file_tails += metadata.len().next_multiple_of(page) - metadata.len();
            }
        }
    }
}
