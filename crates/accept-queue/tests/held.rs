//! Workers that count their own sleeps, as where the kernel counts none. One thread, no test
//! harness: it forks.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test says how it went"
)]

use accept_queue::{Client, Error, Workers, wait_for_close};
use prefork::strategies::by_name;
use prefork::{Metering, Site};

const WORKERS: usize = 8;

fn main() {
    let level = count_woken("epoll-level").expect("a herd");
    assert_eq!(level, WORKERS, "who is woken returns while it is held");
    let exclusive = count_woken("epoll-exclusive").expect("wake-one");
    assert_eq!(exclusive, 1, "who is not woken does not return");
    println!("2 passed");
}

/// How many workers of `strategy` one connection wakes, by their own count.
fn count_woken(strategy: &str) -> Result<usize, Error> {
    let mut prepared = (by_name(strategy)?.prepare)(&Site::loopback(WORKERS))?;
    let mut client = Client::new(prepared.address()?);
    let mut workers = Workers::start(&mut prepared, WORKERS, Metering::Counts)?;
    workers.count_by_themselves();
    let before = workers.settle()?;
    let connection = workers.hold_while(|| client.connect())?;
    wait_for_close(connection)?;
    let did = workers.settle()?.since(&before);
    assert_eq!(did.sum(|worker| worker.accepted), 1, "{did:?}");
    Ok(did.each.iter().filter(|worker| worker.sleeps > 0).count())
}
