//! Internal waste of a process: huge pages that are partly used, and the last pages of files.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};
use observe::pagemap::Pagemap;
use observe::smaps::Usage;
use serde::Serialize;

use super::target::Target;

/// Bytes that are resident or mapped and hold nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Waste {
    /// Anonymous memory in huge pages.
    pub huge_pages: u64,
    /// Of that, bytes that were looked at.
    pub huge_looked_at: u64,
    /// Of what was looked at, bytes in base pages full of zeros: as far as their contents show, never used.
    pub huge_unused: u64,
    /// Bytes between the ends of mapped files and the ends of their last pages.
    pub file_tails: u64,
    /// Files that these belong to, as a number.
    pub files: u64,
}

/// Huge pages are looked into up to this many bytes.
const MOST: u64 = 256 << 20;
/// And searched for in this many blocks of addresses (256 GiB in all), since most of them may be empty.
const MOST_BLOCKS: u64 = 1 << 17;
/// Bytes of the parts that a huge page is looked at in.
pub const BASE_PAGE: usize = 4096;

/// Looks for waste; `unseen` hears what could not be looked at.
pub fn measure(
    target: &Target,
    usages: &[Usage],
    mut unseen: impl FnMut(&str, anyhow::Error),
) -> Waste {
    let huge_pages = usages.iter().map(|usage| usage.anon_huge_pages).sum();
    let mut waste = Waste {
        huge_pages,
        ..Waste::default()
    };
    if waste.huge_pages > 0
        && let Err(error) = look_into_huge_pages(target, usages, &mut waste)
    {
        unseen("use of huge pages", error);
    }
    file_tails(target, usages, &mut waste);
    waste
}

fn look_into_huge_pages(target: &Target, usages: &[Usage], waste: &mut Waste) -> Result<()> {
    let memory = target.memory()?;
    let pagemap = Pagemap::open(target.pid)?;
    let huge_page = observe::huge_pages::size();
    let mut buffer = vec![0; huge_page as usize];
    let mut blocks = 0;
    for usage in usages.iter().filter(|usage| usage.anon_huge_pages > 0) {
        let mut left = usage.anon_huge_pages;
        let mapping = &usage.mapping;
        let mut at = mapping.start.next_multiple_of(huge_page);
        while left > 0 && at + huge_page <= mapping.end {
            if waste.huge_looked_at >= MOST || blocks >= MOST_BLOCKS {
                return Ok(());
            }
            blocks += 1;
            // A huge page is wholly present; a block of base pages may be, too, and is then taken for
            // one. `left` bounds the error to the number of huge pages that smaps reports.
            let pages = pagemap.pages(at, huge_page)?;
            if pages.iter().all(|page| page.present()) {
                let filled = memory.read(at, &mut buffer).context("huge page")?;
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

/// Files as the process sees them; one that is gone or out of reach has no size to compare with.
fn file_tails(target: &Target, usages: &[Usage], waste: &mut Waste) {
    let mut seen = HashSet::new();
    for usage in usages.iter().filter(|usage| usage.mapping.inode != 0) {
        let mapping = &usage.mapping;
        let path = Path::new(&mapping.path);
        let Ok(inside) = path.strip_prefix("/") else {
            continue;
        };
        let root = Path::new("/proc")
            .join(target.pid.to_string())
            .join("root")
            .join(inside);
        let Ok(metadata) = std::fs::metadata(root) else {
            continue;
        };
        let end = mapping.offset + mapping.len();
        if metadata.is_file() && metadata.len() > mapping.offset && end > metadata.len() {
            // The last page of a file is in memory once, however often it is mapped.
            if seen.insert((mapping.device, mapping.inode)) {
                waste.files += 1;
                let page = observe::machine::this().page_size as u64;
                waste.file_tails += metadata.len().next_multiple_of(page) - metadata.len();
            }
        }
    }
}
