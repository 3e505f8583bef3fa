//! The open file description is counted: closing all but one reference releases nothing of it.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise};
use harness::{flock, mapping, scratch};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::pipe2;

use super::{FORK, before_and_after_text, observe_before_and_after};
use crate::evidence::{
    Place, count_alike, has_lock, here, holds_descriptor, is_own_child, lock_state,
};
use crate::scm_rights;

const LEFT: Quantity = Name("descriptors still open of 5").word("1, then 0", "0, then 0");
const CLOSED: Quantity = Name("IN_CLOSE events of the file").word("0, then 1", "1, then 1");
const PIPE: Quantity =
    Name("pipe, its last write end held by a child").word("open, then ended", "ended, then ended");
const LOCK: Quantity =
    Name("flock, its last reference a duplicate").word(HELD_THEN_FREE, FREE_THEN_FREE);
const IN_FLIGHT: Quantity =
    Name("flock, its last reference a message in flight").word(HELD_THEN_FREE, FREE_THEN_FREE);
const MAPPED: Quantity =
    Name("flock, its last reference a mapping").word(HELD_THEN_FREE, FREE_THEN_FREE);
const OPEN: &str = "open";
const ENDED: &str = "ended";
const HELD_THEN_FREE: &str = "held, then free";
const FREE_THEN_FREE: &str = "free, then free";

const DUPLICATE: Act = Does("duplicates descriptors")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .times(5)
    .shown_by("O_NONBLOCK in /proc/self/fdinfo of each, which changes with that of the first one");
const LOCK_FILES: Act = Does("locks three files with flock")
    .call("flock", "LOCK_EX")
    .times(3)
    .shown_by("FLOCK as lock in /proc/self/fdinfo of each");
const SEND: Act = Does("sends the descriptor in a message that is not received")
    .call("sendmsg", "SCM_RIGHTS")
    .shown_by("scm_fds in /proc/self/fdinfo of the socket on which it waits");
const MAP: Act = Does("maps the file")
    .call("mmap", "MAP_SHARED")
    .shown_by("its inode in /proc/self/maps");
const CLOSE: Act = Does("closes every descriptor of its own but the last")
    .call("close", "")
    .times(8)
    .shown_by(
        "/proc/self/fd: only the last one, and the descriptors that observe it, lead to the \
         object",
    );
const LOOK_FIRST: Act = Does("looks for the first time while the last references are there")
    .in_memory()
    .shown_by(
        "at that moment: the numbers in /proc/self/fd and /proc/CHILD/fd, scm_fds, and the \
         mapping",
    )
    .in_control(InControl::Not);

pub(super) const CLAIM: Claim = Claim {
    id: "reference-count",
    statement: "The kernel counts references to an open file description: closing all but one \
                releases nothing of the description's own, the last one does; messages in flight \
                and mappings count too.",
    measures: "Leaves one reference and looks for each sign of a release: inotify's IN_CLOSE, end \
               of file on a pipe, a flock that another description can take. The last reference is \
               a duplicate, a child's descriptor, an SCM_RIGHTS message nobody has received, a \
               mapping. It goes then, too, and the sign must be there.",
    control: "the last reference goes before the first look",
    surprise: Some(Surprise::Small(
        "a message in flight keeps a lock that no process holds",
    )),
    notes: &[6],
    example: Some("last_close_releases"),
    acts: &[DUPLICATE, FORK, LOCK_FILES, SEND, MAP, CLOSE, LOOK_FIRST],
    man: &["close(2)", "inotify(7)", "flock(2)", "unix(7)", "mmap(2)"],
    quantities: &[LEFT, CLOSED, PIPE, LOCK, IN_FLIGHT, MAPPED],
    measure,
    ..Claim::DEFAULT
};

/// What the parts of the experiment have in common; true until a part lacks it.
struct Evidence {
    duplicated: bool,
    locked: bool,
    closed: bool,
    /// The last references were there at the first look.
    held: bool,
}

fn measure(arm: Arm) -> Result<Reading> {
    let mut evidence = Evidence {
        duplicated: true,
        locked: true,
        closed: true,
        held: true,
    };
    let reading = close_four(arm, &mut evidence, Reading::counters())?;
    let reading = close_write_end(arm, &mut evidence, reading)?;
    let reading = duplicate(arm, &mut evidence, reading)?;
    let reading = send(arm, &mut evidence, reading)?;
    let reading = map(arm, &mut evidence, reading)?;
    Ok(reading
        .act(&DUPLICATE, evidence.duplicated)
        .act(&LOCK_FILES, evidence.locked)
        .act(&CLOSE, evidence.closed)
        .act(&LOOK_FIRST, evidence.held)
        .note(
            "what belongs to the descriptor table goes with any close: a POSIX lock, for one (see \
             lock-owners); and each close lets the file system flush",
        ))
}

/// Closes four of five descriptors, looks which are open and what inotify tells, and closes the
/// fifth.
fn close_four(arm: Arm, evidence: &mut Evidence, reading: Reading) -> Result<Reading> {
    let file = scratch::file(b"hello, kernel")?;
    let inotify =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).context("inotify")?;
    let path = scratch::path(file.as_raw_fd());
    let last = scratch::open_again(&file, OFlag::O_RDONLY)?;
    inotify
        .add_watch(&path, AddWatchFlags::IN_CLOSE)
        .context("inotify_add_watch")?;
    let mut numbers = vec![last.as_raw_fd()];
    let mut four = Vec::new();
    for _ in 0..4 {
        let duplicate = scratch::duplicate(&last)?;
        evidence.duplicated &= here(&duplicate).follows(&last)?;
        numbers.push(duplicate.as_raw_fd());
        four.push(duplicate);
    }
    drop(four);
    for number in &numbers[1..] {
        evidence.closed &= !scratch::is_open(*number)?;
    }
    let mut events = 0;
    let look = || {
        let mut open = 0;
        for number in &numbers {
            open += usize::from(scratch::is_open(*number)?);
        }
        events += match inotify.read_events() {
            Ok(events) => events.len(),
            Err(Errno::EAGAIN) => 0,
            Err(errno) => return Err(errno).context("read inotify events"),
        };
        Ok((open, events))
    };
    let looks = observe_before_and_after(arm, || release(last), look)?;
    Ok(reading
        .with(&LEFT, before_and_after_text(looks.map(|look| look.0)))
        .with(&CLOSED, before_and_after_text(looks.map(|look| look.1))))
}

/// Looks for end of file on a pipe after the parent has closed its write end; a child holds
/// another, and ends.
fn close_write_end(arm: Arm, evidence: &mut Evidence, reading: Reading) -> Result<Reading> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let mut holder = child::fork("holder", |parent| Ok(parent.checkpoint()?))?;
    holder.at_checkpoint()?;
    let is_child = is_own_child(holder.pid())?;
    let number = writer.as_raw_fd();
    let its = Place {
        pid: holder.pid(),
        fd: number,
    };
    drop(writer);
    evidence.closed &= count_alike(&reader)? == 1;
    let end = || {
        holder.release()?;
        Ok(holder.join()?)
    };
    let held = || its.leads_to(&reader);
    let look = look_at_end(arm, evidence, end, held, || end_of_file(&reader))?;
    Ok(reading.act(&FORK, is_child).with(&PIPE, look))
}

fn end_of_file(reader: &OwnedFd) -> Result<&'static str> {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).context("poll")?;
    let ended = fds[0]
        .revents()
        .is_some_and(|events| events.contains(PollFlags::POLLHUP));
    Ok(if ended { ENDED } else { OPEN })
}

fn duplicate(arm: Arm, evidence: &mut Evidence, reading: Reading) -> Result<Reading> {
    let (file, witness) = file_with_flock(evidence)?;
    let last = scratch::duplicate(&file)?;
    evidence.duplicated &= here(&last).follows(&file)?;
    drop(file);
    evidence.closed &= count_alike(&witness)? == 2;
    let number = last.as_raw_fd();
    let held = || Ok(scratch::is_open(number)?);
    let locked = || lock_state(&witness);
    let look = look_at_end(arm, evidence, || release(last), held, locked)?;
    Ok(reading.with(&LOCK, look))
}

fn send(arm: Arm, evidence: &mut Evidence, reading: Reading) -> Result<Reading> {
    let (file, witness) = file_with_flock(evidence)?;
    let (ours, theirs) = scm_rights::pair()?;
    scm_rights::send(&ours, &file)?;
    let sent = holds_descriptor(&theirs)?;
    drop(file);
    evidence.closed &= count_alike(&witness)? == 1;
    let received = || release(scm_rights::receive(&theirs)?);
    let held = || holds_descriptor(&theirs);
    let locked = || lock_state(&witness);
    let look = look_at_end(arm, evidence, received, held, locked)?;
    Ok(reading.act(&SEND, sent).with(&IN_FLIGHT, look))
}

fn map(arm: Arm, evidence: &mut Evidence, reading: Reading) -> Result<Reading> {
    let (file, witness) = file_with_flock(evidence)?;
    let inode = file.metadata().context("fstat")?.ino();
    let count = || -> Result<usize> {
        let maps = observe::maps::read(std::process::id() as i32)?;
        Ok(maps.iter().filter(|it| it.inode == inode).count())
    };
    // Another file system may have given the program's own files the same numbers.
    let others = count()?;
    let mapped = || Ok(count()? > others);
    let last = mapping::shared(&file, NonZeroUsize::MIN)?;
    let was_mapped = mapped()?;
    drop(file);
    evidence.closed &= count_alike(&witness)? == 1;
    let locked = || lock_state(&witness);
    let look = look_at_end(arm, evidence, || release(last), mapped, locked)?;
    Ok(reading.act(&MAP, was_mapped).with(&MAPPED, look))
}

/// Looks before and after the end of the last reference, and whether it is `held` at the first
/// look.
fn look_at_end(
    arm: Arm,
    evidence: &mut Evidence,
    end: impl FnOnce() -> Result<()>,
    held: impl Fn() -> Result<bool>,
    look: impl Fn() -> Result<&'static str>,
) -> Result<String> {
    let looks = observe_before_and_after(arm, end, || Ok((held()?, look()?)))?;
    evidence.held &= looks[0].0;
    ensure!(!looks[1].0, "the last reference is there to the end");
    Ok(before_and_after_text(looks.map(|(_, look)| look)))
}

/// Drops a reference: close(2), munmap(2).
fn release<T>(reference: T) -> Result<()> {
    drop(reference);
    Ok(())
}

/// A file with a flock on it, and another description to look for the lock.
fn file_with_flock(evidence: &mut Evidence) -> Result<(File, File)> {
    let file = scratch::file(b"hello, kernel")?;
    let witness = scratch::open_again(&file, OFlag::O_RDWR)?;
    ensure!(flock::try_lock(&file)?, "a file of one's own is locked");
    evidence.locked &= has_lock(&file, "FLOCK")?;
    Ok((file, witness))
}
