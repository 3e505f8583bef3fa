//! Processes and their descriptors, as proc(5) lists them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;

use crate::{Error, file_error, read_bytes};

/// Every process that /proc shows, in ascending order.
///
/// # Errors
/// That of reading /proc.
pub fn list() -> Result<Vec<i32>, Error> {
    numbers(Path::new("/proc"))
}

/// Makes sure that /proc is there and shows the PID namespace that this process lives in; in
/// another one, numbers of processes name others.
///
/// # Errors
/// ENOENT where it is not mounted, ESRCH where it shows another namespace.
pub fn ensure_own_proc() -> Result<(), Error> {
    let link = fs::read_link("/proc/self").map_err(|e| error("readlink", "/proc/self", &e))?;
    if link.as_os_str() == std::process::id().to_string().as_str() {
        return Ok(());
    }
    let what = "find this process in /proc, which shows another PID namespace";
    Err(Error::new(what, Errno::ESRCH))
}

/// The command name of a process, at most 15 bytes of any kind; `?` where no such process exists.
pub fn name(pid: i32) -> OsString {
    // A name may end with a blank, or with another line feed.
    let name = |text: Vec<u8>| text.strip_suffix(b"\n").unwrap_or(&text).to_owned();
    let text = read_bytes(format!("/proc/{pid}/comm"));
    OsString::from_vec(text.map_or(b"?".into(), name))
}

/// The open descriptors of a process, in ascending order. With CAP_SYS_PTRACE alone the directory
/// `fd` stays closed to other users, `fdinfo` does not.
///
/// # Errors
/// EACCES where ptrace access is refused, ENOENT where no such process exists.
pub fn descriptors(pid: i32) -> Result<Vec<i32>, Error> {
    numbers(Path::new(&format!("/proc/{pid}/fd")))
        .or_else(|refused| numbers(Path::new(&format!("/proc/{pid}/fdinfo"))).map_err(|_| refused))
}

/// How many descriptors a process has open, which the kernel shows to every process: the size of
/// its `fd` directory (Linux 6.2; 0 before).
///
/// # Errors
/// ENOENT where no such process exists.
pub fn count_descriptors(pid: i32) -> Result<u64, Error> {
    let path = format!("/proc/{pid}/fd");
    fs::metadata(&path)
        .map(|metadata| metadata.size())
        .map_err(|e| error("stat", &path, &e))
}

/// What the link of descriptor `fd` of process `pid` says: a path, which may hold any byte but NUL,
/// `socket:[4711]`, `pipe:[4712]`, `anon_inode:[eventpoll]`.
///
/// # Errors
/// EACCES where ptrace access is refused, ENOENT where it has been closed.
pub fn link(pid: i32, fd: i32) -> Result<OsString, Error> {
    let path = format!("/proc/{pid}/fd/{fd}");
    let link = fs::read_link(&path).map_err(|e| error("readlink", &path, &e))?;
    Ok(link.into_os_string())
}

/// What stat(2) says of the file that process `pid` sees under the absolute `path`, in its own root
/// and mounts (proc_pid_root(5)).
///
/// # Errors
/// EACCES where ptrace access is refused, ENOENT where no such file or process exists.
pub fn file_metadata(pid: i32, path: &Path) -> Result<fs::Metadata, Error> {
    let inside = path.strip_prefix("/").unwrap_or(path);
    let path = Path::new("/proc")
        .join(pid.to_string())
        .join("root")
        .join(inside);
    fs::metadata(&path).map_err(|e| file_error("stat", &path, &e))
}

/// The threads of a process, in ascending order; the first one has the process's own number.
///
/// # Errors
/// ENOENT where no such process exists.
pub fn threads(pid: i32) -> Result<Vec<i32>, Error> {
    numbers(Path::new(&format!("/proc/{pid}/task")))
}

/// The numbers among the names in a directory, in ascending order.
pub(crate) fn numbers(directory: &Path) -> Result<Vec<i32>, Error> {
    let refused = |e: io::Error| file_error("list", directory, &e);
    let number = |name: &OsStr| name.to_str()?.parse::<i32>().ok();
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(refused)? {
        // A process may end between two reads: its directory is then at its end.
        let Ok(entry) = entry else { break };
        numbers.extend(number(&entry.file_name()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn error(operation: &str, object: &str, error: &io::Error) -> Error {
    file_error(operation, object.as_ref(), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_descriptor_of_ours_is_listed_and_leads_to_its_file() {
        let own = std::process::id() as i32;
        let file = fs::File::open("/proc/self/exe").unwrap();
        assert_eq!(ensure_own_proc(), Ok(()));
        assert!(list().unwrap().contains(&own));
        assert!(descriptors(own).unwrap().contains(&file.as_raw_fd()));
        let link = link(own, file.as_raw_fd()).unwrap();
        assert_eq!(link, fs::read_link("/proc/self/exe").unwrap());
    }

    #[test]
    fn a_name_keeps_its_last_bytes() {
        nix::sys::prctl::set_name(c"odd \xe9 \r").unwrap();
        let own = name(nix::unistd::gettid().as_raw());
        assert_eq!(own, OsStr::from_bytes(b"odd \xe9 \r"));
        assert_eq!(name(i32::MAX), "?");
    }

    #[test]
    fn a_file_is_found_from_the_root_of_its_process() {
        let exe = fs::read_link("/proc/self/exe").unwrap();
        let metadata = file_metadata(std::process::id() as i32, &exe).unwrap();
        assert_eq!(metadata.ino(), fs::metadata(&exe).unwrap().ino());
        assert!(file_metadata(i32::MAX, &exe).is_err());
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_with_its_path() {
        let error = descriptors(i32::MAX).unwrap_err();
        assert_eq!(error.errno, Errno::ENOENT);
        assert!(error.to_string().contains(&i32::MAX.to_string()), "{error}");
    }
}
