//! A flag of an open file description as a mark: what one process sets, another sees if they share
//! the description. For kernels that have no kcmp(2).

use std::os::fd::AsFd;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Flips O_APPEND, which means nothing to a socket, at the description behind `fd`.
///
/// # Errors
/// That of fcntl(2); F_SETFL answers and does nothing.
pub(super) fn flip(fd: &impl AsFd) -> Result<()> {
    let before = flags(fd)?;
    let wanted = before ^ OFlag::O_APPEND;
    fcntl(fd, FcntlArg::F_SETFL(wanted)).context("fcntl F_SETFL")?;
    let flipped = is_set(fd)? == wanted.contains(OFlag::O_APPEND);
    ensure!(flipped, "fcntl F_SETFL answered, and flipped no flag");
    Ok(())
}

/// Whether O_APPEND is set at the description behind `fd`.
///
/// # Errors
/// That of fcntl(2).
pub(super) fn is_set(fd: &impl AsFd) -> Result<bool> {
    Ok(flags(fd)?.contains(OFlag::O_APPEND))
}

fn flags(fd: &impl AsFd) -> Result<OFlag> {
    let flags = fcntl(fd, FcntlArg::F_GETFL).context("fcntl F_GETFL")?;
    Ok(OFlag::from_bits_retain(flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_duplicate_sees_it_and_another_socket_does_not() {
        let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, other) = (socket(), socket());
        let duplicate = one.try_clone().unwrap();
        flip(&one).unwrap();
        let seen = [&one, &duplicate, &other].map(|fd| is_set(fd).unwrap());
        assert_eq!(seen, [true, true, false]);
        flip(&duplicate).unwrap();
        assert!(!is_set(&one).unwrap());
    }
}
