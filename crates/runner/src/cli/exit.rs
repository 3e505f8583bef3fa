//! How a binary begins and ends.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;
use std::thread::{Builder, scope};

use anyhow::{Result, anyhow};
use clap::{ArgMatches, Command};
use harness::inherited;
use harness::limits::room_for_stack;
use present::foreign_text::{escape, escape_controls};
use present::print_note;

/// The stack without which not even a command line can be read.
const STACK: usize = 256 << 10;

/// The whole of a binary: rids this process of what its caller ignored, blocked and limited, runs
/// it, and returns its exit status.
pub(super) fn start(run: impl FnOnce() -> Result<u8> + Send) -> ExitCode {
    inherited::reset();
    exit_code(match room_for_stack(STACK as u64) {
        Ok(()) => run(),
        Err(_) => run_on_a_stack_of_its_own(run),
    })
}

/// The arguments of this process, read as those of `command`. Where they are none, or ask for help,
/// that is printed, and the process ends.
pub(super) fn read_arguments(command: Command) -> ArgMatches {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let read = |arguments| command.clone().try_get_matches_from(arguments);
    read(arguments.clone()).unwrap_or_else(|error| {
        // clap repeats the arguments that it does not understand, and they may hold anything: it is
        // asked again for what it says of them when they are escaped.
        let escaped = arguments.iter().map(|it| escape(it).into()).collect();
        read(escaped).err().unwrap_or(error).exit()
    })
}

/// Runs a binary in a thread, whose stack no RLIMIT_STACK limits: it can say of each claim why that
/// is not measured.
fn run_on_a_stack_of_its_own(run: impl FnOnce() -> Result<u8> + Send) -> Result<u8> {
    scope(|scope| {
        let thread = Builder::new().stack_size(4 * STACK);
        let running = thread.spawn_scoped(scope, run)?;
        running.join().map_err(|_| anyhow!("the thread panicked"))?
    })
}

/// The exit status of a binary: that of the run, 0 for a reader who went away, 2 for an error,
/// which goes to standard error.
fn exit_code(result: Result<u8>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever the names in it hold.
            let message = escape_controls(&claim::error_chain(&error));
            print_note(&format!("error: {message}"));
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe;
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(broken)
}
