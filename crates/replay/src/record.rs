//! Recording a program's allocations: valgrind runs it, and what it says becomes a plain trace.
#![expect(
    unsafe_code,
    reason = "the descriptor for valgrind's log is prepared between fork and exec; a signal handler"
)]

use std::ffi::OsString;
use std::io::{BufReader, PipeReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::trace::{Format, PARTIAL, Reader, Summary};

/// A program that runs under valgrind.
pub struct Recording {
    child: Child,
    log: PipeReader,
}

/// How a recording ended.
pub struct Recorded {
    /// How the program ended; valgrind passes its status on.
    pub status: ExitStatus,
    /// What was recorded.
    pub summary: Summary,
}

impl Recording {
    /// Starts `program` with `arguments`. What it writes to standard output goes to standard error: standard output is for
    /// the trace. It dies with this process.
    ///
    /// # Errors
    /// valgrind is not installed, or cannot be started.
    pub fn start(program: &OsString, arguments: &[OsString]) -> Result<Recording> {
        let (log, theirs) = std::io::pipe().context("pipe for valgrind's log")?;
        let theirs = OwnedFd::from(theirs);
        let number = theirs.as_raw_fd();
        let stdout: OwnedFd =
            nix::unistd::dup(std::io::stderr()).context("dup of standard error")?;
        let mut command = Command::new("valgrind");
        command
            .args([
                "--tool=memcheck",
                "--leak-check=no",
                "--undef-value-errors=no",
            ])
            .args([
                "--trace-malloc=yes",
                "--run-libc-freeres=no",
                "--child-silent-after-fork=yes",
                // Its pipes for a debugger would be left in the temporary directory by a program that is killed.
                "--vgdb=no",
            ])
            .arg(format!("--log-fd={number}"))
            .arg("--")
            .arg(program)
            .args(arguments)
            .stdout(Stdio::from(stdout));
        // SAFETY: between fork and exec only async-signal-safe calls are made: prctl and fcntl. The
        // descriptor is open in the parent until spawn has returned.
        unsafe {
            command.pre_exec(move || {
                Errno::result(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM))?;
                // Everything else is close-on-exec; the log must stay.
                Errno::result(libc::fcntl(number, libc::F_SETFD, 0))?;
                Ok(())
            });
        }
        match command.spawn() {
            Ok(child) => Ok(Recording { child, log }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "valgrind is not installed (Debian and Ubuntu: apt-get install valgrind; Fedora: dnf \
                 install valgrind)"
            ),
            Err(error) => Err(error).context("start valgrind"),
        }
    }

    /// Writes the plain trace to `output` while the program runs, until it ends. SIGINT, SIGTERM and
    /// SIGHUP go to the program; what it did until it died of one, or of any other, is kept, and marked as
    /// partial.
    ///
    /// # Errors
    /// `output` cannot be written; a line of valgrind's is not understood. The program is ended then.
    pub fn write(mut self, output: &mut impl Write) -> Result<Recorded> {
        let forwarding = Forwarding::to(&self.child)?;
        let result = copy(&self.log, output);
        // What comes now may end this process: the trace is written, and the program dies with it.
        let interrupted = forwarding.end();
        if result.is_err() {
            // Already ended, perhaps; it is reaped in any case.
            let _ = self.child.kill();
        }
        let status = self.child.wait().context("wait for valgrind")?;
        let mut summary = result.with_context(|| format!("recording (valgrind: {status})"))?;
        if let Some(number) = status.signal() {
            // valgrind may die of another signal than the one that was passed on: the user's counts.
            let signal = interrupted.or(Signal::try_from(number).ok());
            let name = signal.map_or(format!("signal {number}"), |signal| signal.to_string());
            summary.partial = Some(format!("the program was ended by {name}"));
        }
        if let Some(why) = &summary.partial {
            writeln!(output, "{PARTIAL}{why}")?;
            output.flush()?;
        }
        Ok(Recorded { status, summary })
    }
}

fn copy(log: &PipeReader, output: &mut impl Write) -> Result<Summary> {
    let mut reader = Reader::new(BufReader::new(log), Some(Format::Valgrind));
    writeln!(
        output,
        "# a ID SIZE: allocate; r ID SIZE: reallocate; f ID: free"
    )?;
    loop {
        match reader.next_op() {
            Ok(Some(op)) => writeln!(output, "{op}")?,
            Ok(None) => break,
            // A program that allocates nothing leaves a whole, if empty, trace.
            Err(error) if error.line == 0 && reader.summary().operations == 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    output.flush()?;
    Ok(reader.summary().clone())
}

/// The program that signals go to; 0 while there is none.
static PROGRAM: AtomicI32 = AtomicI32::new(0);
/// The signal that came; 0 when none did.
static CAME: AtomicI32 = AtomicI32::new(0);

const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// While it lives, signals that would end this process go to the program instead.
struct Forwarding {
    before: Vec<(Signal, SigAction)>,
}

impl Forwarding {
    fn to(program: &Child) -> Result<Forwarding> {
        CAME.store(0, Ordering::SeqCst);
        PROGRAM.store(program.id() as i32, Ordering::SeqCst);
        let mut forwarding = Forwarding { before: Vec::new() };
        for signal in ENDING {
            // A second signal ends this process: a program may refuse the first.
            let flags = SaFlags::SA_RESTART | SaFlags::SA_RESETHAND;
            let action = SigAction::new(SigHandler::Handler(forward), flags, SigSet::empty());
            // SAFETY: the handler makes one async-signal-safe call and touches only atomics and errno.
            let before = unsafe { sigaction(signal, &action) }.context("sigaction")?;
            forwarding.before.push((signal, before));
        }
        Ok(forwarding)
    }

    /// Stops forwarding; the signal that came meanwhile.
    fn end(self) -> Option<Signal> {
        drop(self);
        Signal::try_from(CAME.load(Ordering::SeqCst)).ok()
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
    CAME.store(signal, Ordering::SeqCst);
    let program = PROGRAM.load(Ordering::SeqCst);
    if program > 0 {
        // SAFETY: kill is async-signal-safe; the program is not reaped while its number stands here.
        unsafe { libc::kill(program, signal) };
    }
    Errno::set_raw(errno);
}
