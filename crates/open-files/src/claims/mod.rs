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
use claim::{Act, Arm, Claim, Does};
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

/// fork(2), as the C library makes it. Whether the child then does its part is an act of its own.
const FORK: Act = Does("forks a child")
    .call("clone", "CLONE_CHILD_SETTID|SIGCHLD")
    .shown_by("PPid in /proc/CHILD/status: the measuring process");

/// clone(2) with a shared table. Whether the table is one then is for a claim to measure; that it
/// was asked for shows in the flags of the call alone.
const CLONE_FILES: Act = Does("makes a child with CLONE_FILES")
    .call("clone", "CLONE_FILES|SIGCHLD")
    .shown_by("PPid in /proc/CHILD/status: the measuring process");

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
