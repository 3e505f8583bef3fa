//! Signals that come while a parent waits.
#![expect(unsafe_code, reason = "sigaction")]

use std::os::fd::AsFd;

use child::HeldSignals;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::unistd::Pid;

use crate::process::{
    check_reaped, check_text, ensure, error_of, fork_sleeper, process_state, wait_until,
};
use crate::{Case, Outcome, SHORT};

pub const CASES: &[Case] = &[
    ("a wait ends when what would stop it comes", stopped_wait),
    (
        "a held signal that is ignored stays ignored",
        ignored_signal,
    ),
    ("signals do not disturb a wait", interrupted_wait),
    ("children are kept for the wait", ignored_children),
];

fn stopped_wait() -> Outcome {
    let held = HeldSignals::hold(&[Signal::SIGTERM])?;
    let answer = child::fork("quick", |_| Ok(7))?.join_unless(held.as_fd())?;
    ensure(answer == Some(7), || format!("{answer:?}"))?;
    let late = fork_sleeper("late")?.limit(SHORT);
    check_text(
        &error_of(late.join_unless(held.as_fd()))?,
        &["late (pid ", "no answer within 50ms"],
    )?;
    let endless = fork_sleeper("endless")?;
    let pid = endless.pid();
    raise(Signal::SIGTERM)?;
    let answer = endless.join_unless(held.as_fd())?;
    ensure(answer.is_none(), || format!("{answer:?}"))?;
    let signal = held.next();
    ensure(signal == Some(Signal::SIGTERM), || format!("{signal:?}"))?;
    check_reaped(pid)
}

fn ignored_signal() -> Outcome {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: to ignore a signal runs no code of ours.
    unsafe { sigaction(Signal::SIGHUP, &ignore) }?;
    let held = HeldSignals::hold(&[Signal::SIGHUP, Signal::SIGTERM])?;
    raise(Signal::SIGHUP)?;
    let signal = held.next();
    ensure(signal.is_none(), || format!("{signal:?}"))?;
    raise(Signal::SIGTERM)?;
    let signal = held.next();
    ensure(signal == Some(Signal::SIGTERM), || format!("{signal:?}"))
}

/// waitpid(2) has no status of a child whose end is ignored.
fn ignored_children() -> Outcome {
    let (ignored, empty) = (SigHandler::SigIgn, SigSet::empty());
    for (handler, flags) in [
        (ignored, SaFlags::empty()),
        (SigHandler::SigDfl, SaFlags::SA_NOCLDWAIT),
    ] {
        let action = SigAction::new(handler, flags, empty);
        // SAFETY: neither runs any code of ours.
        unsafe { sigaction(Signal::SIGCHLD, &action) }?;
        let answer = child::fork("kept", |_| Ok(7))?.join()?;
        ensure(answer == 7, || format!("{answer}"))?;
    }
    Ok(())
}

fn interrupted_wait() -> Outcome {
    extern "C" fn nothing(_: nix::libc::c_int) {}
    let handler = SigHandler::Handler(nothing);
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, so it is async-signal-safe.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;
    // The child interrupts its parent until the parent was seen in poll(2) many times over.
    let mut pest = child::fork("pest", |parent| {
        let pid = Pid::from_raw(parent.pid());
        for _ in 0..200 {
            wait_until(|| Ok(process_state(pid.as_raw())? == 'S'))?;
            kill(pid, Signal::SIGUSR1)?;
        }
        parent.send(&1)?;
        Ok(2)
    })?;
    let (word, answer): (i32, i32) = (pest.recv()?, pest.join()?);
    ensure((word, answer) == (1, 2), || format!("{word}, {answer}"))
}
