//! A guard page without a mapping of its own: MADV_GUARD_INSTALL.

use std::time::Duration;

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::memory::{Memory, pages as pagemap};
use nix::sys::wait::WaitStatus;

use super::guarded_pages::{FILL, GuardedPages};
use crate::claims::page_size;
use crate::evidence::{addresses, is_mapped, mappings};

const PAGES: usize = 16;
const GUARD: usize = 8;
/// What the reader adds to the byte that it tells: 0 is no word of it.
const TOLD: u8 = 100;

const MAPPINGS: Quantity = Name("mappings that hold 16 pages, one of them a guard").count(1, 3);
const TOUCHED: Quantity =
    Name("end of a child that reads the guard, once mprotect allowed all access")
        .word("SIGSEGV", "status 0");

/// How long the child may take to read one byte.
const LIMIT: Duration = Duration::from_secs(5);
const INSTALL: Act = Does("makes one page a guard by MADV_GUARD_INSTALL")
    .call("madvise", "")
    .shown_by("bit 58 of this page alone in /proc/self/pagemap")
    .in_control(InControl::Instead("mprotect", "PROT_NONE"))
    .or_not_measured("use Linux 6.15 or later, whose pagemap shows guards");
const ALLOW: Act = Does("allows all access to the 16 pages")
    .call("mprotect", "PROT_READ|PROT_WRITE")
    .shown_by("rw-p for all of them in /proc/self/maps");
const TOUCH: Act = Does("reads the guard")
    .in_memory()
    .by("reader")
    .shown_by("the byte that it read, in memory that it shares, or its death before it told any");

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "guard-needs-no-mapping",
    statement: "MADV_GUARD_INSTALL makes a page fault in the middle of a mapping and leaves one \
                mapping, where mprotect makes three of it; and no mprotect lifts it.",
    measures: "One of 16 pages becomes a guard. /proc/self/maps counts the mappings; then mprotect \
               allows all access to the 16 pages, and a child reads the guard.",
    control: "mprotect with PROT_NONE makes the guard",
    notes: &[41, 42],
    needs: &["Linux 6.15"],
    acts: &[INSTALL, ALLOW, TOUCH],
    man: &["madvise(2)", "mprotect(2)"],
    quantities: &[MAPPINGS, TOUCHED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    let pages = GuardedPages::new(PAGES, page, GUARD)?;
    match arm {
        Arm::Experiment => pages.install_guard()?,
        Arm::Control => pages.forbid_access()?,
    }
    let entries = pagemap(pages.memory())?;
    let guards = entries.iter().enumerate().filter(|(_, it)| it.is_guard());
    let installed = guards.map(|(number, _)| number).eq([GUARD]);
    let range = addresses(pages.memory());
    let overlaps = |start: u64, end: u64| start < range.end as u64 && (range.start as u64) < end;
    let all = mappings()?;
    let count = all.iter().filter(|it| overlaps(it.start, it.end)).count();
    pages.allow_access()?;
    let allowed = is_mapped(&mappings()?, &range, "rw-p");
    let mut told = Memory::shared(page)?;
    let mut reader = child::fork("reader", |_| {
        let byte = pages.touch();
        told.write_every(page, TOLD + byte);
        Ok(())
    })?
    .limit(LIMIT);
    let end = match reader.wait()? {
        WaitStatus::Signaled(_, signal, _) => signal.as_str().to_owned(),
        WaitStatus::Exited(_, status) => format!("status {status}"),
        other => format!("{other:?}"),
    };
    // A guard drops what the page held; mprotect keeps it.
    let read = TOLD + arm.choose(0, FILL);
    let expected = if end == "SIGSEGV" { 0 } else { read };
    Ok(Reading::kernel()
        .act(&INSTALL, installed)
        .act(&ALLOW, allowed)
        .act(&TOUCH, told.first_bytes(page) == [expected])
        .with(&MAPPINGS, count)
        .with(&TOUCHED, end))
}
