//! How a binary ends.

use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::Result;
use present::foreign_text::escape_lines;
use present::print_note;

/// The exit status of a binary: that of the run, 0 for a reader who went away, 2 for an error,
/// which goes to standard error.
pub(super) fn exit_code(result: Result<u8>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let message = escape_lines(&claim::error_chain(&error));
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
