//! Error numbers that mean "not here" rather than "broken", and what a person can do about each.

use claim::{NotMeasured, Verdict, error_chain};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// Why there are no readings, in a form that passes from the child to the parent. It is no verdict:
/// the parent finds that by [`Failure::verdict`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// The measurement itself says that it cannot be made here, and what would allow it.
    NotMeasured(NotMeasured),
    /// Something failed.
    Failed {
        /// The error's chain of messages.
        why: String,
        /// The error number at its root, if there is one.
        errno: Option<i32>,
    },
}

impl Failure {
    /// Not measured where a refusal is the cause (a missing privilege, a filter, a full table), a
    /// broken set-up otherwise.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Failure::NotMeasured(NotMeasured { why, enable }) => {
                Verdict::NotMeasured { why, enable }
            }
            Failure::Failed { why, errno } => {
                let errno = errno.map(Errno::from_raw);
                match errno.and_then(|errno| enable(errno, &why)) {
                    Some(enable) => Verdict::NotMeasured {
                        why,
                        enable: enable.to_owned(),
                    },
                    None => Verdict::Error(why),
                }
            }
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut causes = error.chain();
        if let Some(not_measured) = causes.find_map(|cause| cause.downcast_ref::<NotMeasured>()) {
            return Failure::NotMeasured(not_measured.clone());
        }
        Failure::Failed {
            why: error_chain(&error),
            errno: errno(&error).map(|errno| errno as i32),
        }
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

/// What a refused operation needs, by words of its name and by error numbers; the first row that
/// fits counts. Rows without words fit every operation.
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
        "run it as root, or allow user namespaces (user.max_user_namespaces, \
         user.max_net_namespaces above 0, no filter on unshare)",
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
        "load the kernel's module for it (modprobe tcp_diag), or use a kernel with \
         CONFIG_INET_DIAG",
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
        "use a kernel that has the call (Linux 5.10 or later; kcmp wants CONFIG_KCMP) and no \
         seccomp filter that hides it",
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
    (
        &[],
        &[Errno::EFBIG],
        "raise the limit on the size of files, for instance: ulimit -f unlimited",
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
    use anyhow::{Context, Error};

    fn failed(operation: &'static str, errno: Errno) -> Error {
        Err::<(), _>(errno).context(operation).expect_err("error")
    }

    /// What enables `operation` after it failed with `errno`; none where that is no refusal.
    fn remedy(operation: &'static str, errno: Errno) -> Option<String> {
        match Failure::from(failed(operation, errno)).verdict() {
            Verdict::NotMeasured { enable, .. } => Some(enable),
            _ => None,
        }
    }

    #[test]
    fn a_refusal_anywhere_in_the_chain_is_not_measured() {
        let refused = observe::Error::new("kcmp 1 fd 3 against 2 fd 3", Errno::ENOSYS);
        let error = Error::new(refused).context("comparing");
        let verdict = Failure::from(error).verdict();
        let Verdict::NotMeasured { why, enable } = verdict else {
            panic!("{verdict:?}");
        };
        assert!(why.contains("kcmp 1 fd 3 against 2 fd 3: ENOSYS"), "{why}");
        assert!(enable.contains("CONFIG_KCMP"));
    }

    #[test]
    fn what_a_measurement_says_of_itself_stands() {
        let error = Error::new(NotMeasured::new("one CPU", "allow two")).context("racing");
        let (why, enable) = ("one CPU".to_owned(), "allow two".to_owned());
        let expected = Verdict::NotMeasured { why, enable };
        assert_eq!(Failure::from(error).verdict(), expected);
    }

    #[test]
    fn an_answer_is_not_a_refusal() {
        assert_eq!(remedy("flock", Errno::EAGAIN), None);
        assert!(remedy("child reader: fork: EAGAIN", Errno::EAGAIN).is_some());
    }

    #[test]
    fn the_remedy_belongs_to_the_operation() {
        for (operation, errno, names) in [
            (
                "unshare CLONE_NEWUSER | CLONE_NEWNET",
                Errno::ENOSPC,
                "namespaces",
            ),
            ("open a file in /nowhere", Errno::ENOENT, "TMPDIR"),
            ("spawn a thread", Errno::EAGAIN, "ulimit -u"),
            ("kcmp 1 fd 3 against 2 fd 3", Errno::EPERM, "SYS_PTRACE"),
            ("sock_diag dump", Errno::ENOENT, "modprobe tcp_diag"),
            ("connect to 127.0.0.1:80", Errno::ENETUNREACH, "lo up"),
            ("exec sh", Errno::ENOENT, "shell"),
            ("write to a scratch file", Errno::EFBIG, "ulimit -f"),
        ] {
            let remedy = remedy(operation, errno).unwrap_or_default();
            assert!(remedy.contains(names), "{operation}: {remedy}");
        }
        assert_eq!(remedy("read /proc/2/fdinfo/3", Errno::ENOENT), None);
    }
}
