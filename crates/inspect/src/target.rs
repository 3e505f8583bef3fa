//! The process that is looked at: that it exists and has memory, and what refuses to show it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::errno::Errno;
use observe::maps::{self, Mapping};
use observe::remote_memory::RemoteMemory;
use observe::smaps::{self, Usage};
use observe::{program, stat};

use super::{Error, map};

/// A process of user space that existed a moment ago.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its process id.
    pub pid: i32,
    /// Its name.
    pub command: OsString,
    /// The program's file, where it can be read.
    pub program: Option<PathBuf>,
}

impl Target {
    /// Makes sure that there is something to look at.
    pub fn open(pid: i32) -> Result<Target, Error> {
        let stat = stat::read(pid).map_err(|error| match error.errno {
            Errno::ENOENT | Errno::ESRCH => Error::NoSuchProcess { pid },
            _ => Error::Read(error),
        })?;
        let (kernel_thread, ended) = (stat.is_kernel_thread(), stat.has_ended());
        let command = stat.name;
        if kernel_thread {
            return Err(Error::KernelThread { pid, command });
        }
        if ended {
            return Err(Error::Zombie { pid, command });
        }
        Ok(Target {
            pid,
            program: program::path(pid).ok(),
            command,
        })
    }

    /// What its mappings use.
    pub fn usages(&self) -> Result<Vec<Usage>, Error> {
        let usages = smaps::read(self.pid).map_err(|error| self.explain(error))?;
        match usages.is_empty() {
            true => Err(self.ended_error()),
            false => Ok(usages),
        }
    }

    /// Its mappings.
    pub fn mappings(&self) -> Result<Vec<Mapping>, Error> {
        maps::read(self.pid).map_err(|error| self.explain(error))
    }

    /// The path of a mapping's file with its own bytes, where `maps` has other ones for a line
    /// feed. None where it has not, and where only root may be told.
    pub fn exact_path(&self, mapping: &Mapping) -> Option<OsString> {
        let path = mapping.path.as_bytes();
        let line_feed = map::LINE_FEED.as_bytes();
        path.windows(line_feed.len()).find(|it| *it == line_feed)?;
        let program = self.program.as_ref();
        let program = program.filter(|it| map::as_in_maps(it) == mapping.path);
        let own_program = || program.map(|it| it.clone().into_os_string());
        maps::link(self.pid, mapping).ok().or_else(own_program)
    }

    /// Its memory, for reading.
    pub fn memory(&self) -> Result<RemoteMemory, Error> {
        RemoteMemory::open(self.pid).map_err(|error| match error.errno {
            Errno::EACCES | Errno::EPERM => Error::MemoryNotPermitted(error),
            _ => Error::Read(error),
        })
    }

    fn ended_error(&self) -> Error {
        Error::Ended {
            pid: self.pid,
            command: self.command.clone(),
        }
    }

    fn explain(&self, error: observe::Error) -> Error {
        match error.errno {
            Errno::ENOENT | Errno::ESRCH => self.ended_error(),
            Errno::EACCES | Errno::EPERM => Error::NotPermitted {
                pid: self.pid,
                command: self.command.clone(),
                source: error,
            },
            _ => Error::Read(error),
        }
    }
}
