//! mmap gives addresses and no memory: each page gets its frame in a minor fault, when it is first
//! written. Any free frame will do.
//!
//! - run: `cargo run -p address-space --example lazy_pages`
//! - expect: no fault by mmap, then 1024 while 1024 pages are read, and 1024 more while written
//! - strace: `strace -f -e trace=mmap,madvise,getrusage target/debug/examples/lazy_pages` (a fault
//!   is no system call: between the calls of getrusage there is nothing to see)
//! - claim: `witness run lazy-pages any-frame-will-do`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(unsafe_code, reason = "mmap, and what is done with its memory")]

use std::num::NonZeroUsize;

use anyhow::{Context, Result};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};

const PAGES: usize = 1024;

fn main() -> Result<()> {
    println!("expect    one minor fault a page: at the first read, and at the first write");
    let [read, written, again] = touch_twice(MapFlags::empty())?;
    println!("expect    with MAP_POPULATE mmap fetches every frame itself");
    let [populated_read, populated_written, _] = touch_twice(MapFlags::MAP_POPULATE)?;

    println!("observed  minor faults while each page is read for the first time: {read}");
    println!("observed  minor faults while each page is written for the first time: {written}");
    println!("          while each is written once more: {again}");
    println!("control   minor faults while each page is read for the first time: {populated_read}");
    println!(
        "control   minor faults while each page is written for the first time: {populated_written}"
    );
    Ok(())
}

/// Maps pages, reads one byte of each, writes it, writes it again: the faults of each round.
fn touch_twice(populate: MapFlags) -> Result<[i64; 3]> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")? as usize;
    let size = NonZeroUsize::new(PAGES * page).context("no pages")?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    println!("mmap      {size} bytes");
    // SAFETY: the kernel chooses the place, so nothing that is mapped is replaced.
    let memory = unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_PRIVATE | populate) };
    let memory = memory.context("mmap")?;
    // SAFETY: advice on memory of our own; MADV_NOHUGEPAGE changes no byte of it.
    unsafe { madvise(memory, size.get(), MmapAdvise::MADV_NOHUGEPAGE) }.context("madvise")?;

    let mut faults = [0; 3];
    // ANCHOR: touch
    for (round, faults) in faults.iter_mut().enumerate() {
        let before = minor_faults()?;
        for index in 0..PAGES {
            // SAFETY: the address lies in the mapping, which is never unmapped and has no other
            // user.
            unsafe {
                let byte = memory.cast::<u8>().add(index * page);
                match round {
                    0 => drop(byte.read_volatile()),
                    _ => byte.write_volatile(1),
                }
            }
        }
        *faults = minor_faults()? - before;
        let verb = if round == 0 { "reading" } else { "writing" };
        println!("getrusage {verb} each of {PAGES} pages: {faults} minor faults");
    }
    // ANCHOR_END: touch
    Ok(faults)
}

fn minor_faults() -> Result<i64> {
    Ok(getrusage(UsageWho::RUSAGE_SELF)
        .context("getrusage")?
        .minor_page_faults())
}
