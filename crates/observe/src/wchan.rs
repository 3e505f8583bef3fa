//! `/proc/PID/wchan` and `/proc/PID/syscall`: where in the kernel a process sleeps, and in which
//! call (proc_pid_wchan(5), proc_pid_syscall(5)).

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::{Error, file_error, read_text};

/// The wait channel of one process, kept open: one pread(2) a look.
#[derive(Debug)]
pub struct WaitChannel {
    file: File,
    path: String,
}

impl WaitChannel {
    /// Opens the wait channel of process `pid`.
    ///
    /// # Errors
    /// ENOENT where no such process exists, EMFILE where the descriptor table is full.
    pub fn open(pid: i32) -> Result<Self, Error> {
        let path = format!("/proc/{pid}/wchan");
        let file = File::open(&path).map_err(|e| file_error("open", path.as_ref(), &e))?;
        Ok(WaitChannel { file, path })
    }

    /// The kernel function in which it sleeps; none while it runs, and none where the kernel does
    /// not tell (another user's process, no CONFIG_KALLSYMS).
    ///
    /// # Errors
    /// ESRCH where no such process exists.
    pub fn read(&self) -> Result<Option<String>, Error> {
        let mut buffer = [0; 128];
        let count = self.file.read_at(&mut buffer, 0);
        let count = count.map_err(|e| file_error("read", self.path.as_ref(), &e))?;
        Ok(parse(&String::from_utf8_lossy(&buffer[..count])))
    }
}

/// The wait channel of process `pid`, looked at once.
///
/// # Errors
/// As [`WaitChannel::open`] and [`WaitChannel::read`].
pub fn read(pid: i32) -> Result<Option<String>, Error> {
    WaitChannel::open(pid)?.read()
}

/// Parses the file's text: a name, or `0` where there is nothing to tell.
pub fn parse(text: &str) -> Option<String> {
    let name = text.trim();
    // A compiler's clone of a function is still that function: poll_schedule_timeout.constprop.0.
    let name = name.split_once('.').map_or(name, |(function, _)| function);
    (!name.is_empty() && name != "0").then(|| name.to_owned())
}

/// The system call in which a process is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Its number on this architecture.
    pub number: i64,
    /// Its six arguments.
    pub arguments: [u64; 6],
}

/// The call in which process `pid` is blocked; none while it runs or is not in a call.
///
/// # Errors
/// EACCES or EPERM without ptrace access, ENOENT where no such process exists or the kernel has no
/// such file.
pub fn read_syscall(pid: i32) -> Result<Option<Blocked>, Error> {
    Ok(parse_syscall(&read_text(format!("/proc/{pid}/syscall"))?))
}

/// Parses the file's text: `288 0x3 0x0 ...`, `running`, or `-1 ...` outside of a call.
pub fn parse_syscall(text: &str) -> Option<Blocked> {
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok().filter(|&number| number >= 0)?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        let word = words.next()?.strip_prefix("0x")?;
        *argument = u64::from_str_radix(word, 16).ok()?;
    }
    Some(Blocked { number, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        assert_eq!(parse("inet_csk_accept"), Some("inet_csk_accept".into()));
        assert_eq!(parse("do_poll.constprop.0\n"), Some("do_poll".into()));
        assert_eq!(parse("0"), None);
        let text = "288 0x3 0x0 0x0 0x80000 0x0 0x0 0x7ffd6a6a9d48 0x7f2e4a6d3a3d\n";
        let blocked = Blocked {
            number: 288,
            arguments: [3, 0, 0, 0x80000, 0, 0],
        };
        assert_eq!(parse_syscall(text), Some(blocked));
        assert_eq!(parse_syscall("running\n"), None);
        assert_eq!(parse_syscall("-1 0x7ffd6a6a9d48 0x7f2e4a6d3a3d\n"), None);
    }

    #[test]
    fn a_running_thread_sleeps_nowhere() {
        assert_eq!(read(nix::unistd::gettid().as_raw()), Ok(None));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s).{0,100}") {
            parse(&text);
            parse_syscall(&text);
        }
    }
}
