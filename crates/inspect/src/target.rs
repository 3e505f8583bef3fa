//! The process that is looked at, and the few files of proc(5) that tell about it.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use observe::maps::{self, Mapping};
use observe::smaps::{self, Usage};
use present::foreign_text::escape;

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

/// linux/sched.h: the process is a kernel thread.
const PF_KTHREAD: u64 = 0x0020_0000;

impl Target {
    /// Makes sure that there is something to look at.
    ///
    /// # Errors
    /// No such process; a kernel thread; a zombie.
    pub fn open(pid: i32) -> Result<Target> {
        let stat = match observe::read(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat,
            Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ESRCH) => {
                bail!("process {pid}: no such process (or hidden by the hidepid option of /proc)")
            }
            Err(error) => return Err(error.into()),
        };
        let (command, state, flags) =
            parse_stat(&stat).with_context(|| format!("/proc/{pid}/stat is not understood"))?;
        let name = escape(&command);
        if flags & PF_KTHREAD != 0 {
            bail!("process {pid} ({name}) is a kernel thread: it has no address space of its own");
        }
        if matches!(state, 'Z' | 'X') {
            bail!("process {pid} ({name}) has ended and waits to be reaped: its memory is gone");
        }
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        let program = program.map(|path| path.to_string_lossy().into_owned());
        Ok(Target {
            pid,
            command,
            program,
        })
    }

    /// What its mappings use, and the first addresses of those that grow down.
    ///
    /// # Errors
    /// It may not be looked at, or it ended meanwhile.
    pub fn usages(&self) -> Result<(Vec<Usage>, HashSet<u64>)> {
        let text = observe::read(format!("/proc/{}/smaps", self.pid));
        let text = text.map_err(|error| self.explain(error))?;
        let usages = smaps::parse(&text);
        if usages.is_empty() {
            bail!(
                "process {} ({}) ended meanwhile",
                self.pid,
                escape(&self.command)
            );
        }
        let growing = growing(&text, &usages);
        Ok((usages, growing))
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
        let path = format!("/proc/{}/mem", self.pid);
        match File::open(&path) {
            Ok(file) => Ok(RemoteMemory { file }),
            Err(error) => Err(error).with_context(|| {
                format!("open {path} (it takes CAP_SYS_PTRACE in its user namespace, or its owner's uid and kernel.yama.ptrace_scope 0)")
            }),
        }
    }

    fn explain(&self, error: observe::Error) -> anyhow::Error {
        let (pid, command) = (self.pid, escape(&self.command));
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

/// Another process's memory.
#[derive(Debug)]
pub struct RemoteMemory {
    file: File,
}

impl RemoteMemory {
    /// Fills `buffer` from `address` on; the number of bytes that were there.
    ///
    /// # Errors
    /// EIO where nothing is mapped, ESRCH or an end of file where the process ended.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self
                .file
                .read_at(&mut buffer[filled..], address + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // What was read before a hole still counts.
                Err(_) if filled > 0 => break,
                Err(error) => {
                    return Err(error).with_context(|| format!("read memory at {address:#x}"));
                }
            }
        }
        if filled == 0 && !buffer.is_empty() {
            bail!("read memory at {address:#x}: the process ended meanwhile");
        }
        Ok(filled)
    }
}

/// First addresses of the mappings whose VmFlags have `gd`: VM_GROWSDOWN (proc_pid_smaps(5)). Every
/// mapping has a line of flags, in the same order.
fn growing(smaps: &str, usages: &[Usage]) -> HashSet<u64> {
    let flags = smaps
        .lines()
        .filter_map(|line| line.strip_prefix("VmFlags:"));
    let both = usages.iter().zip(flags);
    both.filter(|(_, flags)| flags.split_ascii_whitespace().any(|flag| flag == "gd"))
        .map(|(usage, _)| usage.mapping.start)
        .collect()
}

/// Name, state and flags of proc_pid_stat(5). The name may hold blanks and parentheses.
fn parse_stat(text: &str) -> Option<(String, char, u64)> {
    let (_, rest) = text.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    let flags = words.nth(5)?.parse().ok()?;
    Some((name.to_owned(), state, flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stat_of_a_kernel_thread_and_of_an_odd_name() {
        let kernel = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0";
        let (name, state, flags) = parse_stat(kernel).unwrap();
        assert_eq!((name.as_str(), state), ("kthreadd", 'S'));
        assert_ne!(flags & PF_KTHREAD, 0);
        let odd = "77 (a) b (c) R 1 77 77 0 -1 4194304 1";
        assert_eq!(parse_stat(odd).unwrap().0, "a) b (c");
    }

    #[test]
    fn flags_tell_what_grows_down() {
        let text = "\
7f10e4c00000-7f10e5000000 rw-p 00000000 00:00 0
VmFlags: rd wr mr mw me ac sd
7ffd9a5e0000-7ffd9a601000 rw-p 00000000 00:00 0                          [stack]
VmFlags: rd wr mr mw me gd ac
";
        let growing = growing(text, &smaps::parse(text));
        assert_eq!(growing, HashSet::from([0x7ffd_9a5e_0000]));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC*", stat in "[0-9() SZ-]{0,60}") {
            parse_stat(&text);
            parse_stat(&stat);
        }
    }
}
