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

/// Observes something before and after `act`. In the control the act comes first, before both
/// observations; the second shows in either arm that it has happened, which the first alone cannot.
fn observe_before_and_after<T>(
    arm: Arm,
    act: impl FnOnce() -> Result<()>,
    mut observe: impl FnMut() -> Result<T>,
) -> Result<[T; 2]> {
    if arm == Arm::Control {
        act()?;
        return Ok([observe()?, observe()?]);
    }
    let before = observe()?;
    act()?;
    Ok([before, observe()?])
}

/// Two observations of the same thing as one word: `held, then free`.
fn before_and_after_text<T: Display>([before, after]: [T; 2]) -> String {
    format!("{before}, then {after}")
}

/// The result of a system call as a word: `ok`, or the name of the error number.
fn outcome<T>(result: Result<T, Errno>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(errno) => format!("{errno:?}"),
    }
}
