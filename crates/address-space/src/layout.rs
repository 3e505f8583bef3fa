//! Where the kernel put the parts of this very program: by /proc/self/stat or, where that has no
//! addresses (gVisor), by the auxiliary vector (getauxval(3)) and the program's headers (elf(5)).
#![expect(
    unsafe_code,
    reason = "getauxval, and the headers at the address that it tells"
)]

use std::ops::Range;

use anyhow::Result;
use libc::Elf64_Phdr;
use observe::stat::{self, Layout};

use crate::evidence::mappings;

/// The parts of this program; none where nothing tells them.
///
/// # Errors
/// /proc is not mounted.
pub fn own() -> Result<Option<Layout>> {
    match stat::read(std::process::id() as i32)?.layout {
        Some(layout) => Ok(Some(layout)),
        None => by_headers(),
    }
}

/// As the kernel finds them itself (fs/binfmt_elf.c): the code is the segment that may be executed,
/// the data the last one that may be written.
fn by_headers() -> Result<Option<Layout>> {
    let (headers, random) = (headers(), auxiliary(libc::AT_RANDOM));
    let Some(own) = headers.iter().find(|it| it.p_type == libc::PT_PHDR) else {
        return Ok(None);
    };
    let moved_by = auxiliary(libc::AT_PHDR).wrapping_sub(own.p_vaddr);
    let segment = |flag: u32| -> Option<Range<u64>> {
        let loads = headers.iter().rev();
        let mut loads = loads.filter(|it| it.p_type == libc::PT_LOAD);
        let found = loads.find(|it| it.p_flags & flag != 0)?;
        let start = found.p_vaddr.wrapping_add(moved_by);
        Some(start..start.saturating_add(found.p_filesz))
    };
    let mappings = mappings()?;
    let heap = mappings.iter().find(|mapping| mapping.path == "[heap]");
    let parts = (segment(libc::PF_X), segment(libc::PF_W), heap);
    let (Some(code), Some(data), Some(heap)) = parts else {
        return Ok(None);
    };
    // The kernel put these random bytes above the first frame of the stack.
    Ok((random != 0).then_some(Layout {
        code,
        data,
        heap_start: heap.start,
        stack_start: random,
    }))
}

/// The headers of this program; none where the vector does not tell them.
fn headers() -> &'static [Elf64_Phdr] {
    let first = auxiliary(libc::AT_PHDR) as *const Elf64_Phdr;
    let is_wide = auxiliary(libc::AT_PHENT) == size_of::<Elf64_Phdr>() as u64;
    if first.is_null() || !first.is_aligned() || !is_wide {
        return &[];
    }
    // SAFETY: the kernel tells where it has put so many headers of this size; they lie in the
    // program's first segment, which nobody writes and which is mapped until the process ends.
    unsafe { std::slice::from_raw_parts(first, auxiliary(libc::AT_PHNUM) as usize) }
}

/// A value of the auxiliary vector; 0 where it is absent.
fn auxiliary(key: libc::c_ulong) -> u64 {
    // SAFETY: getauxval takes any key and reads what the kernel gave at the start.
    unsafe { libc::getauxval(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_tell_what_proc_tells() -> Result<()> {
        let shown = stat::read(std::process::id() as i32)?.layout;
        let (shown, found) = (shown.expect("a layout"), by_headers()?.expect("headers"));
        assert_eq!(found.code, shown.code);
        assert_eq!(found.data, shown.data);
        // Without randomization the heap begins inside a page.
        assert!(found.heap_start.abs_diff(shown.heap_start) < 1 << 16);
        let distance = found.stack_start.abs_diff(shown.stack_start);
        assert!(distance < 1 << 20, "{found:?}, {shown:?}");
        Ok(())
    }
}
