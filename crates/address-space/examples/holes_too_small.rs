//! External fragmentation: mmap fails with ENOMEM while 512 MiB of addresses are free, because no
//! hole among them has more than 1 MiB. Frames need not be contiguous; addresses must.
//!
//! - run: `cargo run -p address-space --example holes_too_small`
//! - expect: 1 MiB can be mapped, and one page more cannot; in one piece all 512 MiB can
//! - strace: `strace -f -e trace=mmap,munmap target/debug/examples/holes_too_small`
//! - claim: `witness run address-space-fragments heap-holes`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(unsafe_code, reason = "mmap and munmap of addresses that nobody uses")]

use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{Context, Result, ensure};
use nix::libc::c_void;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const MIB: usize = 1 << 20;

fn main() -> Result<()> {
    println!("expect    512 holes of 1 MiB: mmap of 1 MiB succeeds, of one page more fails");
    let arena = reserve(1024 * MIB).context("mmap of 1 GiB")?;
    println!("mmap      1 GiB, then all addresses that are left, from large pieces to small ones");
    let mut pieces = 0;
    for size in (12..=47).rev().map(|power| 1 << power) {
        while reserve(size).is_ok() {
            pieces += 1;
        }
    }
    println!("          {pieces} pieces: no page of addresses is free");

    println!("munmap    control: the lower half of the arena, 512 MiB in one piece");
    give_back(arena, 512 * MIB)?;
    let together = find_largest()? / 1024;
    println!("mmap      {together} KiB is the largest that fits; it is reserved again");
    let again = reserve(512 * MIB).context("mmap of 512 MiB")?;
    ensure!(again == arena, "the lower half is elsewhere now");

    println!("munmap    every second MiB of the arena: 512 MiB in 512 pieces");
    // ANCHOR: holes
    for number in (0..1024).step_by(2) {
        // SAFETY: the sum lies in the arena.
        give_back(unsafe { arena.byte_add(number * MIB) }, MIB)?;
    }
    let scattered = find_largest()? / 1024;
    // ANCHOR_END: holes
    println!("mmap      {scattered} KiB is the largest that fits");
    let refusal = reserve(MIB + 1).map_or_else(|errno| format!("{errno:?}"), |_| "success".into());
    println!("observed  what mmap of 1 MiB and one page ends in: {refusal}");
    println!("observed  largest mmap that succeeds with 512 MiB free: {scattered}");
    println!("control   largest mmap that succeeds with 512 MiB free: {together}");
    Ok(())
}

/// Addresses without memory, rounded up to whole pages; they last as long as the program.
fn reserve(size: usize) -> nix::Result<NonNull<c_void>> {
    let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
    // SAFETY: the kernel chooses the place, so nothing that is mapped is replaced.
    unsafe { mmap_anonymous(None, size, ProtFlags::PROT_NONE, flags) }
}

fn give_back(start: NonNull<c_void>, size: usize) -> Result<()> {
    // SAFETY: these are addresses of `reserve`, behind which there never was a byte.
    unsafe { munmap(start, size) }.context("munmap")
}

/// The largest size that can be reserved now, found by halving the step.
fn find_largest() -> Result<usize> {
    let mut largest = 0;
    for step in (12..=30).rev().map(|power| 1 << power) {
        if let Ok(start) = reserve(largest + step) {
            give_back(start, largest + step)?;
            largest += step;
        }
    }
    Ok(largest)
}
