//! Reading a file of /proc or /sys, with an error that says which one it was.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::{Error, Operation, process};

/// Reads a whole file of text, such as one of proc(5); bytes that are not UTF-8 are replaced.
///
/// # Errors
/// That of open(2) or read(2); ESRCH where the process ended meanwhile.
pub(crate) fn read_text(path: impl AsRef<Path>) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&read_bytes(path)?).into_owned())
}

/// Reads a whole file of bytes.
///
/// # Errors
/// As [`read_text`].
pub(crate) fn read_bytes(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    std::fs::read(path).map_err(|error| file_error("read", path, &error))
}

/// The error of `operation` on a file that the kernel or a mount may lack.
///
/// A file of a process is missing for three reasons: this kernel or this mount has none, /proc
/// hides the process, or the process is gone. The first two are refusals, and the error's kind
/// tells them apart; for the last it is [`Operation::Other`].
pub fn file_error(operation: &str, path: &Path, error: &io::Error) -> Error {
    let name = path.to_string_lossy();
    let error = Error::from_io(format!("{operation} {name}"), error);
    if error.errno == Errno::ENOENT && process_is_hidden(path) {
        return error.with_kind(Operation::HiddenProcess);
    }
    if error.errno == Errno::ENOENT && process_is_gone(path) {
        return error;
    }
    error.with_kind(Operation::File(name.into_owned()))
}

/// Whether `path` is below the directory of a process that lives, and that the /proc of its PID
/// namespace does not show.
fn process_is_hidden(path: &Path) -> bool {
    let below = path.strip_prefix("/proc").ok();
    let pid = below.and_then(|below| below.iter().next()?.to_str()?.parse().ok());
    pid.is_some_and(|pid| lives_unseen(pid, Path::new("/proc")))
        && process::ensure_own_proc().is_ok()
}

/// Whether process `pid` lives, and has no directory in `folder`. kill(2) tells of processes that
/// may not be sent signals, too.
fn lives_unseen(pid: i32, folder: &Path) -> bool {
    // Asked in this order: what ends between the two questions is gone, not hidden. Numbers below 1
    // name groups of processes (kill(2)).
    let lives = || matches!(kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM));
    pid > 0 && !folder.join(pid.to_string()).exists() && lives()
}

/// Whether `path` is below the directory of a process or thread that is not there.
fn process_is_gone(path: &Path) -> bool {
    let mut ancestors = path.ancestors().skip(1);
    ancestors.any(|directory| {
        let name = directory.file_name().and_then(|name| name.to_str());
        let number = name.is_some_and(|name| name.parse::<u32>().is_ok());
        number && !directory.exists()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_told_from_a_process_that_is() {
        let file = |path: &str| read_text(path).unwrap_err();
        for path in ["/proc/self/nothing", "/proc/nothing", "/sys/nothing/0"] {
            assert_eq!(file(path).errno, Errno::ENOENT);
            assert_eq!(file(path).kind, Operation::File(path.to_owned()));
        }
        let own = std::process::id();
        let missing = format!("/proc/{own}/nothing");
        assert_eq!(file(&missing).kind, Operation::File(missing));
        let gone = file("/proc/2147483647/status");
        assert_eq!((gone.errno, gone.kind), (Errno::ENOENT, Operation::Other));
        let gone = file("/proc/self/task/2147483647/status");
        assert_eq!(gone.kind, Operation::Other);
    }
    /// A folder that shows no process stands for a /proc with hidepid: a test may mount none.
    #[test]
    fn a_process_that_lives_is_hidden_and_one_that_is_gone_is_not() {
        let own = std::process::id() as i32;
        let folder = Path::new("/proc/self/nothing");
        assert!(lives_unseen(own, folder));
        assert!(!lives_unseen(own, Path::new("/proc")));
        assert!(lives_unseen(1, folder), "whoever may send it signals");
        for nobody in [i32::MAX, 0] {
            assert!(!lives_unseen(nobody, folder), "{nobody}");
        }
    }
}
