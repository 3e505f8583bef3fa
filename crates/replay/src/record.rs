//! Recording a program's allocations: valgrind runs it, and valgrind's log becomes a plain trace.
#![expect(
    unsafe_code,
    reason = "the descriptor for valgrind's log is prepared between fork and exec; a signal handler"
)]

use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, ErrorKind, PipeReader, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};

use harness::inherited;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{AccessFlags, access};

use super::Error;
use crate::trace::{Fault, Format, PARTIAL, Reader, Summary};

/// A program that runs under valgrind.
pub struct Recording {
    child: Child,
    log: PipeReader,
}

/// How a recording ended.
pub struct RecordingOutcome {
    /// How the program ended: valgrind exits with the program's status.
    pub status: ExitStatus,
    /// What was recorded.
    pub summary: Summary,
}

impl Recording {
    /// Starts `program` with `arguments`. Its standard output becomes standard error: standard
    /// output is for the trace. It dies with this process.
    ///
    /// # Errors
    /// [`Error::NoProgram`]; [`Error::NoValgrind`]; [`Error::Call`] where a pipe or the process is
    /// refused.
    pub fn start(program: &OsStr, arguments: &[OsString]) -> Result<Recording, Error> {
        ensure_executable("valgrind".as_ref()).map_err(|_| Error::NoValgrind)?;
        ensure_executable(program).map_err(|source| Error::NoProgram {
            program: program.to_owned(),
            source,
        })?;
        let (log, log_end) = io::pipe().map_err(Error::call("pipe for valgrind's log"))?;
        let log_end = OwnedFd::from(log_end);
        #[expect(clippy::disallowed_methods, reason = "it is handed on, not written to")]
        let stdout = nix::unistd::dup(io::stderr()).map_err(io::Error::from);
        let stdout = stdout.map_err(Error::call("dup of standard error"))?;
        let mut command = valgrind(log_end.as_raw_fd());
        command.arg("--").arg(program).args(arguments);
        command.stdout(Stdio::from(stdout));
        // `log_end` is open in this process until spawn has returned.
        let spawned = command.spawn();
        drop(log_end);
        match spawned {
            Ok(child) => Ok(Recording { child, log }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoValgrind),
            Err(error) => Err(Error::call("start valgrind")(error)),
        }
    }

    /// Writes the plain trace to `output` while the program runs, until it ends. SIGINT, SIGTERM
    /// and SIGHUP go to the program; what it did until it died of one, or of any other, is kept,
    /// and marked as partial.
    ///
    /// # Errors
    /// [`Error::Recording`] where `output` cannot be written or a line of valgrind's is not
    /// understood: the program is ended then. [`Error::Call`] where a system call is refused.
    pub fn write(mut self, output: &mut impl Write) -> Result<RecordingOutcome, Error> {
        let forwarding = Forwarding::start(&self.child)?;
        let result = copy(&self.log, output);
        // A signal that comes now may end this process: the trace is written, and the program dies
        // with it.
        let forwarded = forwarding.end();
        if result.is_err() {
            // Already ended, perhaps; it is reaped in any case.
            let _ = self.child.kill();
        }
        let status = self
            .child
            .wait()
            .map_err(Error::call("wait for valgrind"))?;
        let mut summary = result.map_err(|error| Error::Recording {
            valgrind: status,
            source: Box::new(error),
        })?;
        if let Some(number) = status.signal() {
            // valgrind may die of another signal than the one that was passed on: the user's
            // counts.
            let signal = forwarded.or(Signal::try_from(number).ok());
            let name = signal.map_or(format!("signal {number}"), |signal| signal.to_string());
            summary.partial = Some(format!("the program was ended by {name}"));
        }
        if let Some(why) = &summary.partial {
            writeln!(output, "{PARTIAL}{why}").map_err(Error::call(WRITE_TRACE))?;
            output.flush().map_err(Error::call(WRITE_TRACE))?;
        }
        Ok(RecordingOutcome { status, summary })
    }
}

/// Makes sure that a shell would find and execute `program` (execvp in exec(3)): valgrind says that
/// there is none in a sentence in which the name stands raw.
fn ensure_executable(program: &OsStr) -> Result<(), Errno> {
    let is_path = program.as_bytes().contains(&b'/');
    let folders = std::env::var_os("PATH").filter(|_| !is_path);
    let folders = folders.iter().flat_map(std::env::split_paths);
    let mut files: Vec<PathBuf> = folders.map(|folder| folder.join(program)).collect();
    if files.is_empty() {
        files.push(program.into());
    }
    let mut answer = Err(Errno::ENOENT);
    for file in files {
        match access(&file, AccessFlags::X_OK) {
            Ok(()) => return Ok(()),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => answer = Err(errno),
        }
    }
    answer
}

const WRITE_TRACE: &str = "write the trace";

/// valgrind with the options that make it log allocations to the descriptor `log`, which the
/// program inherits.
#[expect(
    clippy::disallowed_methods,
    reason = "record is the tool that starts a program"
)]
fn valgrind(log: RawFd) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args([
            "--tool=memcheck",
            "--leak-check=no",
            "--undef-value-errors=no",
            "--trace-malloc=yes",
            "--run-libc-freeres=no",
            "--child-silent-after-fork=yes",
            // Its pipes for a debugger would be left behind by a program that is killed.
            "--vgdb=no",
        ])
        .arg(format!("--log-fd={log}"));
    // SAFETY: between fork and exec only async-signal-safe calls are made, prctl and fcntl, and
    // nothing is allocated. A number that is no open descriptor there would be refused with EBADF.
    unsafe {
        inherited::restore_in(&mut command).pre_exec(move || {
            Errno::result(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM))?;
            // Every other descriptor is close-on-exec; the log must stay open.
            Errno::result(libc::fcntl(log, libc::F_SETFD, 0))?;
            Ok(())
        });
    }
    command
}

fn copy(log: &PipeReader, output: &mut impl Write) -> Result<Summary, Error> {
    let mut reader = Reader::new(BufReader::new(log), Some(Format::Valgrind));
    let legend = "# a ID SIZE: allocate; r ID SIZE: reallocate; f ID: free";
    writeln!(output, "{legend}").map_err(Error::call(WRITE_TRACE))?;
    loop {
        match reader.next_op() {
            Ok(Some(op)) => writeln!(output, "{op}").map_err(Error::call(WRITE_TRACE))?,
            Ok(None) => break,
            // A program that allocates nothing leaves a whole, if empty, trace.
            Err(error) if matches!(error.fault, Fault::Empty | Fault::NoAllocation { .. }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    output.flush().map_err(Error::call(WRITE_TRACE))?;
    Ok(reader.summary().clone())
}

/// Process id of the program that signals go to; 0 while there is none.
static PROGRAM: AtomicI32 = AtomicI32::new(0);
/// The signal that was forwarded last; 0 while none was.
static FORWARDED: AtomicI32 = AtomicI32::new(0);

const ENDING_SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// While it lives, signals that would end this process go to the program instead.
struct Forwarding {
    /// The actions that were there before.
    before: Vec<(Signal, SigAction)>,
}

impl Forwarding {
    fn start(program: &Child) -> Result<Forwarding, Error> {
        FORWARDED.store(0, Ordering::SeqCst);
        PROGRAM.store(program.id() as i32, Ordering::SeqCst);
        let mut forwarding = Forwarding { before: Vec::new() };
        for signal in ENDING_SIGNALS {
            // A second signal ends this process: a program may refuse the first.
            let flags = SaFlags::SA_RESTART | SaFlags::SA_RESETHAND;
            let action = SigAction::new(SigHandler::Handler(forward), flags, SigSet::empty());
            // SAFETY: the handler makes one async-signal-safe call and touches only atomics and
            // errno.
            let before = unsafe { sigaction(signal, &action) }.map_err(io::Error::from);
            let before = before.map_err(Error::call("sigaction"))?;
            if matches!(before.handler(), SigHandler::SigIgn) {
                // Ignored from the start, as under nohup(1): the program ignores it, too.
                // SAFETY: the action that was there before.
                let _ = unsafe { sigaction(signal, &before) };
                continue;
            }
            forwarding.before.push((signal, before));
        }
        Ok(forwarding)
    }

    /// Stops forwarding; the signal that was forwarded last, if one was.
    fn end(self) -> Option<Signal> {
        drop(self);
        Signal::try_from(FORWARDED.load(Ordering::SeqCst)).ok()
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: the action that was there before; sigaction accepted this signal already.
            let _ = unsafe { sigaction(*signal, before) };
        }
        PROGRAM.store(0, Ordering::SeqCst);
    }
}

extern "C" fn forward(signal: libc::c_int) {
    let errno = Errno::last_raw();
    FORWARDED.store(signal, Ordering::SeqCst);
    let program = PROGRAM.load(Ordering::SeqCst);
    if program > 0 {
        // SAFETY: kill is async-signal-safe; the program is not reaped while its number stands
        // here.
        unsafe { libc::kill(program, signal) };
    }
    Errno::set_raw(errno);
}
