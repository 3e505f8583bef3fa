//! System calls that are answered without being done: a kernel that refuses, or that lies.
//!
//! A filter of seccomp(2) can answer a call in the kernel's place, with an error or with 0. A call
//! that answers 0 and does nothing is a lie, and what is measured after it must show that.

mod commands;
mod equivalents;
mod numbers;

pub use equivalents::equivalents;
pub use numbers::number;

use std::collections::BTreeMap;

use nix::errno::Errno;
use observe::Error;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// A filter that answers some system calls, and lets all others through.
#[derive(Clone, Debug)]
pub struct Filter {
    program: BpfProgram,
}

impl Filter {
    /// A filter by which each of these calls fails with `error`, or answers 0 and does nothing
    /// where there is none. Names are those of strace(1). Of fcntl(2), futex(2), madvise(2) and
    /// epoll_ctl(2) one command alone can be meant: `fcntl(F_SETFL)`. A call that this architecture
    /// does not have is left out.
    ///
    /// # Errors
    /// ENOSYS where none of the calls has a [number] or where a command is unknown, EINVAL for an
    /// architecture without filters.
    pub fn answering(calls: &[&str], error: Option<Errno>) -> Result<Filter, Error> {
        // Without a rule every call with this number is meant.
        let mut rules: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for call in calls {
            let (name, rule) = commands::split(call)?;
            if let Some(number) = number(name) {
                rules.entry(number).or_default().extend(rule);
            }
        }
        if rules.is_empty() {
            return Err(Error::new(calls.join(", "), Errno::ENOSYS));
        }
        let answer = SeccompAction::Errno(error.map_or(0, |errno| errno as u32));
        let invalid = |_| Error::new("a seccomp filter", Errno::EINVAL);
        let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(invalid)?;
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture);
        let program = filter.and_then(BpfProgram::try_from).map_err(invalid)?;
        Ok(Filter { program })
    }

    /// Installs the filter for the calling thread, and for the threads, the children and the
    /// programs that it starts from now on. It cannot be taken away, and none of them can gain
    /// privileges by exec any more (`PR_SET_NO_NEW_PRIVS`).
    ///
    /// It takes no memory, so it can be called between fork and exec.
    ///
    /// # Errors
    /// That of prctl(2) or of seccomp(2): ENOSYS or EPERM under a filter that does not allow
    /// another one.
    pub fn install(&self) -> Result<(), Errno> {
        use seccompiler::Error::{Prctl, Seccomp};
        seccompiler::apply_filter(&self.program).map_err(|error| match error {
            Prctl(error) | Seccomp(error) => {
                error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
            }
            _ => Errno::EINVAL,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_call_has_are_an_error() {
        assert!(Filter::answering(&["flock", "no_such_call"], None).is_ok());
        let error = Filter::answering(&["no_such_call"], None).unwrap_err();
        assert_eq!(
            (error.operation.as_str(), error.errno),
            ("no_such_call", Errno::ENOSYS)
        );
    }

    #[test]
    fn one_command_of_a_call_is_answered_and_no_other() {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        assert!(Filter::answering(&["fcntl(F_NO_SUCH)"], None).is_err());
        assert!(Filter::answering(&["flock(F_SETFL)"], None).is_err());
        let lied_to = std::thread::spawn(|| {
            let (reader, _writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
            let lie = Filter::answering(&["fcntl(F_SETFL)"], None).unwrap();
            lie.install().unwrap();
            fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
            let flags = fcntl(&reader, FcntlArg::F_GETFL).unwrap();
            let descriptor_flags = fcntl(&reader, FcntlArg::F_GETFD).unwrap();
            (flags & libc::O_NONBLOCK, descriptor_flags)
        });
        assert_eq!(lied_to.join().unwrap(), (0, libc::FD_CLOEXEC));
    }

    #[test]
    fn a_call_is_answered_in_this_thread_alone() {
        let parent = || nix::unistd::getppid().as_raw();
        let lied_to = std::thread::spawn(move || {
            Filter::answering(&["getppid"], None)
                .unwrap()
                .install()
                .unwrap();
            parent()
        });
        assert_eq!(lied_to.join().unwrap(), 0);
        assert_ne!(parent(), 0);
    }
}
