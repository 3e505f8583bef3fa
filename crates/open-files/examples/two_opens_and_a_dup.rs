//! A descriptor refers to an open file description, and that refers to an inode: one file opened
//! twice and duplicated once is three descriptors, two descriptions, one inode.
//!
//! - run: `cargo run -p open-files --example two_opens_and_a_dup`
//! - expect: reading 6 bytes through the first moves its duplicate, and not the second open
//! - strace: `strace -f -e trace=openat,dup,read,lseek,kcmp
//!   target/debug/examples/two_opens_and_a_dup`
//! - claim: `witness run layers ways-to-share offset shared-offset-writers`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(unsafe_code, reason = "the C library has no kcmp(2)")]

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{Whence, dup, lseek, read};

const FILE: &str = "/etc/passwd";
/// The type of comparison of kcmp(2) that asks for one open file description (linux/kcmp.h).
const KCMP_FILE: libc::c_int = 0;

fn main() -> Result<()> {
    println!("expect    2 descriptions and 1 inode behind 3 descriptors; offsets 6, 6, 0");
    println!("openat    the first open makes a description");
    // ANCHOR: opens
    let first = open(FILE, OFlag::O_RDONLY, Mode::empty()).context(FILE)?;
    println!("dup       a second descriptor, to the same description");
    let duplicate = dup(&first).context("dup")?;
    println!("openat    the second open of {FILE} makes another description");
    let second = open(FILE, OFlag::O_RDONLY, Mode::empty()).context(FILE)?;
    println!("read      6 bytes through the first");
    let count = read(&first, &mut [0; 6]).context("read")?;
    // ANCHOR_END: opens
    println!("          {count} bytes");

    let mut offsets = Vec::new();
    let mut inodes = BTreeSet::new();
    for (name, fd) in [
        ("first", &first),
        ("duplicate", &duplicate),
        ("second", &second),
    ] {
        let offset = lseek(fd, 0, Whence::SeekCur).context("lseek")?;
        let inode = fstat(fd).context("fstat")?.st_ino;
        println!("lseek     {name}: offset {offset}, inode {inode}");
        offsets.push(offset.to_string());
        inodes.insert(inode);
    }
    let is_new = !is_same_description(&first, &duplicate)?;
    let is_newer = !is_same_description(&first, &second)?;
    let descriptions = 1 + u32::from(is_new) + u32::from(is_newer);

    println!("observed  open file descriptions behind 3 descriptors: {descriptions}");
    println!("observed  inodes behind 3 descriptors: {}", inodes.len());
    println!(
        "observed  offsets after reading 6 bytes through the first: {}",
        offsets.join(", ")
    );
    Ok(())
}

/// kcmp(2) answers 0 where two descriptors refer to one and the same description.
fn is_same_description(a: &OwnedFd, b: &OwnedFd) -> Result<bool> {
    let (pid, a, b) = (std::process::id(), a.as_raw_fd(), b.as_raw_fd());
    // SAFETY: kcmp compares two entries of this process's own table, and touches no memory.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, pid, pid, KCMP_FILE, a, b) };
    let order = Errno::result(order).context("kcmp")?;
    println!("kcmp      fd {a} and fd {b}: {order} (0 is the same)");
    Ok(order == 0)
}
