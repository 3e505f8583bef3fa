//! What opens again. In the control a duplicate stands in the place of each second open.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use claim::{Act, Arm, Does, InControl};
use harness::retry::on_interrupt;
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::compare;
use crate::evidence::here;

/// Reopening was refused: open(2) makes no second description for such an object.
pub(super) const REFUSED: &str = "refused";

/// A name of a file that is everywhere.
const NAME: &str = "/dev/null";

pub(super) const OPEN_BY_NAME: Act = Does("opens a file by its name, twice")
    .call("openat", "\"/dev/null\"")
    .times(2)
    .shown_by("the name as the link of both in /proc/self/fd");
pub(super) const MAKE_MEMFD: Act = Does("makes a memfd")
    .call("memfd_create", "\"witness\"")
    .shown_by("its link in /proc/self/fd");
pub(super) const MAKE_PIPE: Act = Does("makes a pipe")
    .call("pipe2", "")
    .shown_by("the link of its read end in /proc/self/fd");
pub(super) const MAKE_SOCKETS: Act = Does("makes a pair of sockets")
    .call("socketpair", "SOCK_DGRAM")
    .shown_by("the link of one of them in /proc/self/fd");
pub(super) const MAKE_EVENTFD: Act = Does("makes an eventfd")
    .call("eventfd2", "")
    .shown_by("its link in /proc/self/fd");
pub(super) const REOPEN: Act = Does("opens the regular file, the memfd and the pipe again")
    .call("openat", "/proc/self/fd/ … O_RDONLY|O_NONBLOCK")
    .times(3)
    .shown_by("the object's link, and the O_NONBLOCK that was asked for, at each new number")
    .in_control(InControl::Instead("fcntl", "F_DUPFD_CLOEXEC, 3"));
pub(super) const REOPEN_SOCKET: Act =
    Does("asks to open the socket again, for reading and writing")
        .call("openat", "/proc/self/fd/ … O_RDWR|O_NONBLOCK … ENXIO")
        .shown_by(
            "the refusal ENXIO or EACCES, or a new descriptor with O_NONBLOCK: a duplicate has \
             neither",
        )
        .in_control(InControl::Not);

/// An object, and what became of opening it again.
pub(super) struct Object {
    /// Where the descriptor's link leads.
    link: OsString,
    /// The two descriptors, or that the second was refused.
    pub(super) compared: &'static str,
    /// Whether there is a second one that was opened, and not duplicated.
    pub(super) is_new: bool,
    /// The refusal, if it was refused.
    pub(super) refusal: Option<Errno>,
}

impl Object {
    /// Opens the object behind a descriptor again, with this access mode; the control duplicates
    /// the descriptor.
    pub(super) fn reopen(arm: Arm, fd: &(impl AsRawFd + AsFd), mode: OFlag) -> Result<Object> {
        let second = match arm {
            Arm::Experiment => open_again(fd, mode),
            Arm::Control => Ok(scratch::duplicate(fd)?.into()),
        };
        let link = here(fd).link()?.unwrap_or_default();
        match second {
            Ok(second) => {
                let at = here(&second);
                Ok(Object {
                    link,
                    compared: compare(here(fd), at)?,
                    is_new: at.leads_to(fd)? && at.has_flag(OFlag::O_NONBLOCK)?,
                    refusal: None,
                })
            }
            // ENODEV: of gVisor, for what has no file system (an eventfd).
            Err(errno @ (Errno::ENXIO | Errno::EACCES | Errno::ENODEV)) => Ok(Object {
                link,
                compared: REFUSED,
                is_new: false,
                refusal: Some(errno),
            }),
            Err(errno) => Err(errno).context("open /proc/self/fd/N"),
        }
    }

    /// Whether the descriptor's link begins so.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.link.as_encoded_bytes().starts_with(kind.as_bytes())
    }

    /// Whether open(2) was asked, whatever it answered.
    pub(super) fn was_asked(&self) -> bool {
        self.is_new || self.refusal.is_some()
    }
}

fn open_again(fd: &impl AsRawFd, mode: OFlag) -> Result<OwnedFd, Errno> {
    let flags = mode | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    on_interrupt(|| open(&scratch::path(fd.as_raw_fd()), flags, Mode::empty()))
}

/// Opens a file twice by its name and compares the two; the control compares the first with a
/// duplicate of it. Tells whether both were opened by the name.
pub(super) fn compare_by_name(arm: Arm) -> Result<(&'static str, bool)> {
    let open = || File::open(NAME).with_context(|| format!("open {NAME}"));
    let (first, second) = (open()?, open()?);
    let mut shown = true;
    for file in [&first, &second] {
        shown &= here(file).link()?.as_deref() == Some(NAME.as_ref());
    }
    let other = match arm {
        Arm::Experiment => second,
        Arm::Control => scratch::duplicate(&first)?,
    };
    Ok((compare(here(&first), here(&other))?, shown))
}
