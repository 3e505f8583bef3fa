//! Reading a file of /proc or /sys, with an error that says which one it was.

use std::io;
use std::path::Path;

use nix::errno::Errno;

use crate::{Error, Operation};

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
/// A file of a process is missing for two reasons: this kernel or this mount has none, or the
/// process is gone. Only the first is a refusal, and only of the first the error says which file it
/// was.
pub(crate) fn file_error(operation: &str, path: &Path, error: &io::Error) -> Error {
    let name = path.to_string_lossy();
    let error = Error::from_io(format!("{operation} {name}"), error);
    if error.errno == Errno::ENOENT && process_is_gone(path) {
        return error;
    }
    error.with_kind(Operation::File(name.into_owned()))
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
}
