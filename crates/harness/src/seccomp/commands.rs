//! Calls that do one thing or another by their command: `fcntl(F_SETFL)`.

use nix::errno::Errno;
use observe::Error;
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// Where a call has its command: the argument's place from 0, and the bits of it that count.
fn argument(call: &str) -> Option<(u8, u64)> {
    let all = u64::from(u32::MAX);
    let options = (libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u64;
    Some(match call {
        "fcntl" | "epoll_ctl" => (1, all),
        "futex" => (1, all & !options),
        "madvise" => (2, all),
        _ => return None,
    })
}

macro_rules! commands {
    ($($name:ident)*) => {
        /// The number of a command.
        fn value(name: &str) -> Option<i64> {
            match name {
                $(stringify!($name) => Some(i64::from(libc::$name)),)*
                _ => new_value(name),
            }
        }
    };
}

commands! {
    EPOLL_CTL_ADD
    EPOLL_CTL_DEL
    EPOLL_CTL_MOD
    FUTEX_WAIT
    FUTEX_WAKE
    F_DUPFD
    F_DUPFD_CLOEXEC
    F_GETFD
    F_GETFL
    F_GETLK
    F_OFD_GETLK
    F_OFD_SETLK
    F_OFD_SETLKW
    F_SETFD
    F_SETFL
    F_SETLK
    F_SETLKW
    MADV_DONTNEED
    MADV_HUGEPAGE
    MADV_NOHUGEPAGE
}

/// The number of a command that libc does not name yet.
fn new_value(name: &str) -> Option<i64> {
    Some(match name {
        "F_DUPFD_QUERY" => 1024 + 3,
        "FUTEX_ROBUST_UNLOCK" => 512 + i64::from(libc::FUTEX_WAKE),
        "MADV_GUARD_INSTALL" => 102,
        _ => return None,
    })
}

/// A call as `fcntl` or `fcntl(F_SETFL)`, in two parts: its name, and what its command has to be.
/// Without a command every call of this name is meant, and there is no rule.
///
/// # Errors
/// ENOSYS for a command that is not on the lists of this module.
pub(super) fn split(call: &str) -> Result<(&str, Option<SeccompRule>), Error> {
    let Some((name, command)) = call.split_once('(') else {
        return Ok((call, None));
    };
    let unknown = || Error::new(call, Errno::ENOSYS);
    let command = command.strip_suffix(')').ok_or_else(unknown)?;
    let (place, bits) = argument(name).ok_or_else(unknown)?;
    let value = value(command).ok_or_else(unknown)? as u64 & bits;
    let is_it = SeccompCmpOp::MaskedEq(bits);
    let condition = SeccompCondition::new(place, SeccompCmpArgLen::Dword, is_it, value);
    let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
    Ok((name, Some(rule.map_err(|_| unknown())?)))
}
