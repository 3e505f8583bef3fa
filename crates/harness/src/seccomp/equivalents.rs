//! System calls that do the same: which one a program makes depends on the C library and on the
//! architecture.

/// Families of calls; each is known to strace(1) under all its names, on one architecture or
/// another.
const FAMILIES: &[&[&str]] = &[
    &["accept", "accept4"],
    &["access", "faccessat", "faccessat2"],
    &["chmod", "fchmodat"],
    &["clone", "clone3", "fork", "vfork"],
    &["dup2", "dup3"],
    &["epoll_create", "epoll_create1"],
    &["epoll_wait", "epoll_pwait", "epoll_pwait2"],
    &["eventfd", "eventfd2"],
    &["getrlimit", "setrlimit", "prlimit64"],
    &["inotify_init", "inotify_init1"],
    &["link", "linkat"],
    &["mkdir", "mkdirat"],
    &["open", "openat", "creat"],
    &["pipe", "pipe2"],
    &["poll", "ppoll"],
    &["readlink", "readlinkat"],
    &["rename", "renameat", "renameat2"],
    &["select", "pselect6"],
    &["signalfd", "signalfd4"],
    &["stat", "newfstatat", "fstatat64", "statx"],
    &["unlink", "rmdir", "unlinkat"],
];

/// The names under which a call may stand in a trace, its own among them.
pub fn equivalents(name: &str) -> Vec<&str> {
    let mut families = FAMILIES.iter();
    match families.find(|family| family.contains(&name)) {
        Some(family) => family.to_vec(),
        None => vec![name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_among_its_equivalents() {
        assert_eq!(equivalents("kcmp"), ["kcmp"]);
        assert!(equivalents("fork").contains(&"clone3"));
        assert_eq!(equivalents("dup"), ["dup"]);
    }
}
