//! The access mode lives in the open file description, and nothing changes it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use observe::fdinfo;

use super::outcome;

const MODE: Quantity =
    Name("access mode of a read-only description after F_SETFL O_RDWR").word("O_RDONLY", "O_RDWR");
const WRITE: Quantity = Name("write through it").word("EBADF", "ok");

/// F_SETFL takes both flags and heeds one of them: that the call was made shows in the other.
const ASK: Act = Does("asks for O_RDWR and O_APPEND with F_SETFL")
    .call("fcntl", "F_SETFL, O_RDWR|O_APPEND")
    .shown_by("O_APPEND among the flags in /proc/self/fdinfo")
    .in_control(InControl::Instead("openat", "/proc/self/fd/ … O_RDWR"));

pub(super) const CLAIM: Claim = Claim {
    id: "access-mode",
    statement: "The access mode is fixed when the open file description is made: F_SETFL accepts \
                O_RDWR and ignores it; only a new description has another mode.",
    measures: "Opens a file read-only, asks fcntl F_SETFL for O_RDWR and O_APPEND, reads the mode \
               back through a duplicate and writes through it.",
    control: "opens the read-only descriptor's file again through /proc/self/fd/N with O_RDWR",
    notes: &[6],
    acts: &[ASK],
    man: &["fcntl(2)", "open(2)", "proc_pid_fd(5)"],
    quantities: &[MODE, WRITE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let file = scratch::open_again(&scratch::file(b"hello, kernel")?, OFlag::O_RDONLY)?;
    let mut file: File = match arm {
        Arm::Experiment => {
            let flags = OFlag::O_RDWR | OFlag::O_APPEND;
            fcntl(&file, FcntlArg::F_SETFL(flags)).context("fcntl F_SETFL O_RDWR | O_APPEND")?;
            scratch::duplicate(&file)?
        }
        Arm::Control => scratch::open_again(&file, OFlag::O_RDWR)?,
    };
    let flags = fcntl(&file, FcntlArg::F_GETFL).context("fcntl F_GETFL")?;
    let shown = fdinfo::read(std::process::id() as i32, file.as_raw_fd())?;
    let write = file
        .write(b"x")
        .map(drop)
        .map_err(|e| e.raw_os_error().unwrap_or(0));
    Ok(Reading::counters()
        .act(&ASK, shown.status_flags & libc::O_APPEND != 0)
        .with(&MODE, fdinfo::access_mode(flags))
        .with(&WRITE, outcome(write.map_err(nix::errno::Errno::from_raw))))
}
