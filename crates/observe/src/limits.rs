//! `/proc/PID/limits`: the resource limits of a process (proc_pid_limits(5), getrlimit(2)).

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::{Error, read_text};

/// A limit, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<T = u64> {
    /// So much is allowed.
    At(T),
    /// Nothing is refused.
    Unlimited,
}

impl<T: PartialOrd> Limit<T> {
    /// That of the two which allows less.
    #[must_use]
    pub fn tighter(self, other: Limit<T>) -> Limit<T> {
        match (&self, &other) {
            (Limit::Unlimited, _) => other,
            (Limit::At(own), Limit::At(others)) if others < own => other,
            _ => self,
        }
    }
}

/// The soft limits of this process that decide what it can be made to do; none where the kernel
/// does not tell one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftLimits {
    /// RLIMIT_AS: bytes of address space.
    pub address_space: Option<Limit>,
    /// RLIMIT_DATA: bytes of data.
    pub data: Option<Limit>,
    /// RLIMIT_FSIZE: bytes in a file that it writes.
    pub file_size: Option<Limit>,
    /// RLIMIT_MEMLOCK: bytes that it may lock into memory.
    pub locked_memory: Option<Limit>,
    /// RLIMIT_NOFILE: one more than the highest descriptor.
    pub open_files: Option<Limit>,
    /// RLIMIT_NPROC: processes and threads of its user.
    pub processes: Option<Limit>,
    /// RLIMIT_STACK: bytes of the first thread's stack.
    pub stack: Option<Limit>,
}

/// The soft limits of this process: getrlimit(2), and /proc/self/limits where that is refused.
pub fn own() -> SoftLimits {
    let limit = |resource, name: &str| match getrlimit(resource) {
        Ok((RLIM_INFINITY, _)) => Some(Limit::Unlimited),
        Ok((soft, _)) => Some(Limit::At(soft)),
        Err(_) => parse_soft(&read_text("/proc/self/limits").ok()?, name),
    };
    SoftLimits {
        address_space: limit(Resource::RLIMIT_AS, "Max address space"),
        data: limit(Resource::RLIMIT_DATA, "Max data size"),
        file_size: limit(Resource::RLIMIT_FSIZE, "Max file size"),
        locked_memory: limit(Resource::RLIMIT_MEMLOCK, "Max locked memory"),
        open_files: limit(Resource::RLIMIT_NOFILE, "Max open files"),
        processes: limit(Resource::RLIMIT_NPROC, "Max processes"),
        stack: limit(Resource::RLIMIT_STACK, "Max stack size"),
    }
}

/// The soft limit called `name` in the text of /proc/PID/limits.
pub fn parse_soft(text: &str, name: &str) -> Option<Limit> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    parse_limit(line.split_ascii_whitespace().next()?)
}

/// Parses a limit as the kernel writes one: a number, `unlimited`, or `max` of a control group.
pub fn parse_limit(text: &str) -> Option<Limit> {
    match text.trim() {
        "unlimited" | "max" => Some(Limit::Unlimited),
        number => number.parse().ok().map(Limit::At),
    }
}

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

    #[test]
    fn own_limits_are_those_of_proc() {
        let text = read_text("/proc/self/limits").unwrap();
        let own = own();
        for (limit, name) in [
            (own.address_space, "Max address space"),
            (own.data, "Max data size"),
            (own.file_size, "Max file size"),
            (own.locked_memory, "Max locked memory"),
            (own.open_files, "Max open files"),
            (own.processes, "Max processes"),
            (own.stack, "Max stack size"),
        ] {
            assert!(limit.is_some(), "{name}");
            assert_eq!(limit, parse_soft(&text, name), "{name}");
        }
    }

    #[test]
    fn the_tighter_limit_is_the_one_that_is_met_first() {
        use Limit::{At, Unlimited};
        assert_eq!(At(2).tighter(At(1)), At(1));
        assert_eq!(At(1).tighter(Unlimited), At(1));
        assert_eq!(Unlimited.tighter(At(1)), At(1));
        assert_eq!(Limit::<u64>::Unlimited.tighter(Unlimited), Unlimited);
        assert_eq!(parse_limit("max\n"), Some(Unlimited));
        assert_eq!(parse_limit("-1\n"), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(Max (data size|address space|open files))?.{0,200}") {
            parse(&text);
            parse_open_files(&text);
        }
    }
}
