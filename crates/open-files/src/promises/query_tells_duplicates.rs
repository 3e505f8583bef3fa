//! F_DUPFD_QUERY says what kcmp says: which descriptors are duplicates.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use observe::{description, kcmp};

use crate::evidence::here;

/// Of the descriptors a to f: b and c are duplicates of a, d is a's file opened again, f is a
/// duplicate of e, another file.
const DUPLICATES: &str = "ab ac bc ef";
const QUERY: Quantity =
    Name("pairs of six descriptors that F_DUPFD_QUERY calls duplicates").word(DUPLICATES, "none");
const KCMP: Quantity =
    Name("pairs that kcmp calls one open file description").word(DUPLICATES, "none");

const DUPLICATE: Act = Does("duplicates descriptors")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .times(3)
    .shown_by("O_NONBLOCK in /proc/self/fdinfo, which follows when it is changed by the original")
    .in_control(InControl::Instead("openat", "/proc/self/fd/"));
const OPEN_AGAIN: Act = Does("opens the file again")
    .call("openat", "/proc/self/fd/ … O_RDWR")
    .shown_by("the same link in /proc/self/fd, and an O_NONBLOCK that does not follow");
const ASK: Act = Does("asks about every pair by F_DUPFD_QUERY")
    .call("fcntl", "0x403")
    .times(15)
    .shown_by("EBADF, the answer about a descriptor that was closed");

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "query-tells-duplicates",
    statement: "fcntl F_DUPFD_QUERY tells whether two descriptors are duplicates, that is refer to \
                one open file description, and it needs no right: it says of every pair what kcmp \
                says.",
    measures: "Six descriptors: one, two duplicates of it, its file opened again, another file and \
               a duplicate of that. Each of the 15 pairs is put to F_DUPFD_QUERY and to kcmp.",
    control: "the file is opened again where it was duplicated",
    notes: &[4, 5, 6],
    needs: &["Linux 6.10", "kcmp"],
    acts: &[DUPLICATE, OPEN_AGAIN, ASK],
    man: &["F_DUPFD_QUERY(2const)", "kcmp(2)"],
    quantities: &[QUERY, KCMP],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let another = |file: &File| match arm {
        Arm::Experiment => scratch::duplicate(file),
        Arm::Control => scratch::open_again(file, OFlag::O_RDWR),
    };
    let (a, e) = (scratch::file(b"one")?, scratch::file(b"two")?);
    let (b, c, f) = (another(&a)?, another(&a)?, another(&e)?);
    let d = scratch::open_again(&a, OFlag::O_RDWR)?;
    let follow = here(&b).follows(&a)? && here(&c).follows(&a)? && here(&f).follows(&e)?;
    let apart = here(&d).leads_to(&a)? && !here(&d).follows(&a)?;
    let files = [&a, &b, &c, &d, &e, &f];
    let queried = pairs(&files, |one, other| {
        Ok(description::query(one.as_fd(), other.as_fd())?)
    })?;
    let own = std::process::id() as i32;
    let compared = pairs(&files, |one, other| {
        let order = kcmp::descriptions((own, one.as_raw_fd()), (own, other.as_raw_fd()))?;
        Ok(order.is_eq())
    })?;
    Ok(Reading::kernel()
        .act(&DUPLICATE, follow)
        .act(&OPEN_AGAIN, apart)
        .act(&ASK, refuses_closed(&a)?)
        .with(&QUERY, queried)
        .with(&KCMP, compared)
        .note("a to f: a file, two duplicates, opened again; another file, its duplicate"))
}

/// The pairs that `same` finds to be one, by their letters.
fn pairs(files: &[&File], same: impl Fn(&File, &File) -> Result<bool>) -> Result<String> {
    let mut found = Vec::new();
    for (index, one) in files.iter().enumerate() {
        for (other_index, other) in files.iter().enumerate().skip(index + 1) {
            if same(one, other)? {
                let letter = |index: usize| char::from(b'a' + index as u8);
                found.push(
                    [letter(index), letter(other_index)]
                        .iter()
                        .collect::<String>(),
                );
            }
        }
    }
    Ok(match found.is_empty() {
        true => "none".to_owned(),
        false => found.join(" "),
    })
}

/// Whether F_DUPFD_QUERY answers about a number that is no descriptor any more as fcntl(2) must.
fn refuses_closed(file: &File) -> Result<bool> {
    let closed = scratch::open_again(file, OFlag::O_RDONLY)?.as_raw_fd();
    let told = description::query_number(file.as_fd(), closed);
    Ok(told.is_err_and(|error| error.errno == Errno::EBADF))
}
