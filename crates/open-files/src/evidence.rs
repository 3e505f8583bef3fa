//! What shows that a system call did its work: facts of /proc, and not the call's own answer.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};
use harness::flock;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Whence, lseek};
use observe::description::with_nonblock_changed;
use observe::{fdinfo, process, status};

/// A descriptor of a process, this one or another: what /proc tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub pid: i32,
    pub fd: RawFd,
}

/// The descriptor `fd` of this process.
pub fn here(fd: &impl AsRawFd) -> Place {
    Place {
        pid: std::process::id() as i32,
        fd: fd.as_raw_fd(),
    }
}

impl Place {
    /// Whether the descriptor is open, and its link leads where that of `other` leads.
    pub fn leads_to(self, other: &impl AsRawFd) -> Result<bool> {
        let Some(link) = self.link()? else {
            return Ok(false);
        };
        Ok(here(other).link()? == Some(link))
    }

    /// Where its link in /proc/PID/fd leads; none where it is closed.
    pub fn link(self) -> Result<Option<OsString>> {
        match process::link(self.pid, self.fd) {
            Ok(link) => Ok(Some(link)),
            Err(error) if error.errno == Errno::ENOENT => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it is open, and its link begins so: `socket:`, `pipe:`.
    pub fn is(self, kind: &str) -> Result<bool> {
        let link = self.link()?.unwrap_or_default();
        Ok(link.as_encoded_bytes().starts_with(kind.as_bytes()))
    }

    /// What /proc/PID/fdinfo/N tells.
    pub fn info(self) -> Result<fdinfo::FdInfo> {
        Ok(fdinfo::read(self.pid, self.fd)?)
    }

    /// The access mode, by its name in open(2).
    pub fn access_mode(self) -> Result<&'static str> {
        Ok(fdinfo::access_mode(self.info()?.status_flags))
    }

    /// Whether this flag is among the file status flags.
    pub fn has_flag(self, flag: OFlag) -> Result<bool> {
        Ok(OFlag::from_bits_retain(self.info()?.status_flags).contains(flag))
    }

    /// Whether its status flags follow when O_NONBLOCK changes through `original`, as those of one
    /// open file description do. For claims in which that is a part of the set-up, and not what is
    /// measured.
    pub fn follows(self, original: &impl AsFd) -> Result<bool> {
        let before = self.has_flag(OFlag::O_NONBLOCK)?;
        let after = with_nonblock_changed(original, || self.has_flag(OFlag::O_NONBLOCK));
        Ok(before != after.context("fcntl of status flags")??)
    }
}

/// The access mode and file status flags by F_GETFL, with fdinfo as its witness.
pub fn status_flags(fd: &(impl AsFd + AsRawFd)) -> Result<OFlag> {
    let flags = fcntl(fd, FcntlArg::F_GETFL).context("fcntl F_GETFL")?;
    let shown = here(fd).info()?.status_flags;
    let known = libc::O_ACCMODE | libc::O_APPEND | libc::O_NONBLOCK;
    ensure!(
        flags & known == shown & known,
        "F_GETFL tells flags {flags:o}, fdinfo {shown:o} (octal)"
    );
    Ok(OFlag::from_bits_retain(flags))
}

/// The offset of a file by lseek(2), with [`position`] as its witness.
pub fn offset(file: &mut File) -> Result<u64> {
    let offset = file.stream_position().context("lseek SEEK_CUR")?;
    let other = position(file)?;
    ensure!(
        offset == other,
        "lseek tells offset {offset}, fdinfo (or what read finds behind it) {other}"
    );
    Ok(offset)
}

/// The offset of a readable regular file without lseek(2): `pos` in fdinfo. Where the kernel's
/// fdinfo has no such line, the file is read from its offset to its end, and the offset is put
/// back.
pub fn position(file: &File) -> Result<u64> {
    if let Some(pos) = here(file).info()?.pos {
        return Ok(pos);
    }
    position_by_reading(file)
}

fn position_by_reading(mut file: &File) -> Result<u64> {
    let length = file.metadata().context("fstat")?.len();
    let left = file
        .read_to_end(&mut Vec::new())
        .context("read to the end")?;
    let position = length.saturating_sub(left as u64);
    file.seek(SeekFrom::Start(position))
        .context("lseek SEEK_SET")?;
    Ok(position)
}

/// The offset by lseek(2), where this kernel's fdinfo has no `pos` and none where it has: what a
/// child must tell, since its parent cannot see it.
pub fn hidden_offset(fd: &(impl AsFd + AsRawFd)) -> Result<Option<u64>> {
    if here(fd).info()?.pos.is_some() {
        return Ok(None);
    }
    let offset = lseek(fd, 0, Whence::SeekCur).context("lseek SEEK_CUR")?;
    Ok(Some(offset.cast_unsigned()))
}

/// How many descriptors of this process lead where `fd` leads, itself among them.
pub fn count_alike(fd: &impl AsRawFd) -> Result<usize> {
    let own = here(fd);
    let mut count = 0;
    for number in process::descriptors(own.pid)? {
        let place = Place { fd: number, ..own };
        count += usize::from(place.leads_to(fd)?);
    }
    Ok(count)
}

/// Whether `pid` is a process of its own whose parent is this one.
pub fn is_own_child(pid: i32) -> Result<bool> {
    let own = std::process::id() as i32;
    Ok(pid != own && status::read(pid)?.parent == own)
}

/// What identifies the network namespace of the calling process: the inode of its link.
pub fn network_namespace() -> Result<u64> {
    let link = "/proc/self/ns/net";
    let metadata = fs::metadata(link);
    Ok(metadata
        .map_err(|e| observe::Error::from_io(format!("stat {link}"), &e))?
        .ino())
}

/// Whether the description of `file` holds a lock of this kind: `FLOCK`, `POSIX` or `OFDLCK`.
///
/// # Errors
/// Those of [`flock::is_held`].
pub fn has_lock(file: &File, kind: &str) -> Result<bool> {
    let Place { pid, fd } = here(file);
    match flock::is_held((pid, fd), kind, file) {
        Err(no_list) if no_list.errno == Errno::ENOENT && kind == "POSIX" => is_told_to_child(file),
        held => Ok(held?),
    }
}

/// Whether a child is told that somebody else has a POSIX lock on `file`: for a kernel that shows
/// no locks in /proc.
fn is_told_to_child(file: &File) -> Result<bool> {
    let reader = child::fork("lock reader", |_| Ok(is_locked_by_others(file)?))?;
    Ok(reader.join()?)
}

/// Whether others have a lock on `file` that would refuse one to this process: by F_GETLK
/// (fcntl_locking(2)), which takes none.
fn is_locked_by_others(file: &File) -> Result<bool> {
    let mut lock = whole_file();
    fcntl(file, FcntlArg::F_GETLK(&mut lock)).context("fcntl F_GETLK")?;
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}

/// A write lock on the whole file.
pub fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Whether the file is locked by flock(2), asked through another description of it: `held`, or
/// `free`.
pub fn lock_state(other: &File) -> Result<&'static str> {
    let locked = flock::is_locked(other)?;
    Ok(if locked { "held" } else { "free" })
}

/// Whether a message that carries a descriptor waits on this UNIX socket. Before Linux 5.15 the
/// kernel does not say what a message carries: there one that waits must do.
pub fn holds_descriptor(socket: &(impl AsFd + AsRawFd)) -> Result<bool> {
    match here(socket).info()?.in_flight {
        Some(count) => Ok(count > 0),
        None => has_input(socket),
    }
}

/// Whether something waits to be read.
pub fn has_input(fd: &impl AsFd) -> Result<bool> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).context("poll")?;
    Ok(fds[0]
        .revents()
        .is_some_and(|events| events.contains(PollFlags::POLLIN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::scratch;

    /// What stands in where the kernel shows no locks: a lock of the description is another
    /// owner's, as that of another process is.
    #[test]
    fn the_lock_of_another_owner_is_told() -> Result<()> {
        let file = scratch::file(b"")?;
        let other = scratch::open_again(&file, OFlag::O_RDWR)?;
        assert!(!is_locked_by_others(&file)?);
        fcntl(&other, FcntlArg::F_OFD_SETLK(&whole_file()))?;
        assert!(is_locked_by_others(&file)?);
        assert!(!has_lock(&file, "POSIX")?, "it is of another kind");
        Ok(())
    }

    /// What stands in where the kernel's fdinfo has no `pos`.
    #[test]
    fn an_offset_shows_in_what_is_left_to_read() -> Result<()> {
        let mut file = scratch::file(b"hello, kernel")?;
        for offset in [0, 5, 13] {
            file.seek(SeekFrom::Start(offset))?;
            assert_eq!(position_by_reading(&file)?, offset);
            assert_eq!(here(&file).info()?.pos, Some(offset), "it is put back");
            assert_eq!(hidden_offset(&file)?, None, "/proc shows it");
        }
        Ok(())
    }
}
