//! When a connection arrives and several processes sleep in accept on one socket, the kernel wakes
//! exactly one of them. The others stay asleep.
//!
//! - run: `cargo run -p accept-queue --example accept_in_four_children`
//! - expect: fifty connections, and each of them makes one of the four children run
//! - strace: `strace -f -e trace=listen,clone,accept4,connect
//!   target/debug/examples/accept_in_four_children` (each stop for the tracer counts as a sleep:
//!   read the calls then, not the counts)
//! - claim: `witness run accept-wakes-exactly-one others-stay-asleep at-most-one-in-bursts`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(clippy::disallowed_methods, unsafe_code, reason = "fork")]

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

fn main() -> Result<()> {
    println!("expect    each of 50 connections wakes exactly one of 4 children");
    let listener = TcpListener::bind("127.0.0.1:0").context("bind")?;
    let address = listener.local_addr()?;
    println!("listen    at {address}; fork: 4 children inherit the socket and accept from it");
    let (parent, mut children) = (getpid(), Vec::new());
    for _ in 0..4 {
        // SAFETY: there is one thread, so no lock is held that the child will need.
        match unsafe { fork() }.context("fork")? {
            ForkResult::Child => return accept_for_ever(&listener, parent),
            ForkResult::Parent { child } => children.push(child),
        }
    }
    let look = || children.iter().map(sleeps).collect::<Result<Vec<u64>>>();
    let mut woken = [0; 4];
    let mut exactly_one = 0;
    // ANCHOR: connections
    for _ in 0..50 {
        let before = look()?;
        TcpStream::connect(address)?.read_to_end(&mut Vec::new())?;
        let after = look()?;
        let moved: Vec<usize> = (0..4).filter(|&i| after[i] > before[i]).collect();
        exactly_one += u32::from(moved.len() == 1);
        moved.iter().for_each(|&i| woken[i] += 1);
    }
    // ANCHOR_END: connections
    for (child, woken) in children.iter().zip(woken) {
        println!("accept4   child {child} woke for {woken} connections");
        kill(*child, Signal::SIGKILL).context("kill")?;
        waitpid(*child, None).context("waitpid")?;
    }
    println!("observed  connections, of 50, that woke exactly one worker: {exactly_one}");
    Ok(())
}

// ANCHOR: accept
fn accept_for_ever(listener: &TcpListener, parent: Pid) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("prctl PR_SET_PDEATHSIG")?;
    while getppid() == parent {
        drop(listener.accept().context("accept4")?);
    }
    Ok(())
}
// ANCHOR_END: accept

/// Waits until the child sleeps, and says how often it has gone to sleep so far.
fn sleeps(child: &Pid) -> Result<u64> {
    loop {
        let status = fs::read_to_string(format!("/proc/{child}/status"))?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let count = field("voluntary_ctxt_switches:\t").context("no count of switches")?;
        match field("State:\t").context("no state")? {
            "S (sleeping)" => return Ok(count.parse()?),
            "Z (zombie)" => bail!("child {child} has ended"),
            _ => {}
        }
    }
}
