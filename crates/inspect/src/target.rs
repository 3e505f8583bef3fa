//! The process that is looked at, and the few files of proc(5) that tell about it.

use anyhow::{Result, bail};
use nix::errno::Errno;
use observe::maps::{self, Mapping};
use observe::remote_memory::RemoteMemory;
use observe::smaps::{self, Usage};
use observe::{program, stat};

/// A process of user space that existed a moment ago.
#[derive(Debug)]
pub struct Target {
    /// Its process id.
    pub pid: i32,
    /// Its name.
    pub command: String,
    /// The program's file, where it can be read.
    pub program: Option<String>,
}

impl Target {
    /// Makes sure that there is something to look at.
    ///
    /// # Errors
    /// No such process; a kernel thread; a zombie.
    pub fn open(pid: i32) -> Result<Target> {
        let stat = match stat::read(pid) {
            Ok(stat) => stat,
            Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ESRCH) => {
                bail!("process {pid}: no such process (or hidden by the hidepid option of /proc)")
            }
            Err(error) => return Err(error.into()),
        };
        let command = &stat.name;
        if stat.is_kernel_thread() {
            bail!(
                "process {pid} ({command}) is a kernel thread: it has no address space of its own"
            );
        }
        if stat.has_ended() {
            bail!("process {pid} ({command}) has ended and waits to be reaped: its memory is gone");
        }
        Ok(Target {
            pid,
            program: program::path(pid).ok(),
            command: stat.name,
        })
    }

    /// What its mappings use.
    ///
    /// # Errors
    /// It may not be looked at, or it ended meanwhile.
    pub fn usages(&self) -> Result<Vec<Usage>> {
        let usages = smaps::of(self.pid).map_err(|error| self.explain(error))?;
        if usages.is_empty() {
            bail!("process {} ({}) ended meanwhile", self.pid, self.command);
        }
        Ok(usages)
    }

    /// Its mappings.
    ///
    /// # Errors
    /// As [`Target::usages`].
    pub fn mappings(&self) -> Result<Vec<Mapping>> {
        maps::of(self.pid).map_err(|error| self.explain(error))
    }

    /// Its memory, for reading.
    ///
    /// # Errors
    /// ptrace access is denied.
    pub fn memory(&self) -> Result<RemoteMemory> {
        RemoteMemory::open(self.pid).map_err(|error| match error.errno {
            Errno::EACCES | Errno::EPERM => anyhow::Error::new(error.errno).context(format!(
                "{} (it takes CAP_SYS_PTRACE in its user namespace, or its owner's uid and \
                 kernel.yama.ptrace_scope 0)",
                error.operation
            )),
            _ => error.into(),
        })
    }

    fn explain(&self, error: observe::Error) -> anyhow::Error {
        let Target { pid, command, .. } = self;
        match error.errno {
            Errno::ENOENT | Errno::ESRCH => {
                anyhow::anyhow!("process {pid} ({command}) ended meanwhile")
            }
            Errno::EACCES | Errno::EPERM => anyhow::Error::new(error).context(format!(
                "process {pid} ({command}) may not be looked at: it takes its owner's uid, or CAP_SYS_PTRACE \
                 in its user namespace, and no security module (AppArmor, SELinux, Yama) in the way"
            )),
            _ => error.into(),
        }
    }
}
