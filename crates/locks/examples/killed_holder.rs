//! Two processes carry coins from one purse to the other. One is killed with a coin in its hand.
//!
//! `cargo run -p locks --example killed_holder`
//!
//! The kernel gives the dead holder's lock to the other process and says that its owner died. The
//! value shows a coin missing, the survivor puts it back, and in the end all coins have arrived.
#![expect(clippy::disallowed_methods, reason = "its children are the example")]
#![allow(clippy::print_stdout, reason = "a program")]
#![allow(unsafe_code, reason = "fork(2)")]

use std::error::Error;

use locks::RobustMutex;
use locks::robust::Acquired;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork};

const COINS: u64 = 100_000;

/// Left and right purse.
type Purses = RobustMutex<[u64; 2]>;

fn main() -> Result<(), Box<dyn Error>> {
    let purses = Purses::new([COINS, 0])?;
    for killed_at in [Some(40_000), None] {
        // SAFETY: this process has one thread, so the child may run any code.
        match unsafe { fork() }? {
            ForkResult::Child => return carry_all(&purses, killed_at),
            ForkResult::Parent { child } => println!("process {child} begins to carry"),
        }
    }
    println!("the kernel reports {:?}", wait()?);
    println!("the kernel reports {:?}", wait()?);
    if let Acquired::Clean(guard) = purses.lock()? {
        println!("left and right purse: {:?}", guard.get());
    }
    Ok(())
}

/// Carries coins one by one until the left purse is empty. Where it is to be killed, that happens
/// at this filling of the left purse, between the two steps of one coin.
fn carry_all(purses: &Purses, killed_at: Option<u64>) -> Result<(), Box<dyn Error>> {
    loop {
        let mut guard = match purses.lock()? {
            Acquired::Clean(guard) => guard,
            Acquired::OwnerDied(inconsistent) => inconsistent.repair(|[left, right]| {
                println!(
                    "an owner died: {left} + {right} = {}, not {COINS}",
                    left + right
                );
                [COINS - right, right]
            })?,
        };
        let [left, right] = guard.get();
        if left == 0 {
            return Ok(());
        }
        guard.set([left - 1, right]);
        if killed_at.is_some_and(|limit| left <= limit) {
            raise(Signal::SIGKILL)?;
        }
        guard.set([left - 1, right + 1]);
    }
}
