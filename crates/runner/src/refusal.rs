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

fn enable(errno: Errno, why: &str) -> Option<&'static str> {
    Some(match errno {
        Errno::EPERM | Errno::EACCES => {
            "run it as root and outside of a seccomp filter (in a container: --cap-add SYS_PTRACE \
             --security-opt seccomp=unconfined)"
        }
        Errno::ENOSYS | Errno::EOPNOTSUPP => {
            "use a kernel that has the call (Linux 5.10 or later, CONFIG_KCMP) and no seccomp filter \
             that hides it"
        }
        Errno::EMFILE => "raise the limit on open files, for instance: ulimit -n 1024",
        Errno::ENFILE => "the system's file table is full: close programs or raise fs.file-max",
        Errno::ENOMEM => "free memory, or raise the limit of the control group",
        Errno::ENOSPC | Errno::EDQUOT => "free space in the directory that TMPDIR names",
        // From fork alone EAGAIN is a limit; elsewhere it is an answer.
        Errno::EAGAIN if why.contains("fork: EAGAIN") => {
            "raise the limit on processes (ulimit -u, or pids.max of the control group)"
        }
        _ => return None,
    })
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
}
