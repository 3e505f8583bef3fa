//! Where the pages of a process lie in physical memory.

use observe::pagemap::{Page, Pagemap};
use observe::smaps::Usage;
use serde::Serialize;

use super::Error;
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

/// Pages whose entries are read at a time.
const PAGES_PER_READ: u64 = 1 << 16;
/// Pages that are looked at, at most: 16 GiB of addresses with something in them.
const MAX_PAGES: u64 = 1 << 22;

/// Counts the physical runs of the mappings that have something in memory. Short mappings come
/// first: a sparse one of many addresses is then cut, and no other.
///
/// pagemap may not be opened, or shows no frame numbers (CAP_SYS_ADMIN): an error.
pub(crate) fn measure(target: &Target, usages: &[Usage]) -> Result<Frames, Error> {
    let pagemap = Pagemap::open(target.pid)?;
    let page = observe::machine::read().page_size as u64;
    let mut count = FrameCount::default();
    let mut resident: Vec<&Usage> = usages
        .iter()
        .filter(|usage| usage.rss > 0 && usage.mapping.end < 1 << 63)
        .collect();
    resident.sort_by_key(|usage| usage.mapping.len());
    let (mut looked_at, mut cut_short) = (0, false);
    for usage in resident {
        count.begin_mapping();
        let mut at = usage.mapping.start;
        while at < usage.mapping.end {
            if looked_at >= MAX_PAGES {
                cut_short = true;
                break;
            }
            let bytes = (PAGES_PER_READ * page).min(usage.mapping.end - at);
            for entry in pagemap.pages(at, bytes)? {
                count.add(entry);
            }
            looked_at += bytes / page;
            at += bytes;
        }
    }
    if count.hidden && count.pages == 0 {
        return Err(Error::HiddenFrames);
    }
    Ok(Frames {
        pages: count.pages,
        runs: count.runs,
        longest: count.longest,
        cut_short,
    })
}

/// Counts the runs of frames, page by page.
#[derive(Default)]
struct FrameCount {
    pages: u64,
    runs: u64,
    longest: u64,
    /// Whether a page is present and its frame number hidden.
    hidden: bool,
    /// The frame of the page before, where it had one.
    before: Option<u64>,
    /// Pages of the current run.
    run: u64,
}

impl FrameCount {
    /// The next page is the first of a mapping, and continues no run.
    fn begin_mapping(&mut self) {
        (self.before, self.run) = (None, 0);
    }

    fn add(&mut self, page: Page) {
        let frame = page.frame();
        self.hidden |= page.present() && frame.is_none();
        if frame.is_some() {
            let continues = self.before.is_some_and(|before| frame == Some(before + 1));
            self.run = if continues { self.run + 1 } else { 1 };
            self.pages += 1;
            self.runs += u64::from(!continues);
            self.longest = self.longest.max(self.run);
        }
        self.before = frame;
    }
}
