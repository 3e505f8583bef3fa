//! One step from an ordinary process down to a rung.

use std::ffi::OsString;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::resource::Resource;
use nix::unistd::Pid;
use rustix::thread::CapabilitySet;

use super::group::Group;
use super::{limits, mounts, namespaces, refusal, user};

/// What is taken from a process, in the order of a rung's list.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The user and group with this number, without other groups; of the capabilities only these,
    /// which its programs keep (capabilities(7), ambient).
    User(u32, CapabilitySet),
    /// `no_new_privs` (prctl(2)).
    NoNewPrivileges,
    /// These system calls, by number, fail with this error number.
    Refuse(&'static [i64], Errno),
    /// socket(2) of this address family fails with EAFNOSUPPORT, as where the kernel lacks it.
    RefuseFamily(i32),
    /// Namespaces of its own (unshare(2)); with a user namespace it is root in it.
    Unshare(CloneFlags),
    /// The rest is done by the first process of a PID namespace.
    NewProcessIds,
    /// Raises the loopback of a network namespace of its own.
    LoopbackUp,
    /// Writes a setting below /proc/sys/net of a network namespace of its own.
    Setting(&'static str, &'static str),
    /// Mounts /proc with these options.
    MountProc(&'static str),
    /// Lays an empty file over a file.
    HideFile(&'static str),
    /// Lays an empty folder that cannot be written over a folder.
    HideFolder(&'static str),
    /// Takes a mount away.
    Unmount(&'static str),
    /// Lays a file system that is full over the folder TMPDIR.
    FullTemporaryFolder,
    /// Lays one that cannot be written over the folder TMPDIR.
    ReadOnlyTemporaryFolder,
    /// The program may be executed and not read by anybody but root.
    UnreadableProgram,
    /// Sets a variable of the environment.
    Variable(&'static str, &'static str),
    /// Sets a limit (setrlimit(2)), both the soft and the hard one.
    Limit(Resource, u64),
    /// The rest is done in a control group with this setting.
    Group(Group),
    /// Bound to one processor.
    OneProcessor,
    /// The niceness (nice(2)).
    Nice(i32),
    /// Every signal is ignored that can be.
    IgnoreSignals,
    /// SIGCHLD alone is ignored: its children are reaped by nobody, and waited for in vain.
    IgnoreChildSignal,
    /// Every signal is blocked that can be.
    BlockSignals,
    /// A standard stream is closed.
    Close(i32),
}

impl Step {
    /// Whether only root may do it.
    pub fn needs_root(self) -> bool {
        match self {
            Step::Unshare(flags) => !flags.contains(CloneFlags::CLONE_NEWUSER),
            Step::User(..) | Step::Group(_) => true,
            _ => false,
        }
    }

    /// Does it in this process. `environment` is that of the program to come.
    ///
    /// # Errors
    /// What this machine or user does not allow, with the call.
    pub fn take(self, environment: &mut Vec<(OsString, OsString)>) -> Result<()> {
        match self {
            Step::User(id, capabilities) => user::become_user(id, capabilities),
            Step::NoNewPrivileges => prctl::set_no_new_privs().context("PR_SET_NO_NEW_PRIVS"),
            Step::Refuse(calls, errno) => refusal::refuse(calls, errno),
            Step::RefuseFamily(family) => refusal::refuse_family(family),
            Step::Unshare(flags) => namespaces::enter(flags),
            Step::LoopbackUp => namespaces::raise_loopback(),
            Step::Setting(name, value) => namespaces::set(name, value),
            Step::MountProc(options) => mounts::mount_proc(options),
            Step::HideFile(path) => mounts::hide_file(path),
            Step::HideFolder(path) => mounts::hide_folder(path),
            Step::Unmount(path) => mounts::unmount(path),
            Step::FullTemporaryFolder => mounts::fill_temporary_folder(),
            Step::ReadOnlyTemporaryFolder => mounts::hide_folder(std::env::temp_dir()),
            Step::Variable(name, value) => {
                environment.retain(|(known, _)| known != name);
                environment.push((name.into(), value.into()));
                Ok(())
            }
            Step::Limit(resource, value) => limits::limit(resource, value),
            Step::OneProcessor => bind_to_one_processor(),
            Step::Nice(niceness) => limits::set_niceness(niceness),
            Step::IgnoreSignals => limits::ignore_signals(1..=64),
            Step::IgnoreChildSignal => limits::ignore_signals(libc::SIGCHLD..=libc::SIGCHLD),
            Step::BlockSignals => limits::block_signals(),
            Step::Close(descriptor) => limits::close(descriptor),
            Step::NewProcessIds | Step::Group(_) | Step::UnreadableProgram => {
                anyhow::bail!("{self:?} is done where the program is started")
            }
        }
    }
}

/// Binds this process to the first of the processors that it may use.
fn bind_to_one_processor() -> Result<()> {
    let own = Pid::from_raw(0);
    let allowed = sched_getaffinity(own).context("sched_getaffinity")?;
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu) == Ok(true));
    let mut one = CpuSet::new();
    one.set(first.context("no processor is allowed")?)?;
    sched_setaffinity(own, &one).context("sched_setaffinity")
}
