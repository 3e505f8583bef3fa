//! Recording a program's allocations: valgrind runs it, and what it says becomes a plain trace.
#![expect(
    unsafe_code,
    reason = "the descriptor for valgrind's log is prepared between fork and exec"
)]

use std::ffi::OsString;
use std::io::{BufReader, PipeReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::trace::{Format, Reader, Summary};

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

    /// Writes the plain trace to `output` while the program runs, until it ends.
    ///
    /// # Errors
    /// `output` cannot be written; a line of valgrind's is not understood. The program is ended then.
    pub fn write(mut self, output: &mut impl Write) -> Result<Recorded> {
        let result = copy(&self.log, output);
        if result.is_err() {
            // Already ended, perhaps; it is reaped in any case.
            let _ = self.child.kill();
        }
        let status = self.child.wait().context("wait for valgrind")?;
        let summary = result.with_context(|| format!("recording (valgrind: {status})"))?;
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
