//! After fork, parent and child refer to one open file description: what the child reads moves the
//! parent's offset.
//!
//! - run: `cargo run -p open-files --example fork_shares_offset`
//! - expect: the parent, which reads nothing, is at offset 6 afterwards; in the control at 0
//! - strace: `strace -f -e trace=openat,clone,read,lseek target/debug/examples/fork_shares_offset`
//! - claim: `witness run fork-shares-description`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(clippy::disallowed_methods, unsafe_code, reason = "fork")]

use anyhow::{Context, Result, ensure};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Whence, fork, lseek, read};

const FILE: &str = "/etc/passwd";

fn main() -> Result<()> {
    println!("expect    the child reads 6 bytes, and the parent's offset moves with it");
    println!("openat    the parent opens {FILE}: a description with offset 0");
    // ANCHOR: fork
    let file = open(FILE, OFlag::O_RDONLY, Mode::empty()).context(FILE)?;
    println!("fork      the child gets a copy of the table: the same description");

    // SAFETY: there is one thread, so no lock is held that the child will need.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Child => return read_six_bytes(file),
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).context("waitpid")?;
            ensure!(
                matches!(status, WaitStatus::Exited(_, 0)),
                "the child: {status:?}"
            );
        }
    }
    let shared = lseek(&file, 0, Whence::SeekCur).context("lseek")?;
    // ANCHOR_END: fork
    println!("lseek     the parent asks where it is: at {shared}");

    lseek(&file, 0, Whence::SeekSet).context("lseek")?;
    // SAFETY: as above.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Child => {
            println!("openat    control: this child opens the file itself");
            return read_six_bytes(open(FILE, OFlag::O_RDONLY, Mode::empty()).context(FILE)?);
        }
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).context("waitpid")?;
            ensure!(
                matches!(status, WaitStatus::Exited(_, 0)),
                "the child: {status:?}"
            );
        }
    }
    let own = lseek(&file, 0, Whence::SeekCur).context("lseek")?;

    println!("observed  parent's offset after the child read 6 bytes: {shared}");
    println!("control   parent's offset after the child read 6 bytes: {own}");
    Ok(())
}

/// What the child does. It ends by returning from `main`.
fn read_six_bytes(file: std::os::fd::OwnedFd) -> Result<()> {
    let mut bytes = [0; 6];
    let count = read(&file, &mut bytes).context("read")?;
    println!("read      the child reads {count} bytes");
    Ok(())
}
