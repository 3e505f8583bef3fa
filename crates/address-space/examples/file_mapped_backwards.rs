//! Contiguous addresses need no contiguous memory: pages are tied to frames one by one, in any
//! order. Here 16 pages of a file lie in reverse order behind addresses that are contiguous.
//!
//! - run: `cargo run -p address-space --example file_mapped_backwards`
//! - expect: the first address shows the last page of the file, and so on
//! - strace: `strace -f -e trace=memfd_create,mmap target/debug/examples/file_mapped_backwards`
//! - claim: `witness run pages-need-no-contiguity`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(unsafe_code, reason = "mmap, and what is done with its memory")]

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

use anyhow::{Context, Result};
use nix::libc::c_void;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous};
use nix::unistd::{SysconfVar, sysconf};

const PAGES: usize = 16;

fn main() -> Result<()> {
    println!("expect    the pages of a file in reverse order, through {PAGES} calls of mmap");
    let page = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")? as usize;
    let name = c"file_mapped_backwards";
    let file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC).context("memfd_create")?);
    for number in 0..PAGES {
        file.write_all_at(&vec![number as u8; page], (number * page) as u64)?;
    }
    println!("memfd     a file of {PAGES} pages; each byte of page N is N");

    let size = NonZeroUsize::new(PAGES * page).context("no pages")?;
    // SAFETY: the kernel chooses the place, so nothing that is mapped is replaced.
    let start = unsafe { mmap_anonymous(None, size, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) };
    let start = start.context("mmap PROT_NONE")?;
    println!("mmap      {size} contiguous addresses, with nothing behind them yet");
    let backwards = map_pages(&file, start, page, |place| PAGES - 1 - place)?;
    println!("          read through the addresses: {backwards:?}");
    let forwards = map_pages(&file, start, page, |place| place)?;
    println!("          control, in the file's order: {forwards:?}");

    let is_reverse = |seen: &[u8], page: usize| usize::from(seen[PAGES - 1 - page]) == page;
    let in_reverse = |seen: &[u8]| (0..PAGES).filter(|&page| is_reverse(seen, page)).count();
    let (backwards, forwards) = (in_reverse(&backwards), in_reverse(&forwards));
    println!("observed  pages of a file, of 16, that read in reverse order: {backwards}");
    println!("control   pages of a file, of 16, that read in reverse order: {forwards}");
    Ok(())
}

/// Maps page `which(place)` of the file at each place, and reads the first byte behind each.
fn map_pages(
    file: &File,
    start: NonNull<c_void>,
    page: usize,
    which: fn(usize) -> usize,
) -> Result<Vec<u8>> {
    let length = NonZeroUsize::new(page).context("no bytes")?;
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
    let mut seen = Vec::new();
    // ANCHOR: backwards
    for place in 0..PAGES {
        let address = start.addr().checked_add(place * page);
        let offset = (which(place) * page) as i64;
        // SAFETY: MAP_FIXED replaces a page of the range that `main` has mapped for this, and to
        // which nobody has a reference. The file is as long as what is mapped of it.
        let byte = unsafe {
            let there = mmap(address, length, ProtFlags::PROT_READ, flags, file, offset);
            there
                .context("mmap MAP_FIXED")?
                .cast::<u8>()
                .read_volatile()
        };
        seen.push(byte);
    }
    // ANCHOR_END: backwards
    Ok(seen)
}
