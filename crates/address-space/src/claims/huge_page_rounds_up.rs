//! One byte costs two mebibytes where the page is a huge one.

use anyhow::Result;
use claim::{Arm, Claim, Name, NotMeasured, Quantity, Reading};
use harness::memory::{Memory, resident};
use nix::sys::mman::MmapAdvise;
use observe::huge_pages;

use super::HUGE_PAGE;

const BLOCKS: usize = 16;

const RESIDENT: Quantity = Name("memory made resident for each byte that was written")
    .count(HUGE_PAGE as u64, 4096)
    .unit("bytes");

pub(super) const CLAIM: Claim = Claim {
    id: "huge-page-rounds-up",
    statement: "The larger the page, the more a byte can cost: with transparent huge pages one \
                touched byte makes 2 MiB resident.",
    measures: "Maps 32 MiB with MADV_HUGEPAGE, writes one byte in each 2 MiB, asks smaps for the \
               resident size before and after, and divides by the bytes that are found to be \
               written.",
    control: "the same with MADV_NOHUGEPAGE",
    notes: &[41, 45],
    needs: &[
        "transparent huge pages (not `never`)",
        "base pages of 4 KiB",
    ],
    syscalls: &["mmap", "madvise"],
    man: &["madvise(2)", "proc_pid_smaps(5)"],
    quantities: &[RESIDENT],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    super::require_pages_of_4_kib()?;
    super::ask_for(BLOCKS * HUGE_PAGE)?;
    let mut memory = Memory::aligned(BLOCKS * HUGE_PAGE, HUGE_PAGE)?;
    match arm {
        Arm::Experiment => {
            ensure_enabled()?;
            memory.advise(MmapAdvise::MADV_HUGEPAGE)?;
        }
        Arm::Control => {
            let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
        }
    }
    let before = resident(&memory)?.0;
    memory.write_every(HUGE_PAGE, 1);
    let (rss, huge) = resident(&memory)?;
    // Only now: to look for the bytes touches every page.
    let written = count_written(memory.bytes());
    if arm == Arm::Experiment && huge < written * HUGE_PAGE as u64 {
        let why = format!(
            "the kernel found {} of {written} huge pages",
            huge / HUGE_PAGE as u64
        );
        let enable = "free memory, or as root: echo 1 > /proc/sys/vm/compact_memory";
        return NotMeasured::err(why, enable);
    }
    let each = rss.saturating_sub(before) / written.max(1);
    Ok(Reading::kernel().with(&RESIDENT, each).note(format!(
        "{written} bytes written; resident {} KiB before, {} KiB after, {} KiB of it in huge pages",
        before / 1024,
        rss / 1024,
        huge / 1024
    )))
}

/// Bytes that are not zero. Whole pages are compared first, which is fast without optimisation,
/// too.
fn count_written(bytes: &[u8]) -> u64 {
    let pages = bytes.chunks(4096).filter(|page| *page != [0; 4096]);
    let written = pages.map(|page| page.iter().filter(|&&byte| byte != 0).count());
    written.sum::<usize>() as u64
}

fn ensure_enabled() -> Result<()> {
    let path = huge_pages::path(huge_pages::ENABLED);
    let enable = "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
    let why = match huge_pages::read(huge_pages::ENABLED) {
        Ok(Some(word)) if word == "never" => format!("{path} says never"),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string(),
    };
    NotMeasured::err(why, enable)
}
