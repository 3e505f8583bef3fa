//! How many descriptors and threads the kernel lets this process have, and how large a stack, asked
//! before the first is needed.

use std::fmt;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use observe::{Error, credentials, sysctl};

/// Makes sure that this process may hold `needed` descriptors. Raises its own soft limit if it
/// must.
///
/// # Errors
/// EMFILE, with the limit that stands in the way.
pub fn room_for_descriptors(needed: u64) -> Result<(), Error> {
    let Some((soft, hard)) = descriptor_limits() else {
        // Nobody says what is allowed. EMFILE will, should it come to that.
        return Ok(());
    };
    if needed > hard {
        let what =
            format!("{needed} descriptors are needed and RLIMIT_NOFILE allows {hard} (ulimit -Hn)");
        return Err(Error::new(what, Errno::EMFILE));
    }
    if needed > soft {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard)
            .map_err(|errno| Error::new("setrlimit RLIMIT_NOFILE", errno))?;
    }
    Ok(())
}

/// Makes sure that the stack of this process's first thread may grow to `needed` bytes.
///
/// # Errors
/// ENOMEM, with the limit that stands in the way.
pub fn room_for_stack(needed: u64) -> Result<(), Error> {
    match getrlimit(Resource::RLIMIT_STACK) {
        Ok((soft, _)) if soft < needed => {
            let (soft, needed) = (soft >> 10, needed >> 10);
            let what = format!(
                "a stack of {needed} KiB is needed and RLIMIT_STACK allows {soft} KiB (ulimit -Hs)"
            );
            Err(Error::new(what, Errno::ENOMEM))
        }
        _ => Ok(()),
    }
}

/// The soft and the hard limit; under a filter on the system call those that /proc shows.
fn descriptor_limits() -> Option<(u64, u64)> {
    let asked = getrlimit(Resource::RLIMIT_NOFILE).ok();
    asked.or_else(|| observe::limits::open_files(std::process::id() as i32).ok())
}

/// A thread takes a mapping for its stack and one for its guard page, and the same for its signal
/// stack.
const MAPPINGS_A_THREAD: u64 = 4;

/// More threads are wanted than a limit allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooManyThreads {
    /// How many it allows.
    pub most: u64,
    /// The limit, and how it is asked for.
    pub limit: &'static str,
}

impl fmt::Display for TooManyThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooManyThreads { most, limit } = self;
        write!(f, "at most {most} threads are allowed here by {limit}")
    }
}

impl std::error::Error for TooManyThreads {}

/// Makes sure that no limit forbids `threads` threads.
///
/// Near these limits a thread is not merely refused: the C library starts it, and mapping its
/// signal stack fails inside it, which aborts the process.
///
/// # Errors
/// The lowest limit and its value.
pub fn room_for_threads(threads: usize) -> Result<(), TooManyThreads> {
    let lowest = [
        process_limit(),
        threads_of_the_system(),
        mappings(),
        addresses(),
    ];
    match lowest.into_iter().flatten().min_by_key(|limit| limit.most) {
        Some(limit) if threads as u64 > limit.most => Err(limit),
        _ => Ok(()),
    }
}

/// RLIMIT_NPROC, unless this process is exempt from it.
fn process_limit() -> Option<TooManyThreads> {
    if credentials::process_limit_binds() == Ok(false) {
        return None;
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    Some(TooManyThreads {
        most: soft,
        limit: "RLIMIT_NPROC (ulimit -u)",
    })
}

fn threads_of_the_system() -> Option<TooManyThreads> {
    Some(TooManyThreads {
        most: sysctl::read(sysctl::THREADS_MAX).ok()?,
        limit: "/proc/sys/kernel/threads-max",
    })
}

fn mappings() -> Option<TooManyThreads> {
    Some(TooManyThreads {
        most: sysctl::read(sysctl::MAX_MAP_COUNT).ok()? / MAPPINGS_A_THREAD,
        limit: "/proc/sys/vm/max_map_count, four mappings a thread",
    })
}

/// Bytes of addresses that a thread of the standard library takes: its stack, and with a margin its
/// guard page and its signal stack.
const ADDRESSES_A_THREAD: u64 = (2 << 20) + (64 << 10);

/// Bytes of addresses of an arena, which glibc's malloc makes for a thread's first allocation, and
/// how many it makes for each CPU at most (`HEAP_MAX_SIZE` and `narenas_limit` in malloc/arena.c).
const ADDRESSES_OF_AN_ARENA: u64 = 64 << 20;
const ARENAS_A_CPU: u64 = 8;

/// RLIMIT_AS, where there is one.
fn addresses() -> Option<TooManyThreads> {
    let (soft, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
    if soft == libc::RLIM_INFINITY {
        return None;
    }
    let status = observe::status::read(std::process::id() as i32).ok()?;
    let room = soft.saturating_sub(status.virtual_kib? << 10);
    let cpus = observe::cpus::online().map_or(1, |cpus| cpus.len());
    Some(TooManyThreads {
        most: threads_in(room, ARENAS_A_CPU * cpus as u64),
        limit: "RLIMIT_AS (ulimit -v), stacks and arenas of malloc",
    })
}

/// How many threads fit in `room` bytes of addresses, where the first `arenas` have an arena each.
fn threads_in(room: u64, arenas: u64) -> u64 {
    let with_arena = room / (ADDRESSES_A_THREAD + ADDRESSES_OF_AN_ARENA);
    if with_arena < arenas {
        return with_arena;
    }
    (room - arenas * ADDRESSES_OF_AN_ARENA) / ADDRESSES_A_THREAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::with_refused_calls;

    #[test]
    fn the_lowest_limit_is_named() {
        assert_eq!(room_for_threads(1), Ok(()));
        let refused = room_for_threads(usize::MAX).unwrap_err();
        assert!(refused.to_string().contains(refused.limit), "{refused}");
        let one_more = room_for_threads(refused.most as usize + 1);
        assert_eq!(one_more, Err(refused));
    }

    #[test]
    fn threads_are_counted_by_their_addresses() {
        let of_one = ADDRESSES_A_THREAD + ADDRESSES_OF_AN_ARENA;
        assert_eq!(threads_in(of_one - 1, 16), 0);
        assert_eq!(threads_in(3 * of_one, 16), 3);
        assert_eq!(threads_in(16 * of_one + 5 * ADDRESSES_A_THREAD, 16), 21);
    }

    #[test]
    fn without_the_system_call_proc_says_the_limit() {
        let limits = getrlimit(Resource::RLIMIT_NOFILE).ok();
        for errno in [Errno::EPERM, Errno::ENOSYS] {
            with_refused_calls((libc::SYS_prlimit64, Vec::new()), errno, move || {
                assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Err(errno), "the filter");
                assert_eq!(descriptor_limits(), limits);
                assert_eq!(room_for_descriptors(0), Ok(()));
                let refused = room_for_descriptors(u64::MAX).map_err(|e| e.errno);
                let (soft, hard) = limits.unwrap();
                if hard < u64::MAX {
                    assert_eq!(refused, Err(Errno::EMFILE));
                } else if soft < hard {
                    assert_eq!(refused, Err(errno));
                }
            });
        }
    }

    #[test]
    fn more_descriptors_than_the_hard_limit_are_refused() {
        assert_eq!(room_for_descriptors(0), Ok(()));
        let refused = room_for_descriptors(u64::MAX).unwrap_err();
        assert_eq!(refused.errno, Errno::EMFILE);
    }
}
