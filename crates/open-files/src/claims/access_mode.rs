//! The access mode lives in the open file description, and nothing changes it.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result, bail};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise};
use harness::retry::on_interrupt;
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use observe::fdinfo;

use super::outcome;
use crate::evidence::{here, position, status_flags};

const MODE: Quantity =
    Name("access mode of a read-only description after F_SETFL O_RDWR").word("O_RDONLY", "O_RDWR");
const WRITE: Quantity = Name("write of one byte through it").word("EBADF", "ok");

/// F_SETFL takes both flags and heeds one of them: that the call was made shows in the other.
const ASK: Act = Does("asks for O_RDWR and O_APPEND with F_SETFL")
    .call("fcntl", "F_SETFL, O_RDWR|O_APPEND")
    .shown_by("O_APPEND among the flags in /proc/self/fdinfo")
    .in_control(InControl::Instead("openat", "/proc/self/fd/ … O_RDWR"));
const DUPLICATE: Act = Does("duplicates the descriptor that it asked through")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .shown_by("O_APPEND among the flags of the duplicate's number, too")
    .in_control(InControl::Not);

pub(super) const CLAIM: Claim = Claim {
    id: "access-mode",
    statement: "The access mode is fixed when the open file description is made: F_SETFL accepts \
                O_RDWR and ignores it; only a new description has another mode.",
    measures: "Opens a file read-only, asks fcntl F_SETFL for O_RDWR and O_APPEND, reads the mode \
               back through a duplicate and writes through it.",
    control: "opens the read-only descriptor's file again through /proc/self/fd/N with O_RDWR",
    surprise: Some(Surprise::Small(
        "fcntl says that it has set O_RDWR, and has done nothing",
    )),
    notes: &[6],
    acts: &[ASK, DUPLICATE],
    man: &["fcntl(2)", "open(2)", "proc_pid_fd(5)"],
    quantities: &[MODE, WRITE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let read_only = scratch::open_again(&scratch::file(b"hello, kernel")?, OFlag::O_RDONLY)?;
    let mut other = match arm {
        Arm::Experiment => {
            let flags = OFlag::O_RDWR | OFlag::O_APPEND;
            let asked = fcntl(&read_only, FcntlArg::F_SETFL(flags));
            asked.context("fcntl F_SETFL O_RDWR | O_APPEND")?;
            scratch::duplicate(&read_only)?
        }
        Arm::Control => scratch::open_again(&read_only, OFlag::O_RDWR)?,
    };
    let mode = fdinfo::access_mode(status_flags(&other)?.bits());
    let asked = here(&read_only).has_flag(OFlag::O_APPEND)?;
    let duplicated =
        here(&other).leads_to(&read_only)? && here(&other).has_flag(OFlag::O_APPEND)?;
    Ok(Reading::counters()
        .act(&ASK, asked)
        .act(&DUPLICATE, duplicated)
        .with(&MODE, mode)
        .with(&WRITE, write_one_byte(&mut other)?))
}

/// `ok` only where one byte was written.
fn write_one_byte(file: &mut File) -> Result<String> {
    match on_interrupt(|| file.write(b"x")) {
        // The offset says whether it was written: at 0 before, wherever it was written.
        Ok(1) if position(file)? == 0 => bail!("write answered 1, and wrote nothing"),
        Ok(1) => Ok("ok".to_owned()),
        Ok(count) => Ok(format!("{count} bytes written")),
        Err(error) => {
            let errno = error.raw_os_error().map(Errno::from_raw);
            Ok(outcome::<()>(Err(errno.context("write")?)))
        }
    }
}
