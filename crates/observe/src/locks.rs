//! `/proc/locks`: every file lock that the kernel holds (proc_locks(5)).

use crate::{Error, read};

/// One lock or one request that waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// `FLOCK`, `OFDLCK`, `POSIX`, `LEASE`.
    pub kind: String,
    /// Whether it excludes every other: `WRITE` against `READ`.
    pub exclusive: bool,
    /// Process that took it; -1 for a lock that a description owns.
    pub pid: i32,
    /// Inode of the file.
    pub inode: u64,
}

/// Reads the locks on the file with this inode number.
///
/// # Errors
/// That of reading /proc/locks.
pub fn on(inode: u64) -> Result<Vec<Lock>, Error> {
    Ok(parse(&read("/proc/locks")?)
        .into_iter()
        .filter(|lock| lock.inode == inode)
        .collect())
}

/// Parses the file's text: `1: FLOCK  ADVISORY  WRITE 4242 00:2a:1337 0 EOF`. Lines of requests that
/// wait (`1: -> …`) are left out.
pub fn parse(text: &str) -> Vec<Lock> {
    let lock = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let kind = words.next().filter(|kind| *kind != "->")?.to_owned();
        let exclusive = words.nth(1)? == "WRITE";
        let pid = words.next()?.parse().ok()?;
        let inode = words.next()?.rsplit(':').next()?.parse().ok()?;
        Some(Lock {
            kind,
            exclusive,
            pid,
            inode,
        })
    };
    text.lines().filter_map(lock).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "1: FLOCK  ADVISORY  WRITE 4242 00:2a:1337 0 EOF\n\
            1: -> FLOCK  ADVISORY  WRITE 4243 00:2a:1337 0 EOF\n\
            2: OFDLCK ADVISORY  READ -1 fe:00:7 0 EOF\n";
        let locks = parse(text);
        assert_eq!(locks.len(), 2);
        assert_eq!(
            (locks[0].kind.as_str(), locks[0].pid, locks[0].inode),
            ("FLOCK", 4242, 1337)
        );
        assert_eq!((locks[1].exclusive, locks[1].pid), (false, -1));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)([0-9]: )?.{0,200}") {
            parse(&text);
        }
    }
}
