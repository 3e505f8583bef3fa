//! The thundering herd: a connection wakes all of 100 processes in poll, and 99 for nothing.
//!
//! - run: `cargo run -p accept-queue --example herd_by_poll`
//! - expect: about 100 wakeups for each connection (the claim has the same by epoll)
//! - strace: `strace -f -e trace=listen,clone,ppoll,accept4,connect
//!   target/debug/examples/herd_by_poll` (each stop for the tracer counts as a sleep)
//! - claim: `witness run thundering-herd strace-makes-the-herd`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(clippy::disallowed_methods, unsafe_code, reason = "fork")]

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use anyhow::{Context, Result, bail, ensure};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

fn main() -> Result<()> {
    println!("expect    each connection wakes all of 100 children, and one of them gets it");
    let listener = TcpListener::bind("127.0.0.1:0").context("bind")?;
    listener.set_nonblocking(true).context("ioctl FIONBIO")?;
    let address = listener.local_addr()?;
    println!("listen    at {address}; fork: 100 children poll the one socket");
    let (parent, mut children) = (getpid(), Vec::new());
    for _ in 0..100 {
        // SAFETY: there is one thread, so no lock is held that the child will need.
        match unsafe { fork() }.context("fork")? {
            ForkResult::Child => return poll_for_ever(&listener, parent),
            ForkResult::Parent { child } => children.push(child),
        }
    }
    let look = || children.iter().map(sleeps).sum::<Result<u64>>();
    let before = look()?;
    println!("connect   20 times, each time when all children sleep");
    for _ in 0..20 {
        TcpStream::connect(address)?.read_to_end(&mut Vec::new())?;
        look()?;
    }
    let wakeups = (look()? - before) as f64 / 20.0;
    for child in children {
        kill(child, Signal::SIGKILL).context("kill")?;
        waitpid(child, None).context("waitpid")?;
    }
    println!("observed  wakeups per connection, 100 workers: {wakeups:.2}");
    println!("observed  of them wasted: {:.2}", wakeups - 1.0);
    Ok(())
}

// ANCHOR: poll
fn poll_for_ever(listener: &TcpListener, parent: Pid) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("prctl PR_SET_PDEATHSIG")?;
    while getppid() == parent {
        let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        ppoll(&mut waiting, None, None).context("ppoll")?;
        if let Err(error) = listener.accept() {
            // Another was first: this wakeup returned to the program for nothing.
            ensure!(error.kind() == ErrorKind::WouldBlock, "accept4: {error}");
        }
    }
    Ok(())
}
// ANCHOR_END: poll

/// Waits until the child sleeps, and says how often it has gone to sleep so far.
fn sleeps(child: &Pid) -> Result<u64> {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{child}/status"))?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let count = field("voluntary_ctxt_switches:\t").context("no count of switches")?;
        match field("State:\t").context("no state")? {
            "S (sleeping)" => return Ok(count.parse()?),
            "Z (zombie)" => bail!("child {child} has ended"),
            _ => {}
        }
    }
}
