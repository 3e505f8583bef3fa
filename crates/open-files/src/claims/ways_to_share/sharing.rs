//! The ways that share a description. In the control a second open stands in the place of each.
//!
//! What was shared has the access mode of the file, O_RDWR, at its number in fdinfo; every second
//! open asks for O_RDONLY.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use child::Descriptors;
use claim::{Act, Arm, Does, InControl};
use harness::limits::room_for_descriptors;
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{dup, dup2};
use rustix::io::fcntl_dupfd_cloexec;

use super::compare;
use crate::evidence::{Place, here, holds_descriptor};
use crate::held_child::{Seen, look_at};
use crate::scm_rights;

const AT_NUMBER: &str = "the file's link and its O_RDWR at the new number, in /proc/self";
const SECOND_OPEN: &str = "/proc/self/fd/ … O_RDONLY";

pub(super) const DUP: Act = Does("duplicates the descriptor with dup")
    .call("dup", "")
    .shown_by(AT_NUMBER)
    .in_control(InControl::Instead("openat", SECOND_OPEN));
pub(super) const DUP2: Act = Does("puts a duplicate on another number with dup2")
    .call("dup2", "")
    .shown_by(
        "O_RDWR in /proc/self/fdinfo of that number; before, a second open was there, with \
         O_RDONLY",
    )
    .in_control(InControl::Not);
/// The number from which on a free one is looked for, which no other call here asks for.
const FROM: i32 = 10;
pub(super) const F_DUPFD: Act = Does("duplicates the descriptor with F_DUPFD_CLOEXEC")
    .call("fcntl", "F_DUPFD_CLOEXEC, 10")
    .shown_by("the file's link and its O_RDWR at a number of 10 or more, in /proc/self")
    .in_control(InControl::Not);
pub(super) const INHERIT: Act = Does("duplicates what it inherited")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .by("heir")
    .shown_by(
        "the file's link and its O_RDWR in /proc/CHILD; at the same number the parent has \
         something else",
    )
    .in_control(InControl::Instead("openat", SECOND_OPEN));
pub(super) const SEND: Act = Does("sends the descriptor in an SCM_RIGHTS message")
    .call("sendmsg", "SCM_RIGHTS")
    .shown_by("scm_fds in /proc/self/fdinfo of the socket on which it waits")
    .in_control(InControl::Not);
pub(super) const RECEIVE: Act = Does("receives a descriptor from a message")
    .call("recvmsg", "SCM_RIGHTS")
    .shown_by(AT_NUMBER)
    .in_control(InControl::Not);
pub(super) const OPEN: Act = Does("opens the file for a description of its own")
    .call("openat", "/proc/self/fd/ … O_RDWR")
    .by("lender")
    .shown_by("its link in /proc/CHILD/fd");
pub(super) const COPY: Act = Does("copies a child's descriptor with pidfd_getfd")
    .call("pidfd_getfd", "")
    .shown_by("the file's link and its O_RDWR at the new number, in /proc/self")
    .in_control(InControl::Not);
/// Whether the table then is one is what the claim measures; that it was asked for is seen in the
/// flags of the call alone.
pub(super) const CLONE_FILES: Act = Does("makes a child with CLONE_FILES")
    .call("clone", "CLONE_FILES|SIGCHLD")
    .shown_by("PPid in /proc/CHILD/status: the measuring process")
    .in_control(InControl::Not);
pub(super) const OPEN_IN_TABLE: Act = Does("opens the file and tells its number")
    .call("openat", "/proc/self/fd/ … O_RDWR")
    .by("sibling")
    .shown_by("its link in /proc/CHILD/fd");

/// A file whose description is shared, or not.
pub(super) struct Way<'a> {
    pub(super) arm: Arm,
    pub(super) file: &'a File,
}

/// How two descriptions compare, and whether the evidence was there that the one was made from the
/// other.
type Compared = (&'static str, bool);

impl Way<'_> {
    pub(super) fn dup(&self) -> Result<Compared> {
        self.compare_here(|| dup(self.file).context("dup"))
    }

    pub(super) fn dup2(&self) -> Result<Compared> {
        self.compare_here(|| {
            let mut target = self.second_open()?;
            dup2(self.file, &mut target).context("dup2")?;
            Ok(target)
        })
    }

    pub(super) fn f_dupfd(&self) -> Result<Compared> {
        room_for_descriptors(FROM as u64 + 1)?;
        let mut number = 0;
        let (compared, shown) = self.compare_here(|| {
            let duplicate = fcntl_dupfd_cloexec(self.file, FROM);
            let duplicate = duplicate.map_err(|e| Errno::from_raw(e.raw_os_error()));
            let duplicate = duplicate.context("fcntl F_DUPFD_CLOEXEC")?;
            number = duplicate.as_raw_fd();
            Ok(duplicate)
        })?;
        Ok((compared, shown && number >= FROM))
    }

    /// A descriptor that went through a socket to this very process; and whether the message that
    /// carried it was seen on its way.
    pub(super) fn send_to_self(&self) -> Result<(Compared, bool)> {
        let mut in_flight = false;
        let received = self.compare_here(|| {
            let (ours, theirs) = scm_rights::pair()?;
            scm_rights::send(&ours, self.file)?;
            in_flight = holds_descriptor(&theirs)?;
            scm_rights::receive(&theirs)
        })?;
        Ok((received, in_flight))
    }

    /// A duplicate of what a child inherited; and whether it was a child. In the control the child
    /// opens the file.
    pub(super) fn inherit(&self) -> Result<(Compared, bool)> {
        let get = || match self.arm {
            Arm::Experiment => Ok(scratch::duplicate(self.file)?),
            Arm::Control => Ok(self.second_open()?.into()),
        };
        let Seen { look, is_child, .. } =
            look_at(Descriptors::Copied, "heir", get, |its: Place| {
                // One table would have it here, too: then nothing was inherited.
                let ours = Place {
                    pid: self.here().pid,
                    ..its
                }
                .leads_to(self.file)?;
                let shown = !ours && self.is_shown(its)?;
                Ok((compare(self.here(), its)?, shown))
            })?;
        Ok((look, is_child))
    }

    /// A copy of a child's own descriptor against the original; and whether the child opened it. In
    /// the control the parent opens the file.
    pub(super) fn copy_from_child(&self) -> Result<(Compared, bool)> {
        let seen = look_at(
            Descriptors::Copied,
            "lender",
            || self.open(),
            |its| {
                let copy: OwnedFd = match self.arm {
                    Arm::Experiment => observe::pidfd::copy_descriptor(its.pid, its.fd)?,
                    Arm::Control => self.second_open()?,
                };
                let shown = self.is_shown(here(&copy))?;
                Ok((
                    (compare(here(&copy), its)?, shown),
                    its.leads_to(self.file)?,
                ))
            },
        )?;
        Ok(seen.look)
    }

    /// The number under which a child opened a file, used by the parent; and whether the child
    /// opened it. In the control the child has a copy of the table.
    pub(super) fn open_in_child(&self) -> Result<(Compared, bool)> {
        let table = self.arm.choose(Descriptors::Shared, Descriptors::Copied);
        let seen = look_at(
            table,
            "sibling",
            || self.open(),
            |its| {
                let same_number = Place {
                    pid: self.here().pid,
                    ..its
                };
                Ok((compare(same_number, its)?, its.leads_to(self.file)?))
            },
        )?;
        let (compared, opened) = seen.look;
        let cloned = table == Descriptors::Shared && seen.is_child;
        Ok(((compared, cloned), opened))
    }

    /// Compares the file with what `share` makes of it, or in the control with a second open.
    fn compare_here(&self, share: impl FnOnce() -> Result<OwnedFd>) -> Result<Compared> {
        let other = match self.arm {
            Arm::Experiment => share()?,
            Arm::Control => self.second_open()?,
        };
        let shown = self.is_shown(here(&other))?;
        Ok((compare(self.here(), here(&other))?, shown))
    }

    fn here(&self) -> Place {
        here(self.file)
    }

    /// The link and the access mode of the file.
    fn is_shown(&self, other: Place) -> Result<bool> {
        let mode = self.here().access_mode()?;
        Ok(other.leads_to(self.file)? && other.access_mode()? == mode)
    }

    fn second_open(&self) -> Result<OwnedFd> {
        Ok(scratch::open_again(self.file, OFlag::O_RDONLY)?.into())
    }

    fn open(&self) -> Result<File> {
        Ok(scratch::open_again(self.file, OFlag::O_RDWR)?)
    }
}
