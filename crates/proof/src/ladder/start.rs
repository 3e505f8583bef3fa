//! Making a rung, and becoming the program that is to run on it.

use std::env;
use std::ffi::{CString, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sched::CloneFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{fexecve, getpid};

use super::rungs::Rung;
use super::step::Step;
use super::{group, namespaces};

/// The exit status of `proof rung` where the rung cannot be made here; no program of ours has it.
pub const CANNOT_BE_MADE: u8 = 125;

/// Where a process finds its descriptors by number.
const DESCRIPTORS: &str = "/proc/self/fd/";

/// Makes `rung` in this process, from its step number `from` on, and becomes `program`. Where the
/// rest must be done by another process, runs that, and returns the exit status of the program.
/// `group` is the folder of a control group to be joined first.
///
/// # Errors
/// A step that this machine or user does not allow; a program that cannot be executed.
pub fn run(rung: &Rung, from: usize, group: Option<&Path>, program: &[OsString]) -> Result<u8> {
    // Whoever runs a ladder and is killed takes the rung's processes along.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if let Some(path) = group {
        group::join(path)?;
    }
    let (name, arguments) = program.split_first().context("no program to run")?;
    let mut file = open(name)?;
    let mut environment: Vec<(OsString, OsString)> = env::vars_os().collect();
    let (done, rest) = rung.steps.split_at(from.min(rung.steps.len()));
    inherit(done)?;
    for (at, step) in (from..).zip(rest) {
        match step {
            Step::Group(group) => {
                let made = group.make()?;
                let place = [OsString::from("--group"), made.path().into()];
                return run_in_child(rung, at + 1, &place, &file, arguments);
            }
            Step::NewProcessIds => {
                namespaces::enter_process_ids()?;
                return run_in_child(rung, at + 1, &[], &file, arguments);
            }
            Step::UnreadableProgram => file = unreadable(&file)?,
            step => step.take(&mut environment)?,
        }
    }
    // A change of the user has dropped the bond to the parent's life.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    become_program(&file, name, arguments, &environment)
}

/// Takes over the namespaces that the process before this one has made.
fn inherit(done: &[Step]) -> Result<()> {
    for step in done {
        if let Step::Unshare(flags) = step {
            ensure!(
                getpid().as_raw() == 1,
                "only the first process of a PID namespace goes on with a rung"
            );
            namespaces::inherit(*flags);
        }
    }
    Ok(())
}

/// Goes on in a child, which this process waits for, and which gets the program as a descriptor.
fn run_in_child(
    rung: &Rung,
    from: usize,
    more: &[OsString],
    program: &File,
    arguments: &[OsString],
) -> Result<u8> {
    fcntl(program, FcntlArg::F_SETFD(FdFlag::empty())).context("F_SETFD")?;
    // By its link, which leads to this program even for a user who may not walk its path.
    #[expect(clippy::disallowed_methods, reason = "it goes on with this program")]
    let mut command = Command::new("/proc/self/exe");
    command.args(["rung", rung.name, "--from"]);
    command.arg(from.to_string()).args(more).arg("--");
    command.arg(format!("{DESCRIPTORS}{}", program.as_raw_fd()));
    let status = command
        .args(arguments)
        .status()
        .context("go on in a child")?;
    let signal = || status.signal().map_or(1, |signal| 128 + signal);
    Ok(status.code().unwrap_or_else(signal) as u8)
}

/// Opens the program: at once, because the rung's user may not be able to reach it.
fn open(name: &OsString) -> Result<File> {
    let path = find(name)?;
    let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
    let inherited = path
        .to_str()
        .and_then(|path| path.strip_prefix(DESCRIPTORS));
    if let Some(number) = inherited.and_then(|number| number.parse::<RawFd>().ok()) {
        // Opened anew, it is wanted no more: the program must not find one descriptor more.
        nix::unistd::close(number).context("close the program's descriptor")?;
    }
    Ok(file)
}

/// A copy of the program that others than its owner may only execute. It has no name, and is gone
/// with the last process that runs it.
fn unreadable(mut program: &File) -> Result<File> {
    let copy = memfd_create(c"program", MFdFlags::MFD_CLOEXEC).context("memfd_create")?;
    let mut copy = File::from(copy);
    io::copy(&mut program, &mut copy).context("copy the program")?;
    copy.set_permissions(Permissions::from_mode(0o711))?;
    // What is open for writing cannot be executed.
    let path = format!("{DESCRIPTORS}{}", copy.as_raw_fd());
    File::open(&path).with_context(|| format!("open {path}"))
}

fn become_program(
    file: &File,
    name: &OsString,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
) -> Result<u8> {
    let text = |text: &OsString| CString::new(text.as_bytes());
    let arguments: Result<Vec<CString>, _> =
        [name].into_iter().chain(arguments).map(text).collect();
    let environment = environment.iter().map(|(name, value)| {
        let mut line = name.clone();
        line.push("=");
        line.push(value);
        CString::new(line.into_vec())
    });
    let environment: Result<Vec<CString>, _> = environment.collect();
    fexecve(file, &arguments?, &environment?)
        .with_context(|| format!("execute {}", name.to_string_lossy()))?;
    bail!("execve returned")
}

/// The program's path: as it is where it has a slash, else the first one in PATH.
fn find(name: &OsString) -> Result<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("no {} in PATH", name.to_string_lossy()))
}

/// What must be done by root.
pub(super) fn needs_root(rung: &Rung) -> bool {
    let in_user_namespace = |step: &Step| match step {
        Step::Unshare(flags) => flags.contains(CloneFlags::CLONE_NEWUSER),
        _ => false,
    };
    !rung.steps.iter().any(in_user_namespace) && rung.steps.iter().any(|step| step.needs_root())
}
