//! Whether a process may exceed limits that bind others: its user, capabilities and user namespace
//! (credentials(7), capabilities(7), user_namespaces(7)).

use std::os::unix::fs::MetadataExt;

use crate::{Error, file_error, status};

/// Bits of CapEff (linux/capability.h).
const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// The inode of the initial user namespace: PROC_USER_INIT_INO of linux/proc_ns.h.
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Whether RLIMIT_NPROC binds this process: it binds neither the user 0 nor a process with
/// CAP_SYS_RESOURCE or CAP_SYS_ADMIN (getrlimit(2)), and the kernel asks for all three in the
/// initial user namespace (copy_process in kernel/fork.c), so that root of a container with its own
/// users is bound.
///
/// # Errors
/// That of reading /proc/self.
pub fn process_limit_binds() -> Result<bool, Error> {
    let path = "/proc/self/ns/user";
    let namespace = match std::fs::metadata(path) {
        Ok(metadata) => metadata.ino(),
        // A kernel without user namespaces has one, the initial.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => INITIAL_USER_NAMESPACE,
        Err(e) => return Err(file_error("stat", path.as_ref(), &e)),
    };
    let capabilities = status::read(std::process::id() as i32)?.effective_capabilities;
    let user = nix::unistd::getuid().as_raw();
    Ok(limit_binds(namespace, user, capabilities))
}

fn limit_binds(namespace: u64, user: u32, capabilities: u64) -> bool {
    let exempt = user == 0 || capabilities & (CAP_SYS_ADMIN | CAP_SYS_RESOURCE) != 0;
    namespace != INITIAL_USER_NAMESPACE || !exempt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_two_capabilities_are_exempt_in_the_initial_namespace() {
        let all = u64::MAX;
        for (namespace, user, capabilities, binds) in [
            (INITIAL_USER_NAMESPACE, 0, 0, false),
            (INITIAL_USER_NAMESPACE, 1000, CAP_SYS_RESOURCE, false),
            (INITIAL_USER_NAMESPACE, 1000, CAP_SYS_ADMIN, false),
            (INITIAL_USER_NAMESPACE, 1000, 0, true),
            (INITIAL_USER_NAMESPACE, 1000, 1, true),
            (INITIAL_USER_NAMESPACE - 1, 0, all, true),
        ] {
            let answer = limit_binds(namespace, user, capabilities);
            assert_eq!(answer, binds, "{namespace:#x} {user} {capabilities:#x}");
        }
        assert!(process_limit_binds().is_ok());
    }
}
