//! A request is rounded up to whole pages: one byte costs a page, and the rest of it is wasted
//! inside. That is internal fragmentation.
//!
//! - run: `cargo run -p address-space --example page_for_one_byte`
//! - expect: 256 objects of one byte cost 256 pages; side by side in one mapping they cost one
//! - strace: `strace -f -e trace=mmap,pread64 target/debug/examples/page_for_one_byte`
//! - claim: `witness run page-rounds-up huge-page-rounds-up bigger-pages-waste-more`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(unsafe_code, reason = "mmap, and a write to what it gives")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::unistd::{SysconfVar, sysconf};

const OBJECTS: usize = 256;

fn main() -> Result<()> {
    println!("expect    {OBJECTS} objects of one byte cost {OBJECTS} pages");
    let page = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")? as usize;
    let mut objects = Vec::with_capacity(OBJECTS);
    let before = pages_of_addresses()?;
    // ANCHOR: objects
    for _ in 0..OBJECTS {
        objects.push(map(1)?);
    }
    let grown = pages_of_addresses()? - before;
    println!("mmap      {OBJECTS} times one byte: {grown} pages of addresses");
    println!("write     one byte into each");
    let resident = write_each(&objects, page)?;

    let all = map(OBJECTS)?;
    println!("mmap      control: {OBJECTS} bytes at once");
    let side_by_side: Vec<usize> = (all..all + OBJECTS).collect();
    let together = write_each(&side_by_side, page)?;
    // ANCHOR_END: objects

    println!("observed  pages of addresses (VmSize) for 256 objects of one byte: {grown}");
    println!("observed  pages resident for 256 objects of one byte: {resident}");
    println!("control   pages resident for 256 objects of one byte: {together}");
    Ok(())
}

/// The address of `length` bytes of private memory, which stay mapped until the program ends.
fn map(length: usize) -> Result<usize> {
    let length = NonZeroUsize::new(length).context("no bytes")?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses the place, so nothing that is mapped is replaced.
    let memory = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE) };
    Ok(memory.context("mmap")?.addr().get())
}

/// Writes a byte to each address, and counts the pages that are in memory then: the highest bit of
/// each page's 8 bytes in pagemap says so (proc(5)).
fn write_each(addresses: &[usize], page: usize) -> Result<usize> {
    let pagemap = File::open("/proc/self/pagemap").context("pagemap")?;
    let mut resident = BTreeSet::new();
    for &address in addresses {
        // SAFETY: `map` has mapped this byte for writing, and nothing else uses it.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
        let mut entry = [0; 8];
        pagemap.read_exact_at(&mut entry, (address / page * 8) as u64)?;
        if u64::from_ne_bytes(entry) >> 63 == 1 {
            resident.insert(address / page);
        }
    }
    Ok(resident.len())
}

/// The size of this process's address space, in pages.
fn pages_of_addresses() -> Result<usize> {
    let statm = fs::read_to_string("/proc/self/statm").context("statm")?;
    Ok(statm.split(' ').next().context("an empty statm")?.parse()?)
}
