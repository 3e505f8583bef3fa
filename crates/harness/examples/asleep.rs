//! Waiting for a condition instead of a time: a child is looked at until it sleeps in its call.
//!
//! `cargo run -p harness --example asleep`
#![allow(clippy::print_stdout, reason = "a program")]

use std::time::{Duration, Instant};

use harness::{quiet, statistics, wait};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    harness::inherited::reset();
    let (times, load) = quiet::watch(|| {
        (0..20)
            .map(|_| fall_asleep())
            .collect::<Result<Vec<_>, _>>()
    });
    let times = times?;
    let spread = statistics::spread(&times).unwrap_or_default();
    let median = statistics::median(times).unwrap_or_default();
    println!("20 children fell asleep, the middle one {median:.0} us after its fork");
    println!("the slowest and the fastest are {spread:.1} medians apart");
    match load.others {
        Some(share) => println!(
            "others used {:.0} % of the processors meanwhile",
            share * 100.0
        ),
        None => println!("the kernel does not say what others used meanwhile"),
    }
    Ok(())
}

/// Forks a child that waits for its parent. Returns after how many microseconds it was seen asleep.
fn fall_asleep() -> Result<f64, Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut sleeper = child::fork("sleeper", |parent| Ok(parent.checkpoint()?))?;
    sleeper.at_checkpoint()?;
    wait::until_asleep(sleeper.pid(), Duration::from_secs(5))?;
    let time = start.elapsed();
    let before = observe::status::read(sleeper.pid())?.voluntary_switches;
    let after = observe::status::read(sleeper.pid())?.voluntary_switches;
    assert_eq!(before, after, "asleep, it gives up no CPU");
    sleeper.release()?;
    sleeper.join()?;
    Ok(time.as_secs_f64() * 1e6)
}
