//! Transparent huge pages for one's own memory, and why there are none.

use anyhow::Result;
use claim::NotMeasured;
use harness::memory::Memory;
use nix::errno::Errno;
use nix::sys::mman::MmapAdvise;
use nix::sys::prctl;
use observe::huge_pages::{self, ENABLED};

/// What a person can do where the kernel finds no huge page.
pub const FIND: &str = "free memory, or as root: echo 1 > /proc/sys/vm/compact_memory";

/// What a person can do where madvise(2) answers 0 and the kernel keeps nothing of the advice.
pub const KEEP_ADVICE: &str = "use a kernel that keeps MADV_HUGEPAGE and MADV_NOHUGEPAGE";

/// Asks for huge pages in `memory`.
///
/// # Errors
/// [`NotMeasured`] where the kernel has none, is set to make none, or makes none for this process;
/// that of madvise(2).
pub fn ask(memory: &Memory) -> Result<()> {
    let path = huge_pages::path(ENABLED);
    let allow = "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
    match huge_pages::read(ENABLED) {
        Ok(Some(word)) if word == "never" => {
            return NotMeasured::err(format!("{path} says never"), allow);
        }
        Err(error) if error.errno != Errno::ENOENT => {
            return NotMeasured::err(error.to_string(), allow);
        }
        _ => {}
    }
    // Before Linux 3.15 nobody could forbid them to a process.
    if prctl::get_thp_disable().unwrap_or(false) {
        let why =
            "huge pages are forbidden to this process (THP_enabled in /proc/self/status is 0)";
        let enable = "run it where no program called prctl(PR_SET_THP_DISABLE) before";
        return NotMeasured::err(why, enable);
    }
    match memory.advise(MmapAdvise::MADV_HUGEPAGE) {
        Err(error) if error.errno == Errno::EINVAL => {
            let why = format!("{error}: this kernel has no transparent huge pages");
            NotMeasured::err(why, "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE")
        }
        told => Ok(told?),
    }
}
