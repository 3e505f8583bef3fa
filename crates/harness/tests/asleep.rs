//! Waiting for a child's sleep. One thread, no test harness: it forks.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test says how it went"
)]

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use harness::wait::{Error, until_asleep, until_asleep_in};
use nix::sys::signal::Signal;
use nix::unistd::{pipe, write};

const LIMIT: Duration = Duration::from_secs(20);

fn main() {
    a_reader_sleeps_in_read().expect("a reader sleeps in read");
    a_child_that_ends_is_told_apart().expect("a child that ends is told apart");
    println!("2 passed");
}

fn a_reader_sleeps_in_read() -> Result<(), Box<dyn std::error::Error>> {
    let (reader, writer): (OwnedFd, OwnedFd) = pipe()?;
    let child = child::fork("reader", |_| {
        let mut byte = [0; 1];
        std::fs::File::from(reader.try_clone()?).read_exact(&mut byte)?;
        Ok(byte[0])
    })?;
    until_asleep(child.pid(), LIMIT)?;
    until_asleep_in(child.pid(), libc::SYS_read, "pipe", LIMIT)?;
    let elsewhere = until_asleep_in(child.pid(), libc::SYS_futex, "futex", Duration::ZERO);
    assert!(
        matches!(elsewhere, Err(Error::Late { .. })),
        "{elsewhere:?}"
    );
    write(&writer, &[7])?;
    assert_eq!(child.join()?, 7);
    Ok(())
}

fn a_child_that_ends_is_told_apart() -> Result<(), Box<dyn std::error::Error>> {
    let child = child::fork("held", |parent| Ok(parent.checkpoint()?))?;
    until_asleep(child.pid(), LIMIT)?;
    child.signal(Signal::SIGKILL)?;
    let ended = until_asleep(child.pid(), LIMIT);
    assert_eq!(ended, Err(Error::Ended { pid: child.pid() }));
    Ok(())
}
