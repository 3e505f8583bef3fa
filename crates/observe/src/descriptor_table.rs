//! The descriptor table of a process or thread, as /proc shows it: which numbers are open, where
//! each leads, and what fdinfo tells. No file system is asked for anything, so that one which does
//! not answer holds nobody up.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::fdinfo::{self, FdInfo};
use crate::{Error, file_error, process};

/// Bytes of fdinfo that are read at once: all of it, but for an epoll instance with many watches
/// or a file with many locks.
const FDINFO: usize = 1024;

/// A table, by the directories `fd` and `fdinfo` in which /proc shows it.
#[derive(Debug)]
pub struct DescriptorTable {
    /// `/proc/PID` or `/proc/PID/task/TID`.
    path: PathBuf,
    links: OwnedFd,
    infos: OwnedFd,
}

impl DescriptorTable {
    /// The table of process `pid`, or of its thread `tid`.
    ///
    /// # Errors
    /// ENOENT where no such process or thread exists; EACCES where /proc hides it.
    pub fn open(pid: i32, tid: Option<i32>) -> Result<DescriptorTable, Error> {
        let mut path = PathBuf::from(format!("/proc/{pid}"));
        if let Some(tid) = tid {
            path.push(format!("task/{tid}"));
        }
        Ok(DescriptorTable {
            links: directory(&path.join("fd"))?,
            infos: directory(&path.join("fdinfo"))?,
            path,
        })
    }

    /// The numbers that are open, in ascending order. With CAP_SYS_PTRACE alone the directory `fd`
    /// stays closed to other users, `fdinfo` does not.
    ///
    /// # Errors
    /// EACCES where ptrace access is refused, ENOENT where the process has ended.
    pub fn numbers(&self) -> Result<Vec<i32>, Error> {
        process::numbers(&self.path.join("fd"))
            .or_else(|refused| process::numbers(&self.path.join("fdinfo")).map_err(|_| refused))
    }

    /// What the link of descriptor `fd` says: a path, `socket:[4711]`, `anon_inode:[eventpoll]`.
    ///
    /// # Errors
    /// EACCES where ptrace access is refused, ENOENT where it has been closed, ENAMETOOLONG where
    /// the path is longer than a page.
    pub fn link(&self, fd: i32) -> Result<OsString, Error> {
        readlinkat(&self.links, fd.to_string().as_str())
            .map_err(|errno| self.error("readlink", "fd", fd, errno))
    }

    /// What fdinfo tells of descriptor `fd`.
    ///
    /// # Errors
    /// As [`DescriptorTable::link`].
    pub fn info(&self, fd: i32) -> Result<FdInfo, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = openat(&self.infos, fd.to_string().as_str(), flags, Mode::empty());
        let text = file
            .and_then(whole)
            .map_err(|errno| self.error("read", "fdinfo", fd, errno))?;
        Ok(fdinfo::parse(&String::from_utf8_lossy(&text)))
    }

    fn error(&self, operation: &str, directory: &str, fd: i32, errno: Errno) -> Error {
        let path = self.path.join(directory).join(fd.to_string());
        file_error(operation, &path, &errno.into())
    }
}

fn directory(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix::fcntl::open(path, flags, Mode::empty())
        .map_err(|errno| file_error("open", path, &errno.into()))
}

/// The bytes of a file of /proc. A read that does not fill the buffer has come to its end, as the
/// kernel makes such a text in one piece (seq_file.c, `single_open`).
fn whole(file: OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut file = File::from(file);
    let mut text = vec![0; FDINFO];
    let mut length = 0;
    loop {
        let read = match file.read(&mut text[length..]) {
            Ok(read) => read,
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                Errno::EINTR => continue,
                errno => return Err(errno),
            },
        };
        length += read;
        if length < text.len() {
            text.truncate(length);
            return Ok(text);
        }
        text.resize(2 * length, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sched::{CloneFlags, unshare};
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::unistd::gettid;

    use super::*;

    fn own() -> i32 {
        std::process::id() as i32
    }

    #[test]
    fn a_descriptor_of_ours_is_there_with_link_and_info() {
        let file = File::open("/proc/self/exe").unwrap();
        let table = DescriptorTable::open(own(), None).unwrap();
        let fd = file.as_raw_fd();
        assert!(table.numbers().unwrap().contains(&fd));
        assert_eq!(
            table.link(fd).unwrap(),
            std::fs::read_link("/proc/self/exe").unwrap()
        );
        assert_eq!(table.info(fd).unwrap(), fdinfo::read(own(), fd).unwrap());
        let closed = table.info(i32::MAX).unwrap_err();
        assert_eq!(closed.errno, Errno::ENOENT);
        let gone = DescriptorTable::open(i32::MAX, None).unwrap_err();
        assert_eq!(gone.errno, Errno::ENOENT);
    }

    #[test]
    fn a_text_longer_than_the_buffer_is_read_to_its_end() {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let watched: Vec<_> = (0..100).map(|_| std::io::pipe().unwrap()).collect();
        for (reader, _) in &watched {
            epoll
                .add(reader, EpollEvent::new(EpollFlags::EPOLLIN, 0))
                .unwrap();
        }
        let table = DescriptorTable::open(own(), None).unwrap();
        let info = table.info(epoll.0.as_raw_fd()).unwrap();
        assert_eq!(info.watches.len(), watched.len());
    }

    #[test]
    fn a_thread_may_have_a_table_of_its_own() {
        std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_FILES).unwrap();
            let file = File::open("/proc/self/exe").unwrap();
            let tid = gettid().as_raw();
            assert!(process::threads(own()).unwrap().contains(&tid));
            let table = DescriptorTable::open(own(), Some(tid)).unwrap();
            let link = table.link(file.as_raw_fd()).unwrap();
            assert_eq!(link, std::fs::read_link("/proc/self/exe").unwrap());
        })
        .join()
        .unwrap();
    }
}
