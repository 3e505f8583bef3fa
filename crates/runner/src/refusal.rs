//! Error numbers that mean "not here" rather than "broken", and what a person can do about each.

use claim::NotMeasured;
use nix::errno::Errno;

/// Turns an error whose root is a refusal (a missing privilege, a filter, a full table) into
/// [`NotMeasured`]; any other stays what it is.
pub(crate) fn explained(error: anyhow::Error) -> anyhow::Error {
    if error.chain().any(|cause| cause.is::<NotMeasured>()) {
        return error;
    }
    let why = claim::told(&error);
    match errno(&error).and_then(|errno| enable(errno, &why)) {
        Some(enable) => NotMeasured::new(why, enable).into(),
        None => error,
    }
}

fn errno(error: &anyhow::Error) -> Option<Errno> {
    error.chain().find_map(|cause| {
        let io = |e: &std::io::Error| e.raw_os_error().map(Errno::from_raw);
        cause
            .downcast_ref::<Errno>()
            .copied()
            .or_else(|| cause.downcast_ref().and_then(io))
    })
}

/// What a refused operation needs, by words of its name and by error numbers; the first row that fits
/// counts. Rows without words fit every operation.
const REMEDIES: &[(&[&str], &[Errno], &str)] = &[
    (
        &["unshare"],
        &[
            Errno::EPERM,
            Errno::EACCES,
            Errno::ENOSPC,
            Errno::EUSERS,
            Errno::ENOSYS,
            Errno::EINVAL,
        ],
        "run it as root, or allow user namespaces (user.max_user_namespaces, user.max_net_namespaces \
         above 0, no filter on unshare)",
    ),
    (
        &["open a file in", "create ", "scratch file"],
        &[
            Errno::EACCES,
            Errno::EPERM,
            Errno::EROFS,
            Errno::ENOENT,
            Errno::ENOTDIR,
            Errno::ENOSPC,
            Errno::EDQUOT,
        ],
        "set TMPDIR to a directory that exists, has space and may be written",
    ),
    (
        &["exec sh"],
        &[Errno::ENOENT, Errno::EACCES],
        "install a shell called sh where PATH finds it",
    ),
    (
        &["sock_diag"],
        &[Errno::ENOENT],
        "load the kernel's module for it (modprobe tcp_diag), or use a kernel with CONFIG_INET_DIAG",
    ),
    (
        &["connect"],
        &[Errno::ENETUNREACH],
        "bring the loopback interface up: ip link set lo up",
    ),
    // From fork and thread creation alone EAGAIN is a limit; elsewhere it is an answer.
    (
        &["fork:", "spawn a thread"],
        &[Errno::EAGAIN, Errno::ENOMEM],
        "raise the limit on processes (ulimit -u, or pids.max of the control group)",
    ),
    (
        &["kcmp", "pidfd_getfd", "fdinfo", "pagemap", "/proc/"],
        &[Errno::EPERM, Errno::EACCES],
        "run it as root and outside of a seccomp filter (in a container: --cap-add SYS_PTRACE \
         --security-opt seccomp=unconfined)",
    ),
    (
        &[],
        &[Errno::EPERM, Errno::EACCES],
        "run it as root and outside of a seccomp filter (in a container: --privileged)",
    ),
    (
        &[],
        &[Errno::ENOSYS, Errno::EOPNOTSUPP],
        "use a kernel that has the call (Linux 5.10 or later; kcmp wants CONFIG_KCMP) and no seccomp \
         filter that hides it",
    ),
    (
        &[],
        &[Errno::EMFILE],
        "raise the limit on open files, for instance: ulimit -n 1024",
    ),
    (
        &[],
        &[Errno::ENFILE],
        "the system's file table is full: close programs or raise fs.file-max",
    ),
    (
        &[],
        &[Errno::ENOMEM],
        "free memory, or raise the limit of the control group",
    ),
    (
        &[],
        &[Errno::ENOSPC, Errno::EDQUOT],
        "free space or raise the quota of what is named above",
    ),
];

fn enable(errno: Errno, why: &str) -> Option<&'static str> {
    let fits = |words: &[&str]| words.is_empty() || words.iter().any(|word| why.contains(word));
    let remedy = REMEDIES
        .iter()
        .find(|(words, errnos, _)| errnos.contains(&errno) && fits(words));
    remedy.map(|(_, _, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_refusal_anywhere_in_the_chain_is_not_measured() {
        let refused = observe::Error::new("kcmp 1 fd 3 against 2 fd 3", Errno::ENOSYS);
        let error = explained(anyhow::Error::new(refused).context("comparing"));
        let NotMeasured { why, enable } = error.downcast_ref().expect("not measured");
        assert!(why.contains("kcmp 1 fd 3 against 2 fd 3: ENOSYS"), "{why}");
        assert!(enable.contains("CONFIG_KCMP"));
    }

    #[test]
    fn an_answer_is_not_a_refusal() {
        let error = Err::<(), _>(Errno::EAGAIN)
            .context("flock")
            .expect_err("error");
        assert!(explained(error).downcast_ref::<NotMeasured>().is_none());
        let error = Err::<(), _>(Errno::EAGAIN)
            .context("child reader: fork: EAGAIN")
            .expect_err("error");
        assert!(explained(error).downcast_ref::<NotMeasured>().is_some());
    }

    #[test]
    fn the_remedy_belongs_to_the_operation() {
        let remedy = |operation: &'static str, errno: Errno| {
            let error = Err::<(), _>(errno).context(operation).expect_err("error");
            explained(error)
                .downcast_ref::<NotMeasured>()
                .map(|not| not.enable.clone())
        };
        let told = |operation, errno| remedy(operation, errno).unwrap_or_default();
        assert!(told("unshare CLONE_NEWUSER | CLONE_NEWNET", Errno::ENOSPC).contains("namespaces"));
        assert!(told("open a file in /nowhere", Errno::ENOENT).contains("TMPDIR"));
        assert!(told("spawn a thread", Errno::EAGAIN).contains("ulimit -u"));
        assert!(told("kcmp 1 fd 3 against 2 fd 3", Errno::EPERM).contains("SYS_PTRACE"));
        assert!(told("sock_diag dump", Errno::ENOENT).contains("modprobe tcp_diag"));
        assert!(told("connect to 127.0.0.1:80", Errno::ENETUNREACH).contains("lo up"));
        assert!(told("exec sh", Errno::ENOENT).contains("shell"));
        assert_eq!(remedy("read /proc/2/fdinfo/3", Errno::ENOENT), None);
    }
}
