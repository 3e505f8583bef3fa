//! One byte costs two mebibytes where the page is a huge one.

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Surprise};
use harness::memory::{Memory, resident};
use observe::smaps::HugePages;

use super::HUGE_PAGE;
use crate::evidence::{forbid_huge_pages, told_of_huge_pages};
use crate::huge_pages;

const BLOCKS: usize = 8;
/// After a search for free memory in one piece that found none, the kernel refuses the next
/// requests without a search, up to 64 of them (compact_defer_shift in mm/compaction.c).
const ATTEMPTS: usize = 200;

const RESIDENT: Quantity = Name("memory made resident for each byte that was written")
    .count(HUGE_PAGE as u64, 4096)
    .unit("bytes");

const ASK: Act = Does("asks for huge pages")
    .call("madvise", "2097152, MADV_HUGEPAGE")
    .times(BLOCKS)
    .shown_by("`hg` among the VmFlags in /proc/self/smaps of each block")
    .in_control(InControl::Instead("madvise", "2097152, MADV_NOHUGEPAGE"))
    .or_not_measured(huge_pages::KEEP_ADVICE);
const WRITE: Act = Does("writes one byte in each block of 2 MiB")
    .in_memory()
    .shown_by("the bytes of each block: one of them is not 0, all others are");

pub(super) const CLAIM: Claim = Claim {
    id: "huge-page-rounds-up",
    statement: "The larger the page, the more a byte can cost: where a transparent huge page is \
                got, one touched byte makes 2 MiB resident.",
    measures: "Up to 8 times: maps a block of 2 MiB with MADV_HUGEPAGE, writes one byte, asks \
               smaps for the resident size before and after, and divides by the bytes that are \
               found to be written. A block for which the kernel found no huge page does not \
               count.",
    control: "the same with MADV_NOHUGEPAGE; every block counts",
    surprise: Some(Surprise::Small("one byte written costs 2 MiB")),
    notes: &[41, 45],
    example: Some("page_for_one_byte"),
    needs: &[
        "transparent huge pages (not `never`), one of which can be had",
        "base pages of 4 KiB",
    ],
    acts: &[ASK, WRITE],
    man: &["madvise(2)", "proc_pid_smaps(5)"],
    quantities: &[RESIDENT],
    measure,
    ..Claim::DEFAULT
};

/// What smaps and its contents say of blocks of memory, added up.
#[derive(Default)]
struct Sum {
    blocks: usize,
    resident: u64,
    written: u64,
}

fn measure(arm: Arm) -> Result<Reading> {
    super::require_pages_of_4_kib()?;
    super::ask_for(BLOCKS * HUGE_PAGE)?;
    let (mut asked, mut one_byte) = (true, true);
    let mut counted = Sum::default();
    // One after the other: a single huge page that the kernel has will do for all of them.
    for _ in 0..ATTEMPTS {
        if counted.blocks == BLOCKS {
            break;
        }
        let mut block = Memory::aligned(HUGE_PAGE, HUGE_PAGE)?;
        match arm {
            Arm::Experiment => huge_pages::ask(&block)?,
            Arm::Control => drop(forbid_huge_pages(&block)?),
        }
        asked &= told_of_huge_pages(&block)? == HugePages::Wanted;
        let before = resident(&block)?.0;
        block.write_every(HUGE_PAGE, 1);
        let (after, huge) = resident(&block)?;
        if arm == Arm::Experiment && asked && huge == 0 {
            continue;
        }
        // Only now: to look for the bytes touches every page.
        let written = count_written(block.bytes());
        one_byte &= written == 1;
        counted.blocks += 1;
        counted.resident += after.saturating_sub(before);
        counted.written += written;
    }
    if counted.blocks == 0 {
        let why = format!("the kernel found no huge page in {ATTEMPTS} attempts");
        return NotMeasured::err(why, huge_pages::FIND);
    }
    let Sum {
        blocks,
        resident,
        written,
    } = counted;
    Ok(Reading::kernel()
        .act(&ASK, asked)
        .act(&WRITE, one_byte)
        .with(&RESIDENT, resident / written.max(1))
        .note(format!(
            "{blocks} blocks: {written} bytes written, {} KiB made resident",
            resident / 1024
        )))
}

/// Bytes that are not zero. Whole pages are compared first, which is fast without optimisation,
/// too.
fn count_written(bytes: &[u8]) -> u64 {
    let pages = bytes.chunks(4096).filter(|page| *page != [0; 4096]);
    let written = pages.map(|page| page.iter().filter(|&&byte| byte != 0).count());
    written.sum::<usize>() as u64
}
