//! `/proc/PID/limits`: the resource limits of a process (proc_pid_limits(5), getrlimit(2)).

use crate::{Error, read_text};

/// Soft limits in bytes; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// RLIMIT_AS.
    pub address_space: Option<u64>,
    /// RLIMIT_DATA.
    pub data: Option<u64>,
}

/// Reads the limits of process `pid`.
///
/// # Errors
/// ENOENT where no such process exists, EACCES where it may not be looked at, ENODATA where a line
/// is missing.
pub fn read(pid: i32) -> Result<Limits, Error> {
    let path = format!("/proc/{pid}/limits");
    let limits = parse(&read_text(&path)?);
    limits.ok_or_else(|| Error::no_data(format!("find the limits of memory in {path}")))
}

/// How many descriptors process `pid` may have open, RLIMIT_NOFILE: the soft and the hard limit.
///
/// # Errors
/// As [`read`].
pub fn open_files(pid: i32) -> Result<(u64, u64), Error> {
    let path = format!("/proc/{pid}/limits");
    let limits = parse_open_files(&read_text(&path)?);
    limits.ok_or_else(|| Error::no_data(format!("find the limit of open files in {path}")))
}

/// Parses the file's text; none where the line is missing or is not understood.
pub fn parse_open_files(text: &str) -> Option<(u64, u64)> {
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    let mut limits = line.split_ascii_whitespace().map(|limit| match limit {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((limits.next()??, limits.next()??))
}

/// Parses the file's text; none where a line is missing or is not understood.
pub fn parse(text: &str) -> Option<Limits> {
    let soft = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        match line.split_ascii_whitespace().next()? {
            "unlimited" => Some(None),
            number => Some(Some(number.parse().ok()?)),
        }
    };
    Some(Limits {
        address_space: soft("Max address space")?,
        data: soft("Max data size")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::resource::{Resource, getrlimit};
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "\
Limit                     Soft Limit           Hard Limit           Units
Max data size             unlimited            unlimited            bytes
Max address space         3145728              unlimited            bytes
";
        let expected = Limits {
            address_space: Some(3 << 20),
            data: None,
        };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("Max data size  unlimited\n"), None);
        assert!(read(std::process::id() as i32).is_ok());
    }

    #[test]
    fn open_files_are_what_the_system_call_says() {
        let text = "Max open files            1024                 unlimited            files\n";
        assert_eq!(parse_open_files(text), Some((1024, u64::MAX)));
        assert_eq!(parse_open_files("Max open files  many\n"), None);
        let asked = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(open_files(std::process::id() as i32).unwrap(), asked);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(Max (data size|address space|open files))?.{0,200}") {
            parse(&text);
            parse_open_files(&text);
        }
    }
}
