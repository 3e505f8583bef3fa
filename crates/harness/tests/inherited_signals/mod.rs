//! What a test starts hears the signals that the test sends, whoever started the test.
#![expect(unsafe_code, reason = "what a signal does is set")]

use nix::sys::signal::{SigHandler, Signal, signal};

/// Takes back that a signal is ignored: a shell ignores SIGINT and SIGQUIT in what a script runs in
/// the background, nohup(1) ignores SIGHUP, and programs inherit that through exec (signal(7)). Our
/// programs rightly leave such a signal ignored, and a test that sends it would wait for ever.
pub fn reset() {
    for number in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
    ] {
        // SAFETY: with SIG_DFL no code of ours runs when the signal comes. Tests are threads of one
        // process, and all that set these signals set them so.
        let before = unsafe { signal(number, SigHandler::SigDfl) };
        assert!(before.is_ok(), "{number}: {before:?}");
    }
}
