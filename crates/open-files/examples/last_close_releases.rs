//! The kernel counts references to an open file description: closing all but one releases nothing
//! that belongs to it, the last one does. Here that is a lock.
//!
//! - run: `cargo run -p open-files --example last_close_releases`
//! - expect: the lock is held while a duplicate is open, and free once that is closed, too
//! - strace: `strace -f -e trace=memfd_create,openat,flock,dup,close
//!   target/debug/examples/last_close_releases`
//! - claim: `witness run reference-count`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]

use std::fs::{File, TryLockError};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::dup;

fn main() -> Result<()> {
    println!("expect    the first close releases nothing, the last one the lock");
    let name = c"last_close_releases";
    let holder = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC).context("memfd_create")?);
    println!(
        "memfd     a file without a name, and fd {} to it",
        holder.as_raw_fd()
    );

    // Another open of the file is another description: flock(2) tells the two apart.
    let path = format!("/proc/self/fd/{}", holder.as_raw_fd());
    let observer = File::open(&path).context(path)?;
    println!(
        "openat    fd {} is a second open, to look from",
        observer.as_raw_fd()
    );

    // ANCHOR: closes
    holder.lock().context("flock LOCK_EX")?;
    println!("flock     the first description holds the lock");
    let duplicate = dup(&holder).context("dup")?;
    println!(
        "dup       fd {} is a second reference to it",
        duplicate.as_raw_fd()
    );

    drop(holder);
    println!("close     one reference is left");
    let before = look(&observer)?;

    drop(duplicate);
    println!("close     none is left");
    let after = look(&observer)?;
    // ANCHOR_END: closes

    println!("observed  flock, its last reference a duplicate: {before}, then {after}");
    Ok(())
}

/// Tries the lock through another description, as `flock -n` does.
fn look(observer: &File) -> Result<&'static str> {
    let word = match observer.try_lock() {
        Ok(()) => {
            observer.unlock().context("flock LOCK_UN")?;
            "free"
        }
        Err(TryLockError::WouldBlock) => "held",
        Err(TryLockError::Error(error)) => return Err(error).context("flock LOCK_EX|LOCK_NB"),
    };
    println!("flock     LOCK_EX|LOCK_NB through the second open: the lock is {word}");
    Ok(word)
}
