//! Where the pages of a process lie in physical memory.

use anyhow::{Result, bail};
use observe::pagemap::Pagemap;
use observe::smaps::Usage;
use serde::Serialize;

use super::target::Target;

/// Frames behind the resident pages.
#[derive(Debug, Clone, Serialize)]
pub struct Frames {
    /// Pages in memory, as a number.
    pub pages: u64,
    /// Runs of neighbouring pages on neighbouring frames, as a number.
    pub runs: u64,
    /// The longest run, in pages.
    pub longest: u64,
    /// Whether mappings were left out because there are too many pages to look at.
    pub cut_short: bool,
}

/// Pages whose entries are read at a time, and in all: 16 GiB of addresses with something in them.
const STEP: u64 = 1 << 16;
const MOST: u64 = 1 << 22;

/// Counts the physical runs of the mappings that have something in memory, the short ones first: a sparse
/// mapping of many addresses leaves itself out, and no other.
///
/// # Errors
/// pagemap may not be opened, or shows no frame numbers (CAP_SYS_ADMIN).
pub fn measure(target: &Target, usages: &[Usage]) -> Result<Frames> {
    let pagemap = Pagemap::open(target.pid)?;
    let page = observe::machine::read().page_size as u64;
    let mut frames = Frames {
        pages: 0,
        runs: 0,
        longest: 0,
        cut_short: false,
    };
    let (mut looked, mut hidden) = (0, false);
    let mut resident: Vec<&Usage> = usages
        .iter()
        .filter(|usage| usage.rss > 0 && usage.mapping.end < 1 << 63)
        .collect();
    resident.sort_by_key(|usage| usage.mapping.len());
    for usage in resident {
        let (mut before, mut run) = (None, 0);
        let mut at = usage.mapping.start;
        while at < usage.mapping.end {
            if looked >= MOST {
                frames.cut_short = true;
                break;
            }
            let bytes = (STEP * page).min(usage.mapping.end - at);
            for entry in pagemap.pages(at, bytes)? {
                hidden |= entry.present() && entry.frame().is_none();
                let frame = entry.frame();
                if frame.is_some() {
                    let follows = before.is_some_and(|before: u64| frame == Some(before + 1));
                    run = if follows { run + 1 } else { 1 };
                    frames.pages += 1;
                    frames.runs += u64::from(!follows);
                    frames.longest = frames.longest.max(run);
                }
                before = frame;
            }
            looked += bytes / page;
            at += bytes;
        }
    }
    if hidden && frames.pages == 0 {
        bail!("pagemap hides frame numbers without CAP_SYS_ADMIN");
    }
    Ok(frames)
}
