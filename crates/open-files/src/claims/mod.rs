//! The claims, one a file; `ALL` is the order of the tour.

mod access_mode;
mod descriptor_table;
mod epoll_registers_the_description;
mod fork_shares_description;
mod layers;
mod lock_owners;
mod offset;
mod port_is_not_an_object;
mod reference_count;
mod shared_offset_writers;
mod socket_is_the_object;
mod status_flags;
mod ways_to_share;

use std::fmt::Display;

use anyhow::Result;
use claim::{Arm, Claim};
use nix::errno::Errno;

/// Every claim of the topic.
pub const ALL: &[Claim] = &[
    layers::CLAIM,
    fork_shares_description::CLAIM,
    ways_to_share::CLAIM,
    offset::CLAIM,
    access_mode::CLAIM,
    status_flags::CLAIM,
    reference_count::CLAIM,
    shared_offset_writers::CLAIM,
    lock_owners::CLAIM,
    epoll_registers_the_description::CLAIM,
    descriptor_table::CLAIM,
    socket_is_the_object::CLAIM,
    port_is_not_an_object::CLAIM,
];

const SAME: &str = "same";
const DIFFERENT: &str = "different";

/// How a claim tells whether two things are one.
fn sameness(same: bool) -> &'static str {
    if same { SAME } else { DIFFERENT }
}

/// Looks, lets `act` happen, and looks again; in the control it happens before the first look. The
/// second look shows that it did happen, which the first alone cannot.
fn around<T>(
    arm: Arm,
    act: impl FnOnce() -> Result<()>,
    mut look: impl FnMut() -> Result<T>,
) -> Result<[T; 2]> {
    if arm == Arm::Control {
        act()?;
        return Ok([look()?, look()?]);
    }
    let before = look()?;
    act()?;
    Ok([before, look()?])
}

/// How a claim tells two looks at the same thing, with something done between them.
fn then<T: Display>([before, after]: [T; 2]) -> String {
    format!("{before}, then {after}")
}

/// How a claim tells what came of a system call: `ok`, or the name of the error number.
fn outcome<T>(result: Result<T, Errno>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(errno) => format!("{errno:?}"),
    }
}
