//! Standard output, and whether it was open when the program started.
#![expect(
    unsafe_code,
    reason = "a look at descriptor 1 before Rust's own start-up"
)]
#![expect(clippy::disallowed_methods, reason = "this is the room that prints")]

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use serde::Serialize;

use crate::Error;
use crate::charset::for_locale;

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Rust opens /dev/null for each standard stream that is closed, so that no file of the program's
/// gets its number; what is written there is lost without an error. The loader runs the functions
/// of this section before, and there the truth can still be seen.
// SAFETY: the section is an array of pointers to functions that the loader calls once, on the only
// thread; `look` takes no arguments, which ignores those it is given, cannot panic, and uses
// nothing that Rust's start-up prepares.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: F_GETFD takes integers; a number that is not open gives EBADF.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    CLOSED.store(flags == -1, Ordering::Relaxed);
}

/// Writes text for people to standard output. Whether colours stay is decided here and nowhere
/// else: they are stripped where it is no terminal, or NO_COLOR is set, unless CLICOLOR_FORCE is.
/// And so is whether more than ASCII stays: see [`charset`](crate::charset).
///
/// # Errors
/// Output that cannot be written, EBADF if it was closed from the start; a reader who went away,
/// which the command line takes for success.
pub fn print(text: &str) -> Result<(), Error> {
    write(anstream::stdout().lock(), for_locale(text).as_bytes())
}

/// Writes a document for programs to standard output, byte by byte as it is.
///
/// # Errors
/// As [`print()`].
pub fn print_data(document: &str) -> Result<(), Error> {
    write(io::stdout().lock(), document.as_bytes())
}

fn write(mut out: impl Write, bytes: &[u8]) -> Result<(), Error> {
    let open = match CLOSED.load(Ordering::Relaxed) {
        true => Err(io::Error::from(Errno::EBADF)),
        false => Ok(()),
    };
    open.and_then(|()| out.write_all(bytes))
        .and_then(|()| out.flush())
        .map_err(|error| Error::new("write to", "standard output", error))
}

/// Writes a line to standard error: an error, a warning, a note. That it cannot be written is
/// ignored: there is no other place to say so, and `eprintln!` would panic.
pub fn print_note(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", for_locale(line));
}

/// Prints a document: as JSON, or as the text that `text` makes of it.
///
/// # Errors
/// As [`print()`]; a document that has no form in JSON.
pub fn print_document(
    json: bool,
    document: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), Error> {
    if !json {
        return print(&text());
    }
    let json = serde_json::to_string_pretty(document)
        .map_err(|error| Error::new("serialize", "the document", error.into()))?;
    print_data(&(json + "\n"))
}
